"""The vision tower of CLIP, with the names of Hugging Face's checkpoints; Radford et al. 2021, arXiv:2103.00020.

patches     convolution of size and stride p, then the class embedding in front, plus learnt positions
block       x + attention(norm1(x)); x + fc2(quick_gelu(fc1(norm2(x))));  quick_gelu(a) = a sigmoid(1.702 a)
features    visual_projection(post_layernorm(class token)), (n, d)
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from bench_merging.architectures.blocks import Pixels, attend
from bench_merging.network import Groups

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # of CLIP's training images


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self.heads))


class _MLP(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        return self.fc2(x * (1.702 * x).sigmoid())


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, eps: float) -> None:
        super().__init__()
        self.self_attn, self.mlp = _Attention(width, heads), _MLP(width, hidden)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class _Embeddings(nn.Module):
    def __init__(self, width: int, patch: int, side: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, patch, bias=False)
        self.position_embedding = nn.Embedding((side // patch) ** 2 + 1, width)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embedding(x).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(x), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _Tower(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, hidden: int, patch: int, side: int, eps: float) -> None:
        super().__init__()
        self.embeddings = _Embeddings(width, patch, side)
        self.pre_layrnorm = nn.LayerNorm(width, eps)  # as the checkpoints spell it
        self.encoder = nn.ModuleDict(
            {"layers": nn.ModuleList(_Block(width, heads, hidden, eps) for _ in range(layers))}
        )
        self.post_layernorm = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pre_layrnorm(self.embeddings(x))
        for block in self.encoder["layers"]:
            x = block(x)
        return self.post_layernorm(x[:, 0])


class CLIPVision(nn.Module):
    """The tower with its projection.

    Args:
        config: what `config.json` says of the vision tower (under `vision_config`, where there is one).
        preprocessor: what `preprocessor_config.json` says.

    Raises:
        KeyError: a size is missing.
        ValueError: the activation is not quick_gelu.
    """

    def __init__(self, config: Mapping[str, Any], preprocessor: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__()
        self.pixels = Pixels(preprocessor, MEAN, STD)
        tower = config.get("vision_config", config)
        if tower.get("hidden_act", "quick_gelu") != "quick_gelu":
            raise ValueError(f"the activation {tower['hidden_act']} is not that of CLIP's vision tower, quick_gelu")
        width = tower["hidden_size"]
        self.vision_model = _Tower(
            width,
            tower["num_hidden_layers"],
            tower["num_attention_heads"],
            tower["intermediate_size"],
            tower["patch_size"],
            tower["image_size"],
            tower.get("layer_norm_eps", 1e-5),
        )
        self.visual_projection = nn.Linear(width, config.get("projection_dim", tower.get("projection_dim")), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.visual_projection(self.vision_model(self.pixels(x)))

    def groups(self) -> Groups:
        return []  # its residual stream and heads are no permutation groups of `network.Axis`
