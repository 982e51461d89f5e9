"""The U-Net of 2015, as PDEBench and PDEArena use it for fields.

Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation" (MICCAI 2015),
arXiv:1505.04597; sizes and normalisation as in PDEBench (Takamoto et al. 2022, arXiv:2210.07182) and "Unet2015" of
PDEArena (Gupta & Brandstetter 2022, arXiv:2209.15616).

    block        [ convolution of 3, no bias -> batch normalisation -> activation ] twice
    encoder      blocks of f, 2f, 4f, 8f channels, the maximum of 2 (x 2) points after each; bottleneck of 16f
    decoder      transposed convolution of 2 with stride 2, the encoder's output beside it, block
    f            `features`: 32 in PDEBench, 64 in PDEArena

Both pad with zeros, on periodic fields too, which makes a weak baseline of it there. Here fields are continued as their
boundary says; `padding="zeros"` gives the published network.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from bench_pde import operator_limits
from bench_pde.grids import CONVOLUTIONS, TRANSPOSED, channels_first, channels_last, padding_mode

_NORMS: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
_POOLS: dict[int, type[nn.Module]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d}


class UNet(nn.Module):
    """(batch, *grid, in_channels) to (batch, *grid, out_channels).

    Args:
        features: f.
        levels: how often the grid is halved.
        activation: "tanh" in PDEBench, "gelu" in PDEArena.
        padding: "boundary" continues fields as the boundary says, "zeros" as published.

    Raises:
        ValueError: the grid cannot be halved `levels` times.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        features: int = 32,
        levels: int = 4,
        activation: Literal["tanh", "gelu"] = "tanh",
        padding: Literal["boundary", "zeros"] = "boundary",
    ) -> None:
        super().__init__()
        dimensions, self.levels = len(grid), levels
        operator_limits.u_net(grid=grid, levels=levels)
        mode = padding_mode(boundary) if padding == "boundary" else "zeros"
        widths = [features * 2**level for level in range(levels + 1)]
        pairs = list(zip([in_channels, *widths], widths, strict=False))
        self.encoder = nn.ModuleList(_block(i, o, dimensions, activation, mode) for i, o in pairs)
        self.pool = _POOLS[dimensions](2)
        self.up = nn.ModuleList(TRANSPOSED[dimensions](2 * w, w, 2, stride=2) for w in widths[:-1])
        self.decoder = nn.ModuleList(_block(2 * w, w, dimensions, activation, mode) for w in widths[:-1])
        self.project = CONVOLUTIONS[dimensions](features, out_channels, 1)

    def forward(self, a: Tensor) -> Tensor:
        x, passed = channels_first(a), []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            passed.append(x)
        passed.pop()
        for up, block in zip(reversed(self.up), reversed(self.decoder), strict=True):
            beside = passed.pop()
            x = block(torch.cat([_fitted(up(x), beside), beside], 1))
        return channels_last(self.project(x))


def _fitted(x: Tensor, like: Tensor) -> Tensor:
    """Return x with its last point repeated where the grid, halved and doubled, came out one short."""
    for axis in range(2, x.ndim):
        if x.shape[axis] < like.shape[axis]:
            x = torch.cat([x, x.narrow(axis, x.shape[axis] - 1, 1)], axis)
    return x


def _block(inputs: int, outputs: int, dimensions: int, activation: str, mode: str) -> nn.Module:
    def half(i: int) -> list[nn.Module]:
        convolution = CONVOLUTIONS[dimensions](i, outputs, 3, padding=1, bias=False, padding_mode=mode)
        return [convolution, _NORMS[dimensions](outputs), nn.Tanh() if activation == "tanh" else nn.GELU()]

    return nn.Sequential(*half(inputs), *half(outputs))
