"""Monarch Mixer (M2): a gated long convolution beside an ungated one, both by way of Monarch matrices.

Fu et al. 2023, "Monarch Mixer: A Simple Sub-Quadratic GEMM-Based Architecture", arXiv:2310.12109; details from the
released code of M2-BERT (github.com/HazyResearch/m2, bert/src/mm).

    (x_1, x_2, v) = short convolution of (W_i u + b_i)           depthwise, causal, three taps, both ways alike
    y = W_o [x_2 * (K (x_1 * v) + D x_1 * v) + K' u + D' u] + b_o

K and K' are long convolutions with implicit kernels (`implicit_filter`): one-sided if causal; otherwise a second
kernel runs backwards from lag one. Each is M^{-1} (M k * M x) with M the Monarch matrix of the Fourier transform of
twice the length (`monarch`). The released code computes the same by FFT, as `monarch_order=None` does here.

This is the sequence mixer. M2's other half, the block-diagonal mixer of the channels, stands in the MLP's place, which
here is the backbone's; M2-BERT has neither residual nor normalisation around the mixer (K' takes their part), the
backbone has both. The code of M2-GPT was not released: the causal form is the one above, without the backward kernels.

Symbols: u input, (B, L, H); x_1, x_2, v projections, (B, L, H); K, K' kernels, (R, H, l_max), lags beyond them are not
seen; D, D' skips, (H,); B batch, L length, H channels, R directions.
"""

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.implicit_filter import ImplicitFilter
from bench_sequence.monarch import monarch_convolution

TAPS = 3  # of the short convolution


class MonarchMixer(nn.Module):
    """M2's sequence mixer; sizes of the filters are those of M2-BERT.

    Args:
        monarch_order: p, into how many block-diagonal factors the transform is split; None computes it by FFT.
        residual: whether K' is there.

    Raises:
        ValueError: monarch_order is less than two, or the filters' sizes are less than one.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        monarch_order: int | None = 2,
        residual: bool = True,
        width: int = 128,
        bands: int = 2,
        frequency: float = 10.0,
    ) -> None:
        super().__init__()
        limits.monarch_mixer(monarch_order=monarch_order, width=width, bands=bands)
        self.monarch_order = monarch_order
        self.project = nn.Linear(d_model, 3 * d_model)
        self.short = nn.Conv1d(3 * d_model, 3 * d_model, TAPS, groups=3 * d_model, padding=TAPS - 1)
        self.filters = nn.ModuleList(
            ImplicitFilter(
                channels=d_model,
                l_max=l_max,
                directions=1 if causal else 2,
                bands=bands,
                width=width,
                frequency=frequency,
                weight_decay=0.1,
            )
            for _ in range(2 if residual else 1)
        )
        self.D = nn.ParameterList(torch.randn(d_model) for _ in self.filters)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, u: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        projections = self.short(self.project(u).transpose(1, 2))[..., : u.shape[1]].transpose(1, 2)
        x_1, x_2, v = projections.chunk(3, dim=-1)
        y = x_2 * self._convolve(0, x_1 * v)
        if len(self.filters) == 2:
            y = y + self._convolve(1, u)
        return self.out(y)

    def param_groups(self) -> list[dict]:
        """Return those of the filters."""
        return [group for filter_ in self.filters for group in filter_.param_groups()]

    def _convolve(self, number: int, u: Tensor) -> Tensor:
        """Return K u + D u, or K' u + D' u, (B, L, H)."""
        forward, *rest = self.filters[number]()
        backward = rest[0] if rest else None
        if self.monarch_order is not None:
            y = monarch_convolution(u, forward, backward, self.monarch_order)
        elif backward is not None:
            y = two_sided_convolution(u, forward, backward)
        else:
            y = causal_convolution(u, forward)
        return y + self.D[number] * u
