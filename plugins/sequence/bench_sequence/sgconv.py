"""SGConv: a long convolution whose kernel is a few short pieces, each twice as stretched and less loud than the last.

Li et al. 2022, "What Makes Convolutional Models Great on Long Sequence Modeling?", arXiv:2210.09298;
details from the released code (github.com/ctlllll/SGConv), whose mode "cat_randn" is the default here.

    S = 1 + ceil(log2(l_max / d))
    K = [α^{S-1} up_1(W_0), α^{S-2} up_1(W_1), α^{S-3} up_2(W_2), ..., up_{2^{S-2}}(W_{S-1})] / Z
    y = K * u + D u

up_s stretches d weights to s d taps by interpolation, so that K has d 2^{S-1} >= l_max taps from d S weights. Z is the
Euclidean norm of the whole kernel at initialisation (before it is cut to the sequence) and stays as it is: part of
the state dict, not trained.

The released code has other modes. "sum" starts every piece at lag 0, the i-th stretched by 2^i, and adds them up. "cos"
starts W as cosines. "learnable" and "fixed" have no α; instead the kernel is multiplied by (l + 1)^{-p}, and "fixed"
does not train p.

Symbols: u input, (B, L, H); W pieces, (S, R, H, d); K kernel, (R, H, d 2^{S-1}); Z norm (`kernel_norm`), (R, H, 1);
D skip, (H,); α decay, (H, 1); p (`power`), (H,); B batch, L length, H channels, S scales, d weights of a piece
(`kernel_dim`), R directions.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from bench_sequence import limits
from bench_sequence.convolution import causal_convolution, two_sided_convolution


class SGConv(nn.Module):
    """The structured global convolution; `causal=False` adds a second kernel that runs backwards from lag one.

    W and D start as N(0, 1).

    Args:
        d_model: H.
        l_max: what the number of scales follows from; other lengths are cut or padded with zeros.
        causal: as above.
        kernel_dim: d. 64 is the released code's default; its README uses 32, and its task configurations 1 to 64.
        decay_min, decay_max: α, from the first channel to the last; with `decay` other than "scales", p is drawn
            uniformly between them. α = 1 is the paper's ablation without decay.
        interpolation: how pieces are stretched; linear ones have half-pixel centres.
        combine: one after the other, or on top of each other.
        weights: W at the start; "cos" gives channel i, in random order, i periods over a piece.
        decay: by α for each scale, or by a power of the lag, trained or fixed.

    Raises:
        ValueError: one of them is out of range, or one piece is at least twice as long as l_max.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        kernel_dim: int = 64,
        decay_min: float = 2.0,
        decay_max: float = 2.0,
        interpolation: Literal["linear", "nearest"] = "linear",
        combine: Literal["cat", "sum"] = "cat",
        weights: Literal["randn", "cos"] = "randn",
        decay: Literal["scales", "learnable", "fixed"] = "scales",
    ) -> None:
        super().__init__()
        limits.sgconv(kernel_dim=kernel_dim, decay_min=decay_min, decay_max=decay_max, l_max=l_max)
        choices = {
            "interpolation": (interpolation, ("linear", "nearest")),
            "combine": (combine, ("cat", "sum")),
            "weights": (weights, ("randn", "cos")),
            "decay": (decay, ("scales", "learnable", "fixed")),
        }
        for name, (value, allowed) in choices.items():
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, but is {value}")
        self.causal, self.interpolation, self.combine = causal, interpolation, combine
        scales = 1 + math.ceil(math.log2(l_max / kernel_dim))
        shape = (scales, 1 if causal else 2, d_model, kernel_dim)
        self.W = nn.Parameter(torch.randn(shape) if weights == "randn" else _cosines(*shape))
        self.D = nn.Parameter(torch.randn(d_model))
        self.power = None
        alpha = torch.ones(d_model)
        if decay == "scales":
            alpha = torch.linspace(decay_min, decay_max, d_model)
        else:
            power = torch.rand(d_model) * (decay_max - decay_min) + decay_min
            self.power = nn.Parameter(power, requires_grad=decay == "learnable")
        self.register_buffer("alpha", alpha[:, None])
        self.register_buffer("kernel_norm", self._raw_kernel().detach().norm(dim=-1, keepdim=True))

    def param_groups(self) -> list[dict]:
        """Return W and p at 1e-3. Their weight decay is that of the released LRA configurations' whole model."""
        power = [] if self.power is None else [self.power]
        return [{"params": [self.W, *power], "max_lr": 1e-3, "weight_decay": 0.05}]

    def kernel(self) -> Tensor:
        """Return the whole kernel, (R, H, d 2^{S-1})."""
        return self._raw_kernel() / self.kernel_norm

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        kernel = self.kernel()
        y = causal_convolution(x, kernel[0]) if self.causal else two_sided_convolution(x, kernel[0], kernel[1])
        return y + self.D * x

    def _raw_kernel(self) -> Tensor:
        """Return the kernel before it is divided by Z, (R, H, d 2^{S-1})."""
        scales, _, _, d = self.W.shape
        length = d * 2 ** (scales - 1)
        stretches = [2**i if self.combine == "sum" else 2 ** max(0, i - 1) for i in range(scales)]
        pieces = [
            self.alpha ** (scales - 1 - i) * interpolate(self.W[i], size=d * stretch, mode=self.interpolation)
            for i, stretch in enumerate(stretches)
        ]
        if self.combine == "sum":
            kernel = sum(pad(piece, (0, length - piece.shape[-1])) for piece in pieces)
        else:
            kernel = torch.cat(pieces, dim=-1)
        if self.power is None:
            return kernel
        lags = torch.arange(1, length + 1, dtype=kernel.dtype, device=kernel.device)
        return kernel * torch.exp(-self.power[:, None] * torch.log(lags))


def _cosines(scales: int, directions: int, channels: int, taps: int) -> Tensor:
    """Return cos(2πi t) for t from 0 to 1, channel i in an order of its own for each scale, (S, R, H, d)."""
    t = torch.linspace(0, 1, taps)
    waves = torch.cos(2 * math.pi * torch.arange(channels)[:, None] * t)
    shuffled = torch.stack([waves[torch.randperm(channels)] for _ in range(scales)])
    return shuffled[:, None].repeat(1, directions, 1, 1)
