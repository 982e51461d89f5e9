"""FNet: no parameters, just the real part of a Fourier transform along the sequence and along the channels.

Lee-Thorp, Ainslie, Eckstein, Ontanon 2021, "FNet: Mixing Tokens with Fourier Transforms", arXiv:2105.03824, section 3.

    y = Re(F_seq(F_hidden(x))),   y_{n,k} = sum over m, j of cos(2π (m n / L + j k / H)) x_{m,j}

The floor that a mixer with parameters has to beat. The transform is the paper's, without a scale: noise of variance one
comes out with variance L H / 2. There, a residual and a normalisation follow at once; `scale="orthonormal"` divides by
sqrt(L H) for models that have none there.

Symbols: x input, (B, L, H); B batch, L length, H channels; m, n positions; j, k channels.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from harness import Skip


class FNet(nn.Module):
    """The Fourier mixing sub-layer, not causal. `d_model` and `l_max` are not used.

    Raises:
        Skip: causal is True.
        ValueError: scale is none of the two.
    """

    def __init__(
        self, *, d_model: int, l_max: int, causal: bool, scale: Literal["none", "orthonormal"] = "none"
    ) -> None:
        super().__init__()
        if causal:
            raise Skip("FNet transforms the whole sequence: it has no causal form")
        if scale not in ("none", "orthonormal"):
            raise ValueError(f"scale must be none or orthonormal, but is {scale}")
        self.norm = "ortho" if scale == "orthonormal" else "backward"  # torch's names

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # half-precision types have no transform on the CPU
        return torch.fft.fft2(wide, dim=(1, 2), norm=self.norm).real.to(x.dtype)
