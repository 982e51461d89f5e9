"""T5, with the names of Hugging Face's checkpoints; Raffel et al. 2020, arXiv:1910.10683 (Flan-T5: gated, untied).

x           tokens, (n, L) int64, padded with the token `pad`, which is masked
attention   without a scale; with a bias for each head and each bucket of distances, which all layers share
norm        x / rms(x) * weight
features    the logits of the answer's first token over the whole vocabulary, (n, V)

Only the first token of an answer is looked at, so that the decoder sees its start token alone. A model with tied
embeddings has one matrix, `shared`, and scales what it multiplies by 1/sqrt(d).
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.architectures.blocks import attend
from bench_merging.network import Groups


class _Norm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self._eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self._eps)


class _Attention(nn.Module):
    def __init__(self, config: Mapping[str, Any], buckets: int) -> None:
        super().__init__()
        self._heads = config["num_heads"]
        width, inner = config["d_model"], config["num_heads"] * config["d_kv"]
        self.q, self.k, self.v = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, width, bias=False)
        if buckets:
            self.relative_attention_bias = nn.Embedding(buckets, self._heads)

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | None) -> Tensor:
        return self.o(attend(self.q(x), self.k(memory), self.v(memory), self._heads, mask=bias, scale=1.0))


class _Feedforward(nn.Module):
    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        kind = config.get("feed_forward_proj", "relu")
        if kind not in ("relu", "gated-gelu"):
            raise ValueError(f"the feed-forward layer is {kind}, neither relu nor gated-gelu")
        self._gated = kind == "gated-gelu"
        for name in ("wi_0", "wi_1") if self._gated else ("wi",):
            setattr(self, name, nn.Linear(config["d_model"], config["d_ff"], bias=False))
        self.wo = nn.Linear(config["d_ff"], config["d_model"], bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self._gated:
            return self.wo(functional.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))
        return self.wo(self.wi(x).relu())


class _Layer(nn.Module):
    """A part of a block under the name that checkpoints give it, with the norm before it."""

    def __init__(self, name: str, part: nn.Module, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.add_module(name, part)
        self.layer_norm = _Norm(config["d_model"], config.get("layer_norm_epsilon", 1e-6))
        self._name = name

    @property
    def part(self) -> nn.Module:
        return self.get_submodule(self._name)


class _Stack(nn.Module):
    def __init__(self, config: Mapping[str, Any], layers: int, *, decodes: bool) -> None:
        super().__init__()
        buckets = config.get("relative_attention_num_buckets", 32)

        def block(i: int) -> nn.Module:
            parts = [("SelfAttention", _Attention(config, 0 if i else buckets))]
            parts += [("EncDecAttention", _Attention(config, 0))] if decodes else []
            layers = [_Layer(name, part, config) for name, part in parts]
            return nn.ModuleDict(
                {"layer": nn.ModuleList([*layers, _Layer("DenseReluDense", _Feedforward(config), config)])}
            )

        self.block = nn.ModuleList(block(i) for i in range(layers))
        self.final_layer_norm = _Norm(config["d_model"], config.get("layer_norm_epsilon", 1e-6))
        self._buckets, self._distance = buckets, config.get("relative_attention_max_distance", 128)
        self._decodes = decodes

    def forward(self, x: Tensor, memory: Tensor | None, mask: Tensor) -> Tensor:
        """Return (n, L, d) of embeddings (n, L, d); `mask`, (n, 1, 1, M), is added to scores of what has padding."""
        own = self._bias(x.shape[1])
        for block in self.block:
            first, *middle, last = block["layer"]
            z = first.layer_norm(x)
            x = x + first.part(z, z, own if self._decodes else own + mask)
            for layer in middle:
                x = x + layer.part(layer.layer_norm(x), memory, mask)
            x = x + last.part(last.layer_norm(x))
        return self.final_layer_norm(x)

    def _bias(self, length: int) -> Tensor:
        """Return the bias of every pair of places, (1, heads, L, L)."""
        place = torch.arange(length)
        found = buckets_of(place - place[:, None], self._buckets, self._distance, both=not self._decodes)
        return self.block[0]["layer"][0].part.relative_attention_bias(found).permute(2, 0, 1)[None]


def buckets_of(ahead: Tensor, buckets: int, distance: int, *, both: bool) -> Tensor:
    """Return the bucket of each distance: exact for near places, logarithmic up to `distance`, one beyond it.

    Args:
        ahead: how far the place that is looked at lies ahead of the one that looks.
        both: whether places ahead have half of the buckets; otherwise they count as distance 0.
    """
    start = torch.zeros_like(ahead)
    if both:
        buckets //= 2
        start = (ahead > 0) * buckets
    far = ahead.abs() if both else (-ahead).clamp(min=0)
    exact = buckets // 2
    growth = torch.log(far.clamp(min=1) / exact) / math.log(distance / exact)
    wide = (exact + (growth * (buckets - exact)).long()).clamp(max=buckets - 1)
    return start + torch.where(far < exact, far, wide)


class T5(nn.Module):
    """The whole model, for the first token of its answers.

    Args:
        config: what `config.json` says.

    Raises:
        KeyError: a size is missing.
        ValueError: the feed-forward layer is neither relu nor gated-gelu.
    """

    def __init__(self, config: Mapping[str, Any], preprocessor: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__()
        width, layers = config["d_model"], config["num_layers"]
        self._pad, self._start = config.get("pad_token_id", 0), config.get("decoder_start_token_id", 0)
        self.shared = nn.Embedding(config["vocab_size"], width)
        self.encoder = _Stack(config, layers, decodes=False)
        self.decoder = _Stack(config, config.get("num_decoder_layers") or layers, decodes=True)
        tied = config.get("tie_word_embeddings", True)
        self._scale = 1 / math.sqrt(width) if config.get("scale_decoder_outputs", tied) else 1.0
        if not tied:
            self.lm_head = nn.Linear(width, config["vocab_size"], bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.where(self.padding(x), torch.finfo(torch.float32).min, 0.0)[:, None, None]
        memory = self.encoder(self.shared(x), None, mask)
        start = self.shared(torch.full_like(x[:, :1], self._start))
        z = self._scale * self.decoder(start, memory, mask)[:, 0]
        return self.lm_head(z) if hasattr(self, "lm_head") else z @ self.shared.weight.T

    def padding(self, x: Tensor) -> Tensor:
        """Return which tokens are padding, (n, L)."""
        return x == self._pad

    def groups(self) -> Groups:
        return []  # its residual stream and heads are no permutation groups of `network.Axis`
