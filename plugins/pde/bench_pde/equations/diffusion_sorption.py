"""Diffusion through a porous medium that holds some of the substance back, u_t = D / R(u) u_xx on [0, 1].

    R(u) = 1 + (1 - φ) / φ · ρ_s k n_f (u + 1e-6)^(n_f - 1),   D = 5e-4, φ = .29, ρ_s = 2880, k = 3.5e-4, n_f = .874

The task of PDEBench (arXiv:2210.07182): u0 is constant, U(0, .2); u is 1 beyond the left end, and beyond the right one
it is D (u_{N-2} - u_{N-1}) / dx, an odd condition that is kept as published. Published: 1024 cells, 100 frames of 5,
10,000 samples, solved by RK45 with default tolerances. Here: the method of lines, LSODA with relative tolerance 1e-8.
As the value of 1 is taken one cell, not half of one, from the first centre, the scheme is of first order in the size of
a cell.
"""

import numpy as np
import scipy.integrate
import torch
from torch import Tensor

from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import made_splits, on_all_cores

D, POROSITY, DENSITY, FREUNDLICH, EXPONENT = 5e-4, 0.29, 2880.0, 3.5e-4, 0.874
TOLERANCE = 1e-8


def retardation(u: np.ndarray) -> np.ndarray:
    """Return R(u); u below 0, which rounding may make, counts as 0."""
    held = (1 - POROSITY) / POROSITY * DENSITY * FREUNDLICH * EXPONENT
    return 1 + held * (np.maximum(u, 0) + 1e-6) ** (EXPONENT - 1)


def solve(u0: np.ndarray, times: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return u, (times, x), from u0, (x,), on cells of [0, 1].

    Raises:
        ArithmeticError: the integrator gave up.
    """
    dx = 1 / len(u0)

    def rate(_: float, u: np.ndarray) -> np.ndarray:
        padded = np.concatenate([[1.0], u, [D * (u[-2] - u[-1]) / dx]])
        return D / retardation(u) * np.diff(padded, 2) / dx**2

    solved = scipy.integrate.solve_ivp(
        rate, (times[0], times[-1]), u0, "LSODA", times, rtol=tolerance, atol=1e-10, lband=1, uband=1
    )
    if not solved.success:
        raise ArithmeticError(f"the integrator gave up: {solved.message}")
    return solved.y.T


def diffusion_sorption(
    *,
    points: int = 128,
    frames: int = 20,
    interval: float = 25.0,
    train: int = 200,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, 1)."""
    times = interval * np.arange(frames + 1)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        u0 = [np.full(points, rng.uniform(0, 0.2)) for rng in generators]
        return {"fields": np.stack(on_all_cores(solve, u0, times=times))[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=256)


def classical(*, points: int, frames: int, interval: float, **_: object) -> list[Solver]:
    """Return solvers on so many cells, the tolerance a factor of ten finer for each halving of their size: see
    `bench_pde.equal_error`.
    """
    times = interval * np.arange(frames + 1)

    def on(n: int) -> Solver:
        tolerance = min(1e-3, TOLERANCE * (points / n) ** np.log2(10))

        def solver(given: Tensor) -> Tensor:
            u0 = regridding.cells(given[:, -1, :, 0].double(), n, 1).cpu().numpy()
            u = torch.from_numpy(np.stack([solve(one, times, tolerance)[1:] for one in u0])).to(given.device)
            return regridding.cells(u, points, 1).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, points)]
