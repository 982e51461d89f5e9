"""Advection, u_t + β u_x = 0, periodic on [0, 1]: solved exactly, u(x, t) = u0(x - β t).

The task of PDEBench (Takamoto et al. 2022, arXiv:2210.07182), whose own data carry the diffusion of an upwind scheme.
Published: β in {.1, .2, .4, 1, 2, 4, 7}, 1024 cells, 200 frames of 0.01 after the first, 10,000 samples.
"""

import numpy as np
import torch
from torch import Tensor

from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import SineSum, cells, made_splits
from bench_pde.equations.stepping import wavenumbers


def solve(u0: SineSum, speed: float, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return u, (times, x)."""
    return u0(x[None, :] - speed * times[:, None])


def advection(
    *,
    speed: float = 1.0,
    points: int = 128,
    frames: int = 20,
    interval: float = 0.05,
    train: int = 200,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, 1)."""
    x, times = cells(points), interval * np.arange(frames + 1)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        return {"fields": np.stack([solve(SineSum.draw(rng), speed, x, times) for rng in generators])[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=256)


def classical(*, speed: float, points: int, frames: int, interval: float, **_: object) -> list[Solver]:
    """Return solvers that shift the waves that so many points resolve: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            u = regridding.periodic(given[:, -1, :, 0].double(), n)
            times = interval * torch.arange(1, frames + 1, dtype=u.dtype, device=u.device)
            shift = torch.exp(-1j * speed * times[:, None] * wavenumbers(n, 1.0).to(u.device))
            shifted = torch.fft.irfft(shift * torch.fft.rfft(u)[:, None], n)
            return regridding.periodic(shifted, points).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, points)]
