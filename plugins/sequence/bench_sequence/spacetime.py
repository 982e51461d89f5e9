"""SpaceTime: a convolution whose kernels are those of companion state-space systems, which are discrete from the start.

Zhang, Saab, Poli, Dao, Goel and Ré (ICLR 2023, arXiv 2303.09489). This is the layer of the paper's encoder; its
forecasting decoder, which feeds its outputs back, and the whole network are in spacetime_network.py; kernels, states
and their equations in companion.py.

    y = K * p(u) + D p(u),  K_l = c A^l b,  A the companion matrix of a / |a|₁, whose spectral radius is at most one
    p(u) = u, or, "residual", fixed filters: differences of order 0 to 3, or u less its mean over the last w positions

The released code computes K from dense powers of A. Here it is the exact "series" of companion.py, or the paper's
"woodbury", or "dense".

Symbols: B batch, L length, H channels (d_model), d state size (kernel_dim), G kernels, each of which serves `heads`
neighbouring channels, R = 1 or 2 directions (causal=False adds a second c, with the same a and b, whose kernel runs
backwards from lag one, as in S4; the paper is causal).
    a, b  (G, d)    c  (R, G, d)    D  (H,)    K  (R, H, L)    x state, (B, H, d)
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from bench_sequence import companion, limits
from bench_sequence.convolution import causal_convolution, two_sided_convolution

DIFFERENCES = 4  # orders 0 to 3
FILTERS = 8  # half differences, half moving averages, in turn along the channels
MIN_WINDOW, MAX_WINDOW = 4, 64  # of a moving average, the latter excluded


class SpaceTime(nn.Module):
    """The companion layer. a, b, c and D start as N(0, 1).

    Args:
        d_model: H.
        l_max: not used: the kernel is computed for the length of each input.
        causal: False adds a second kernel that runs backwards.
        kernel_dim: d. 64 in the paper's forecasting models.
        heads: channels that share a kernel, a divisor of d_model; the paper has 8 in its first block, then 1.
        preprocess: "residual" for the fixed filters that the paper puts before its first block.
        algorithm: how K is computed.

    Raises:
        ValueError: one of them is out of range, or, when called with a state, `preprocess` is "residual".
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        kernel_dim: int = 64,
        heads: int = 1,
        preprocess: Literal["none", "residual"] = "none",
        algorithm: Literal["series", "woodbury", "dense"] = "series",
    ) -> None:
        super().__init__()
        limits.spacetime(d_model=d_model, kernel_dim=kernel_dim, heads=heads)
        if algorithm not in ("series", "woodbury", "dense"):
            raise ValueError(f"algorithm must be series, woodbury or dense, got {algorithm!r}")
        if preprocess not in ("none", "residual"):
            raise ValueError(f"preprocess must be none or residual, got {preprocess!r}")
        self.causal, self.heads, self.algorithm = causal, heads, algorithm
        kernels = d_model // heads
        self.a = nn.Parameter(torch.randn(kernels, kernel_dim))
        self.b = nn.Parameter(torch.randn(kernels, kernel_dim))
        self.c = nn.Parameter(torch.randn(1 if causal else 2, kernels, kernel_dim))
        self.D = nn.Parameter(torch.randn(d_model))
        self.register_buffer("filters", residual_filters(d_model) if preprocess == "residual" else None)

    def forward(
        self, u: Tensor, state: Tensor | None = None, *, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Map u (B, L, H) to y (B, L, H), for any L; with `return_state`, to y and the state after the last position.

        `state` is the state before the first position, (B, H, d), from here or from `step`; None for zero.
        """
        if state is not None or return_state:
            self._needs_state("a state")
        u = self.preprocessed(u)
        K = self.kernel(u.shape[1])
        y = causal_convolution(u, K[0]) if self.causal else two_sided_convolution(u, K[0], K[1])
        y = y + self.D * u
        if state is not None:
            a, _, c = self.system()
            y = y + companion.zero_input_response(a, c[0], state, u.shape[1]).transpose(1, 2)
        return (y, self.state_after(u, state)) if return_state else y

    def step(self, u: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map one input u (B, H) to y (B, H) and the next state (B, H, d), in O(H d); `state` None means zero.

        ValueError if not causal, or with fixed filters.
        """
        self._needs_state("step")
        a, b, c = self.system()
        x = b * u[..., None]
        if state is not None:
            x = x + nn.functional.pad(state[..., :-1], (1, 0)) + a * state[..., -1:]
        return (c[0] * x).sum(-1) + self.D * u, x

    def system(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return a, of 1-norm one, and b, (H, d), and c (R, H, d), for each channel."""
        a, b, c = normalised(self.a), self.b, self.c
        return tuple(z.repeat_interleave(self.heads, dim=-2) for z in (a, b, c))

    def kernel(self, length: int) -> Tensor:
        """Return K (R, H, length)."""
        K = kernel(self.algorithm, normalised(self.a), self.b, self.c, length)
        return K.repeat_interleave(self.heads, dim=-2)

    def state_after(self, u: Tensor, state: Tensor | None = None) -> Tensor:
        """Return the state after the (preprocessed) inputs u (B, L, H), (B, H, d)."""
        a, b, _ = self.system()
        return companion.final_state(a, b, u.transpose(1, 2), state)

    def preprocessed(self, u: Tensor) -> Tensor:
        """Return p(u)."""
        return u if self.filters is None else causal_convolution(u, self.filters)

    def _needs_state(self, what: str) -> None:
        if not self.causal:
            raise ValueError(f"{what} needs causal=True: a bidirectional output depends on later inputs")
        if self.filters is not None:
            raise ValueError(f"{what} needs preprocess none: the fixed filters are not part of the state")


def normalised(x: Tensor) -> Tensor:
    """Return x (..., d) divided by its 1-norm; zero stays zero."""
    return x / x.abs().sum(-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)


def kernel(algorithm: Literal["series", "woodbury", "dense"], a: Tensor, b: Tensor, c: Tensor, length: int) -> Tensor:
    """Return c A^l b for l < length, (..., length), by one of the functions of companion.py."""
    if algorithm == "dense":
        return companion.dense_kernel(a, b, c, length)
    if algorithm == "woodbury":
        return companion.woodbury_kernel(a, b, companion.reduced_output(a, c, length), length)
    return companion.series_kernel(a, b, c, length)


def residual_filters(d_model: int) -> Tensor:
    """Return the paper's fixed filters, (d_model, MAX_WINDOW).

    Of eight channels in turn, four are differences of order 0 to 3, and four residuals of moving averages, δ_0 − 1/w,
    with windows w drawn uniformly from 4 to 63.
    """
    taps = torch.zeros(d_model, MAX_WINDOW)
    for channel in range(d_model):
        kind = channel % FILTERS
        if kind < DIFFERENCES:
            taps[channel, : kind + 1] = torch.tensor([(-1.0) ** i * math.comb(kind, i) for i in range(kind + 1)])
        else:
            window = int(torch.randint(MIN_WINDOW, MAX_WINDOW, ()))
            taps[channel, 0] = 1
            taps[channel, :window] -= 1 / window
    return taps
