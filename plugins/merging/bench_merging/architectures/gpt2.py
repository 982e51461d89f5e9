"""GPT-2 as a classifier of sequences, with the names of Hugging Face's checkpoints; Radford et al. 2019.

x           tokens, (n, L) int64, padded on the right with the token `pad`
block       x + attention(ln_1(x)), causal; x + W2 gelu(W1 ln_2(x)), gelu by its tanh approximation
features    ln_f at the last token that is no padding, (n, d); the `score` on it is a task's head

What stands behind a token does not reach it, so that padding on the right needs no mask. The checkpoints hold the
matrices of blocks as (in, out); here they are (out, in), as those of all linear layers.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.architectures.blocks import attend
from bench_merging.network import Groups


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, eps: float) -> None:
        super().__init__()
        self._heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, hidden), "c_proj": nn.Linear(hidden, width)})

    def forward(self, x: Tensor) -> Tensor:
        parts = self.attn["c_attn"](self.ln_1(x)).chunk(3, dim=-1)
        ahead = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        mask = torch.zeros(ahead.shape).masked_fill(ahead, -torch.inf)
        x = x + self.attn["c_proj"](attend(*parts, self._heads, mask=mask))
        return x + self.mlp["c_proj"](functional.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    """The model without its head.

    Args:
        config: what `config.json` says; the padding is `pad_token_id`, or else `eos_token_id`.

    Raises:
        KeyError: a size is missing.
        ValueError: the activation or the scaling of attention is another.
    """

    def __init__(self, config: Mapping[str, Any], preprocessor: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__()
        if (act := config.get("activation_function", "gelu_new")) != "gelu_new":
            raise ValueError(f"the activation {act} is not that of GPT-2, gelu_new")
        if config.get("scale_attn_by_inverse_layer_idx") or not config.get("scale_attn_weights", True):
            raise ValueError("attention is scaled by the root of the heads' size alone")
        width, eps = config["n_embd"], config.get("layer_norm_epsilon", 1e-5)
        hidden = config.get("n_inner") or 4 * width
        pad = config.get("pad_token_id")
        self._pad = config.get("eos_token_id", 50256) if pad is None else pad
        self.wte = nn.Embedding(config["vocab_size"], width)
        self.wpe = nn.Embedding(config["n_positions"], width)
        self.h = nn.ModuleList(_Block(width, config["n_head"], hidden, eps) for _ in range(config["n_layer"]))
        self.ln_f = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor) -> Tensor:
        place = torch.arange(x.shape[1])
        z = self.wte(x) + self.wpe(place)
        for block in self.h:
            z = block(z)
        last = (~self.padding(x) * place).argmax(-1)
        return self.ln_f(z[torch.arange(len(x)), last])

    def padding(self, x: Tensor) -> Tensor:
        """Return which tokens are padding, (n, L)."""
        return x == self._pad

    def groups(self) -> Groups:
        return []  # its residual stream and heads are no permutation groups of `network.Axis`
