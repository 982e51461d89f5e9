"""Transformer: multi-head softmax attention, with sinusoidal positions added to its input.

Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, equation 1 and sections 3.2 and 3.5.

    y = concat over heads of [softmax(q k^T / sqrt(E)) v] W_O,   q, k, v = W_Q u, W_K u, W_V u,   u = x + PE

This is the attention sub-layer alone: the backbone supplies norm, feed-forward and residual. Since a mixer sees only
its own input, the positions are added before every layer's attention, where the paper adds them once, below the first
layer. The projections have no biases, as in the paper's equations; their initialisation, which the paper leaves
open, is Xavier's uniform one, matrix by matrix, so that scores of unit-variance inputs have unit variance.

Symbols: x input, (B, L, H); PE positions, (L, H); q, k, v queries, keys and values, (B, M, L, E); B batch, L length,
H channels, M heads, E = H / M channels of one head.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from bench_sequence import limits
from bench_sequence.positions import add_positions


class Transformer(nn.Module):
    """Softmax attention; `causal=True` attends to the present and the past only. `l_max` is not used.

    Raises:
        ValueError: heads does not divide d_model.
    """

    def __init__(self, *, d_model: int, l_max: int, causal: bool, heads: int = 4) -> None:
        super().__init__()
        limits.split(d_model=d_model, heads=heads)
        self.causal = causal
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))
        for projection in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(projection.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        q, k, v = self._project(add_positions(x))
        return self._merge(scaled_dot_product_attention(q, k, v, is_causal=self.causal))

    def step(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Map the next input, (B, H), to its output; the state is the keys and values so far, each (B, M, t, E).

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        t = 0 if state is None else state[0].shape[2]
        q, k, v = self._project(add_positions(x[:, None], start=t))
        if state is not None:
            k, v = torch.cat((state[0], k), dim=2), torch.cat((state[1], v), dim=2)
        return self._merge(scaled_dot_product_attention(q, k, v))[:, 0], (k, v)

    def _project(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, M, L, E), of u, (B, L, H)."""
        q, k, v = (
            projection(u).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        return q, k, v

    def _merge(self, y: Tensor) -> Tensor:
        """Return the layer's output, (B, L, H), from that of its heads, (B, M, L, E)."""
        return self.out(y.transpose(1, 2).flatten(2))
