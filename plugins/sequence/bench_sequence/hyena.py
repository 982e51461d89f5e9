"""Hyena: gates and long convolutions in turn, with kernels that a small network draws.

Poli et al. 2023, "Hyena Hierarchy: Towards Larger Convolutional Language Models", arXiv:2302.10866, definition 3.1 and
algorithms 1 to 3; details from the released code (github.com/HazyResearch/safari).

    (x^N, ..., x^1, v) = short convolution of (W u + b)          depthwise, causal, three taps
    z^1 = v,   z^{n+1} = x^n * (K^n z^n + D^n z^n),   y = W_o z^{N+1} + b_o

K^n z is a causal convolution with an implicit kernel (`implicit_filter`). The released code leaves out the first of
the N convolutions, z^2 = x^1 * v, and so does the default; `convolve_value=True` is definition 3.1 to the letter.
Order 2 is what the paper trains. The paper's operator is causal, and so is this layer.

Symbols: u input, (B, L, H); v, x^n projections and z^n, (B, L, H); K^n kernel, (H, l_max), lags beyond it are not
seen; D^n skip, (H,); B batch, L length, H channels, N `order`.
"""

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.convolution import causal_convolution
from bench_sequence.implicit_filter import ImplicitFilter
from harness import Skip

TAPS = 3  # of the short convolution


class Hyena(nn.Module):
    """The Hyena operator of order N; causal.

    Defaults are those of the released code, but for `bands` (its emb_dim is 2 bands + 1) and `frequency` (its w), for
    which it has no common value: 2 and 10 are those of its associative recall runs, 16 and 14 those on The Pile.

    Raises:
        Skip: causal is False.
        ValueError: order is less than two, or the filter's sizes are less than one.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        order: int = 2,
        convolve_value: bool = False,
        width: int = 64,
        bands: int = 2,
        frequency: float = 10.0,
    ) -> None:
        super().__init__()
        if not causal:
            raise Skip("the Hyena operator is causal: it has no other form")
        limits.hyena(order=order, width=width, bands=bands)
        self.order = order
        self.convolutions = order if convolve_value else order - 1
        self.project = nn.Linear(d_model, (order + 1) * d_model)
        width_in = (order + 1) * d_model
        self.short = nn.Conv1d(width_in, width_in, TAPS, groups=width_in, padding=TAPS - 1)
        channels = self.convolutions * d_model
        self.filter = ImplicitFilter(
            channels=channels, l_max=l_max, directions=1, bands=bands, width=width, frequency=frequency
        )
        self.D = nn.Parameter(torch.randn(channels))
        self.out = nn.Linear(d_model, d_model)

    def forward(self, u: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        projections = self.short(self.project(u).transpose(1, 2))[..., : u.shape[1]].transpose(1, 2)
        *gates, z = projections.chunk(self.order + 1, dim=-1)
        # Channel c of convolution n is number c N' + n of the filter, as in the released code: neighbours decay alike.
        kernels = self.filter()[0].unflatten(0, (-1, self.convolutions)).unbind(1)
        skips = self.D.unflatten(0, (-1, self.convolutions)).unbind(1)
        if self.convolutions < self.order:
            z = gates.pop() * z
        for kernel, D, gate in zip(kernels, skips, reversed(gates), strict=True):
            z = gate * (causal_convolution(z, kernel) + D * z)
        return self.out(z)

    def param_groups(self) -> list[dict]:
        """Return those of the filter."""
        return self.filter.param_groups()
