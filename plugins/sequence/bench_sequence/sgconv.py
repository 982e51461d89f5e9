"""SGConv: a long convolution whose kernel is a few short pieces, each twice as stretched and less loud than the last.

Li et al. 2022, "What Makes Convolutional Models Great on Long Sequence Modeling?", arXiv:2210.09298;
details from the released code (github.com/ctlllll/SGConv), whose mode "cat_randn" this is.

    S = 1 + ceil(log2(l_max / d))
    K = [α^{S-1} up_1(W_0), α^{S-2} up_1(W_1), α^{S-3} up_2(W_2), ..., up_{2^{S-2}}(W_{S-1})] / Z
    y = K * u + D u

up_s stretches d weights to s d taps by interpolation, so that K has d 2^{S-1} >= l_max taps from d S weights. Z is the
Euclidean norm of the whole kernel at initialisation (before it is cut to the sequence) and stays as it is: part of
the state dict, not trained.

Symbols: u input, (B, L, H); W pieces, (S, R, H, d); K kernel, (R, H, d 2^{S-1}); Z norm (`kernel_norm`), (R, H, 1);
D skip, (H,); α decay; B batch, L length, H channels, S scales, d weights of a piece (`kernel_dim`), R directions.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bench_sequence.convolution import causal_convolution, two_sided_convolution


class SGConv(nn.Module):
    """The structured global convolution; `causal=False` adds a second kernel that runs backwards from lag one.

    W and D start as N(0, 1). α = 1 is the paper's ablation without decay. 64 is the released code's default for
    kernel_dim; its README uses 32, and its task configurations between 1 and 64.

    Raises:
        ValueError: kernel_dim or alpha is not positive, or one piece is at least twice as long as l_max.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        kernel_dim: int = 64,
        alpha: float = 2.0,
        mode: Literal["linear", "nearest"] = "linear",
    ) -> None:
        super().__init__()
        if kernel_dim < 1 or alpha <= 0:
            raise ValueError(f"kernel_dim and alpha must be positive, but are {kernel_dim} and {alpha}")
        if kernel_dim >= 2 * l_max:
            raise ValueError(f"kernel_dim must be less than 2 l_max, but is {kernel_dim} with l_max {l_max}")
        if mode not in ("linear", "nearest"):
            raise ValueError(f"mode must be linear or nearest, but is {mode}")
        self.causal = causal
        self.alpha = alpha
        self.mode = mode
        scales = 1 + math.ceil(math.log2(l_max / kernel_dim))
        self.W = nn.Parameter(torch.randn(scales, 1 if causal else 2, d_model, kernel_dim))
        self.D = nn.Parameter(torch.randn(d_model))
        self.register_buffer("kernel_norm", self._pieces().detach().norm(dim=-1, keepdim=True))

    def param_groups(self) -> list[dict]:
        """Return the kernel at 1e-3. Its weight decay is that of the released LRA configurations' whole model."""
        return [{"params": [self.W], "max_lr": 1e-3, "weight_decay": 0.05}]

    def kernel(self) -> Tensor:
        """Return the whole kernel, (R, H, d 2^{S-1})."""
        return self._pieces() / self.kernel_norm

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        kernel = self.kernel()
        y = causal_convolution(x, kernel[0]) if self.causal else two_sided_convolution(x, kernel[0], kernel[1])
        return y + self.D * x

    def _pieces(self) -> Tensor:
        """Return the stretched and weighted pieces one after the other, (R, H, d 2^{S-1})."""
        scales, _, _, d = self.W.shape
        pieces = [
            self.alpha ** (scales - 1 - i) * interpolate(self.W[i], size=d * 2 ** max(0, i - 1), mode=self.mode)
            for i in range(scales)
        ]
        return torch.cat(pieces, dim=-1)
