"""Fields taken from one grid to another, and the grids that a classical solver is tried on.

All fields are (…, *grid), with as many points along each of their last axes.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

LEAST = 4  # points of an axis

Solver = Callable[[Tensor], Tensor]  # from what a method is given to what it should return, on the same grid


def sizes(points: int, solved_on: int) -> list[int]:
    """Return so many points, or intervals between them, that an axis may have, the fewest first: `points` halved and
    doubled, at least `LEAST` and below `solved_on`, and that itself.
    """
    coarser = [points >> k for k in range(points.bit_length()) if points >> k >= LEAST]
    finer = [points << k for k in range(1, solved_on.bit_length()) if points << k < solved_on]
    return sorted({*coarser, *finer, solved_on})


def periodic(u: Tensor, n: int, dimensions: int = 1) -> Tensor:
    """Return a periodic field on n points of each axis, by its Fourier coefficients; what the coarser of the grids
    cannot tell, and the wave of two points, is dropped.
    """
    for axis in range(-dimensions, 0):
        if (old := u.shape[axis]) != n:
            kept = (min(n, old) + 1) // 2
            v = torch.fft.rfft(u, dim=axis, norm="forward").narrow(axis, 0, kept)
            u = torch.fft.irfft(v, n, dim=axis, norm="forward")
    return u


def cells(u: Tensor, n: int, dimensions: int) -> Tensor:
    """Return a field in cells as one of n cells an axis: means of those that are joined, or linear between centres."""
    if u.shape[-1] == n:
        return u
    grid = u.shape[-dimensions:]
    mode = "area" if n < grid[0] else ("linear", "bilinear")[dimensions - 1]
    return functional.interpolate(u.reshape(-1, 1, *grid), [n] * dimensions, mode=mode).reshape(
        *u.shape[:-dimensions], *[n] * dimensions
    )


def nodes(u: Tensor, n: int) -> Tensor:
    """Return a field at nodes i/(m-1) of the unit square at n x n such nodes: cubic between them."""
    if u.shape[-1] == n:
        return u
    m = u.shape[-1]
    fine = functional.interpolate(u.reshape(-1, 1, m, m), [n, n], mode="bicubic", align_corners=True)
    return fine.reshape(*u.shape[:-2], n, n)


def nearest_nodes(u: Tensor, n: int) -> Tensor:
    """Return the same of a field that jumps: its value at the nearest node."""
    index = torch.linspace(0, u.shape[-1] - 1, n, dtype=torch.float64).round().long().to(u.device)
    return u.index_select(-2, index).index_select(-1, index)
