"""SineNet: a row of small U-Nets, "waves", each of which adds to what the one before has made.

Zhang, Helwig, Lin, Xie, Fu, Wojtowytsch & Ji, "SineNet: Learning Temporal Dynamics in Time-Dependent Partial
Differential Equations" (ICLR 2024), arXiv:2403.19507; details from the released code (divelab/AIRS, `sinenet_dual`).

    x_0 = conv3(inputs);   x_k = x_{k-1} + V_k(x_{k-1}), k = 1 … K;   output = conv3(x_K)
    V        four levels down and up, int(h M^i) channels on level i, h at the top
    down i   z = mean of 2 x 2 points;  block([z, d_i]) + conv1(z), where d_i is the wave's input, averaged down i times
             ("disentangled": coarse levels see unprocessed features too); level 1 has z alone
    up i     z = bicubic upsampling by 2;  block([skip, z]) + conv1(z); the topmost skip is the wave's input
    block    [ conv3 -> group normalisation with one group -> GELU ] twice

The network predicts the next frame. On a periodic field the upsampling wraps around, which makes the network move
exactly with its input by 16 points. The paper holds the parameters near 35.5 million with h = 64 by choosing M: K = 1:
2, 2: 1.8075, 4: 1.611, 6: 1.5, 8: 1.425.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad

from bench_pde import operator_limits
from bench_pde.grids import channels_first, channels_last, padding_mode


class SineNet(nn.Module):
    """(batch, n_1, n_2, in_channels) to (batch, n_1, n_2, out_channels).

    Args:
        width: h.
        waves: K.
        multiplier: M.
        levels: of a wave; four in the paper.
        disentangle: whether coarse levels see the wave's input.

    Raises:
        ValueError: the grid is not of two dimensions, or cannot be halved `levels` times.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        width: int = 16,
        waves: int = 4,
        multiplier: float = 1.443,
        levels: int = 3,
        disentangle: bool = True,
    ) -> None:
        super().__init__()
        if len(grid) != 2:
            raise ValueError(f"SineNet works on grids of two dimensions, got {len(grid)}")
        operator_limits.halved(grid=grid, times=levels)
        mode = padding_mode(boundary)
        widths = [int(width * multiplier**level) for level in range(levels + 1)]
        self.first = nn.Conv2d(in_channels, width, 3, padding=1, padding_mode=mode)
        self.waves = nn.ModuleList(_Wave(widths, mode, disentangle) for _ in range(waves))
        self.last = nn.Conv2d(width, out_channels, 3, padding=1, padding_mode=mode)

    def forward(self, a: Tensor) -> Tensor:
        x = self.first(channels_first(a))
        for wave in self.waves:
            x = x + wave(x)
        return channels_last(self.last(x))


class _Wave(nn.Module):
    def __init__(self, widths: list[int], mode: str, disentangle: bool) -> None:
        super().__init__()
        self.disentangle, self.wraps = disentangle, mode == "circular"
        pairs = list(itertools.pairwise(widths))
        beside = [widths[0] if disentangle and level else 0 for level in range(len(pairs))]
        self.down = nn.ModuleList(
            _Block(fine + extra, coarse, fine, mode) for (fine, coarse), extra in zip(pairs, beside, strict=True)
        )
        self.up = nn.ModuleList(_Block(fine + coarse, fine, coarse, mode) for fine, coarse in pairs)

    def forward(self, x: Tensor) -> Tensor:
        skips, raw, h = [], x, x
        for level, block in enumerate(self.down):
            skips.append(h)
            raw, z = avg_pool2d(raw, 2), avg_pool2d(h, 2)
            h = block(torch.cat([z, raw], 1) if self.disentangle and level else z, z)
        for block, skip in zip(reversed(self.up), reversed(skips), strict=True):
            z = upsampled(h, wraps=self.wraps)
            h = block(torch.cat([skip, z], 1), z)
        return h


class _Block(nn.Module):
    """The block on its inputs, and a shortcut from a part of them."""

    def __init__(self, inputs: int, outputs: int, shortcut: int, mode: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode=mode)
        self.norm1 = nn.GroupNorm(1, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, padding_mode=mode)
        self.norm2 = nn.GroupNorm(1, outputs)
        self.shortcut = nn.Conv2d(shortcut, outputs, 1)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = nn.functional.gelu(self.norm1(self.conv1(x)))
        return nn.functional.gelu(self.norm2(self.conv2(h))) + self.shortcut(z)


def upsampled(x: Tensor, *, wraps: bool) -> Tensor:
    """Return (…, n_1, n_2) on twice as many points per axis, by cubics; periodic where it `wraps`."""
    if not wraps:
        return interpolate(x, scale_factor=2, mode="bicubic")
    return interpolate(pad(x, (2, 2, 2, 2), mode="circular"), scale_factor=2, mode="bicubic")[..., 4:-4, 4:-4]
