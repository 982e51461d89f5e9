"""What several operators need of a grid."""

import torch
from torch import Tensor, nn

CONVOLUTIONS: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d}
TRANSPOSED: dict[int, type[nn.Module]] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


def coordinates(grid: tuple[int, ...], like: Tensor, *, with_end: bool) -> Tensor:
    """Return positions in the unit cube, (1, *grid, dimensions): i/(n-1), or i/n without the end point."""
    axes = [torch.arange(n, dtype=like.dtype, device=like.device) / max(1, n - 1 if with_end else n) for n in grid]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)[None]


def channels_first(x: Tensor) -> Tensor:
    """Return (batch, *grid, channels) as (batch, channels, *grid)."""
    return x.movedim(-1, 1)


def channels_last(x: Tensor) -> Tensor:
    """Return (batch, channels, *grid) as (batch, *grid, channels)."""
    return x.movedim(1, -1)


def padding_mode(boundary: str) -> str:
    """Return how a convolution continues a field beyond a boundary."""
    return "circular" if boundary == "periodic" else "zeros"
