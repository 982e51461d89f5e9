"""The Kuramoto-Sivashinsky equation, u_t + u u_x + u_xx + u_xxxx = 0, periodic: chaotic on long domains.

Initial states are Σ A sin(2π l x / length + φ) over ten terms with A ~ U(-.5, .5), l in {1, 2}, φ ~ U(0, 2π), as in
Brandstetter, Welling & Worrall 2022, arXiv:2202.07643, who publish length 64 (± 10 %), 256 points, 512 samples, and
keep the last 140 of 500 frames. Solved by ETDRK4 on the coefficients of a real transform: of a complex one the part
that rounding makes anti-Hermitian obeys the linear, unstable equation, and blows up near t = 150.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import made_splits
from bench_pde.equations.stepping import ETDRK4, device, march, wavenumbers

STEP = 0.05


def solve(u0: Tensor, length: float, interval: float, frames: int, max_step: float = STEP) -> Tensor:
    """Return u, (n, frames + 1, x), from u0, (n, x), in float64."""
    n, steps = u0.shape[-1], max(1, math.ceil(interval / max_step))
    k = wavenumbers(n, length).to(u0.device)
    kept = (torch.arange(len(k), device=u0.device) < n / 3).to(u0.dtype)

    def nonlinear(v: Tensor) -> Tensor:
        return -0.5j * k * kept * torch.fft.rfft(torch.fft.irfft(kept * v, n) ** 2)

    integrator = ETDRK4(k**2 - k**4, nonlinear, interval / steps)
    return march(integrator.step, torch.fft.rfft(u0), steps, frames, lambda v: torch.fft.irfft(v, n))


def initial_state(x: np.ndarray, length: float, rng: np.random.Generator, terms: int = 10) -> np.ndarray:
    """Return a random initial state at x."""
    amplitude, phase = rng.uniform(-0.5, 0.5, terms), rng.uniform(0, 2 * np.pi, terms)
    mode = rng.integers(1, 3, terms)
    return np.sin(2 * np.pi * np.multiply.outer(x / length, mode) + phase) @ amplitude


def kuramoto_sivashinsky(
    *,
    length: float = 64.0,
    points: int = 128,
    warm_up: float = 40.0,
    frames: int = 20,
    interval: float = 1.0,
    train: int = 200,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, 1), the first frame being `warm_up` after the initial state.

    Raises:
        ValueError: the points do not resolve what the equation damps: fewer than two per unit of length; or the
            length is not positive, or `warm_up` negative.
    """
    limits.kuramoto_sivashinsky(points=points, length=length, warm_up=warm_up)
    x = length * np.arange(points) / points

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        u0 = torch.from_numpy(np.stack([initial_state(x, length, rng) for rng in generators])).to(device())
        warm = solve(u0, length, warm_up, 1)[:, -1] if warm_up else u0
        return {"fields": solve(warm, length, interval, frames).cpu().numpy()[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=512)


def classical(*, length: float, points: int, frames: int, interval: float, **_: object) -> list[Solver]:
    """Return solvers on so many points, with steps in proportion to the spacing: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            u0 = regridding.periodic(given[:, -1, :, 0].double(), n)
            u = solve(u0, length, interval, frames, STEP * points / n)
            return regridding.periodic(u[:, 1:], points).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, points)]
