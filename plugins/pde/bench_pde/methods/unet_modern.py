"""The modern U-Net of PDEArena, "U-Net-mod": wide residual blocks in place of plain convolutions.

Gupta & Brandstetter, "Towards Multi-spatiotemporal-scale Generalized PDE Modeling" (TMLR 2023), arXiv:2209.15616; the
class `Unet` of its code, without its optional attention.

    residual block   h = conv3(σ(norm x)); h = conv3(σ(norm h)); out = h + x, by a convolution of 1 where widths differ
    down             `blocks` residual blocks per level, then a convolution of 3 with stride 2, but after the last level
    middle           two residual blocks
    up               per level `blocks` + 1 residual blocks, each on the concatenation with the output of its mirror
                     image, the last of them reducing the width; then a transposed convolution of 4 with stride 2
    widths           `features` times the running product of `multipliers`

Group normalisation is off by default in the code's class, and on (one group; eight before the last convolution, which
the code makes) in its registry's "Unetmod-64", which is `features=64, norm=True` and has 144 million parameters.
Padding as in `bench_pde.methods.unet`.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

from bench_pde import operator_limits
from bench_pde.grids import CONVOLUTIONS, TRANSPOSED, channels_first, channels_last, padding_mode


class ModernUNet(nn.Module):
    """(batch, *grid, in_channels) to (batch, *grid, out_channels).

    Raises:
        ValueError: the grid cannot be halved once less than there are multipliers.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        features: int = 16,
        multipliers: list[int] | None = None,
        blocks: int = 2,
        norm: bool = True,
        padding: Literal["boundary", "zeros"] = "boundary",
    ) -> None:
        super().__init__()
        factors = operator_limits.u_net_modern(grid=grid, multipliers=multipliers)
        mode, dimensions = padding_mode(boundary) if padding == "boundary" else "zeros", len(grid)
        conv = CONVOLUTIONS[dimensions]

        def residual(inputs: int, outputs: int) -> "_Residual":
            return _Residual(inputs, outputs, dimensions, norm, mode)

        self.first = conv(in_channels, features, 3, padding=1, padding_mode=mode)
        width, down, up = features, list[nn.Module](), list[nn.Module]()
        for level, factor in enumerate(factors):
            down.append(residual(width, width * factor))
            width *= factor
            down += [residual(width, width) for _ in range(blocks - 1)]
            if level < len(factors) - 1:
                down.append(conv(width, width, 3, stride=2, padding=1, padding_mode=mode))
        self.middle = nn.Sequential(residual(width, width), residual(width, width))
        for level, factor in reversed(list(enumerate(factors))):
            up += [residual(2 * width, width) for _ in range(blocks)]
            up.append(residual(width + width // factor, width // factor))
            width //= factor
            if level:
                up.append(_Doubling(width, dimensions, mode))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.norm = nn.GroupNorm(8, width) if norm else nn.Identity()
        self.last = conv(width, out_channels, 3, padding=1, padding_mode=mode)

    def forward(self, a: Tensor) -> Tensor:
        x = self.first(channels_first(a))
        passed = [x]
        for module in self.down:
            x = module(x)
            passed.append(x)
        x = self.middle(x)
        for module in self.up:
            x = module(torch.cat([x, passed.pop()], 1) if isinstance(module, _Residual) else x)
        return channels_last(self.last(gelu(self.norm(x))))


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, dimensions: int, norm: bool, mode: str) -> None:
        super().__init__()
        conv = CONVOLUTIONS[dimensions]
        self.norms = nn.ModuleList(nn.GroupNorm(1, w) if norm else nn.Identity() for w in (inputs, outputs))
        self.conv1 = conv(inputs, outputs, 3, padding=1, padding_mode=mode)
        self.conv2 = conv(outputs, outputs, 3, padding=1, padding_mode=mode)
        self.shortcut = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(gelu(self.norms[0](x)))
        return self.conv2(gelu(self.norms[1](h))) + self.shortcut(x)


class _Doubling(nn.Module):
    """A transposed convolution of 4 with stride 2, on a field that goes on beyond its boundary where it is periodic."""

    def __init__(self, width: int, dimensions: int, mode: str) -> None:
        super().__init__()
        self.wraps = mode == "circular"
        self.conv = TRANSPOSED[dimensions](width, width, 4, stride=2, padding=3 if self.wraps else 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(pad(x, (1, 1) * (x.ndim - 2), mode="circular") if self.wraps else x)
