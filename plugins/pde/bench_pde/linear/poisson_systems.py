"""Poisson systems as they arise from the pressure of a fluid in a box with obstacles.

The systems of DCDM (Kaneda et al. 2023, arXiv:2205.10763) are from simulations of smoke around a bunny and rotating
objects, on 64³, 128³ and 256³ cells, and are not public where a program could fetch them. Ours are drawn: a box with
u = 0 around it, and in it boxes that nothing flows through, each edge of which is a tenth to a quarter of the grid's.
Each system has two right-hand sides, 0 in the obstacles: noise, N(0, 1) per cell, and the same smoothed by a Gaussian
whose deviation is a sixteenth of the grid.
"""

import numpy as np
import scipy.ndimage

from bench_pde import linear_limits

KINDS = ("rough", "smooth")


def obstructed(grid: tuple[int, ...], obstacles: int, rng: np.random.Generator) -> np.ndarray:
    """Return which cells are open, bool of the grid's shape."""
    is_open, shortest = np.ones(grid, bool), min(grid)
    for _ in range(obstacles):
        size = rng.integers(max(1, shortest // 10), max(2, shortest // 4) + 1, len(grid))
        start = [rng.integers(1, n - edge) for n, edge in zip(grid, size, strict=True)]
        is_open[tuple(slice(a, a + edge) for a, edge in zip(start, size, strict=True))] = False
    return is_open


def poisson_systems(
    *, dimensions: int = 2, points: int = 32, obstacles: int = 3, systems: int = 6, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return is_open, bool (systems, *grid), and right, float64 (systems, 2, *grid), with right-hand sides of `KINDS`.

    Raises:
        ValueError: there are other than two or three dimensions, fewer than 8 points, or no system.
    """
    linear_limits.systems(dimensions=dimensions, points=points, obstacles=obstacles, systems=systems)
    grid = (points,) * dimensions
    is_open, right = [], []
    for index in range(systems):
        rng = np.random.default_rng([seed, index])
        is_open.append(obstructed(grid, obstacles, rng))
        noise = rng.standard_normal(grid)
        smooth = scipy.ndimage.gaussian_filter(noise, points / 16, mode="constant")
        right.append(np.stack([noise, smooth]) * is_open[-1])
    return {"is_open": np.stack(is_open), "right": np.stack(right)}
