"""The Vision Transformer, with the names of Hugging Face's checkpoints; Dosovitskiy et al. 2021, arXiv:2010.11929.

patches     convolution of size and stride p, the class token in front, plus learnt positions
block       x + attention(norm(x)); x + W2 gelu(W1 norm(x))
features    layernorm(class token), (n, d); the classifier on it is a task's head
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.architectures.blocks import Pixels, attend
from bench_merging.network import Groups

MEAN = STD = (0.5, 0.5, 0.5)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, *, bias: bool) -> None:
        super().__init__()
        self._heads = heads
        self.attention = nn.ModuleDict({part: nn.Linear(width, width, bias) for part in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, x: Tensor) -> Tensor:
        parts = (self.attention[part](x) for part in ("query", "key", "value"))
        return self.output["dense"](attend(*parts, self._heads))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, eps: float, *, bias: bool) -> None:
        super().__init__()
        self.attention = _Attention(width, heads, bias=bias)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, hidden)})
        self.output = nn.ModuleDict({"dense": nn.Linear(hidden, width)})
        self.layernorm_before, self.layernorm_after = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.layernorm_before(x))
        return x + self.output["dense"](functional.gelu(self.intermediate["dense"](self.layernorm_after(x))))


class _Embeddings(nn.Module):
    def __init__(self, width: int, patch: int, side: int, channels: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.position_embeddings = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width))
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(channels, width, patch, patch)})

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embeddings["projection"](x).flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1) + self.position_embeddings


class ViT(nn.Module):
    """The model without pooler and classifier.

    Args:
        config: what `config.json` says.
        preprocessor: what `preprocessor_config.json` says.

    Raises:
        KeyError: a size is missing.
        ValueError: the activation is not gelu.
    """

    def __init__(self, config: Mapping[str, Any], preprocessor: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__()
        if config.get("hidden_act", "gelu") != "gelu":
            raise ValueError(f"the activation {config['hidden_act']} is not gelu")
        self._pixels = Pixels(preprocessor, MEAN, STD)
        width, eps = config["hidden_size"], config.get("layer_norm_eps", 1e-12)
        sizes = width, config["num_attention_heads"], config["intermediate_size"], eps
        blocks = (_Block(*sizes, bias=config.get("qkv_bias", True)) for _ in range(config["num_hidden_layers"]))
        patch, side, channels = config["patch_size"], config["image_size"], config.get("num_channels", 3)
        self.embeddings = _Embeddings(width, patch, side, channels)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})
        self.layernorm = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embeddings(self._pixels(x))
        for block in self.encoder["layer"]:
            x = block(x)
        return self.layernorm(x[:, 0])

    def groups(self) -> Groups:
        return []  # its residual stream and heads are no permutation groups of `network.Axis`
