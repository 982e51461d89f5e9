"""Reaction and diffusion, u_t = ν u_xx + ρ u (1 - u), periodic on [0, 1] (Fisher's equation with logistic growth).

The task of PDEBench (arXiv:2210.07182); the initial law is that of `SineSum`, mapped onto [0, 1] sample by sample.
Published: ν in {.5, 1, 2, 5}, ρ in {1, 2, 5, 10}, 1024 cells, 100 frames of 0.01, 10,000 samples.
Solved by Strang splitting, both of whose parts are exact: the heat equation in Fourier space, and the logistic
equation.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import SineSum, cells, made_splits
from bench_pde.equations.stepping import device, march, wavenumbers

STEP = 1e-3


def solve(u0: Tensor, diffusivity: float, growth: float, interval: float, frames: int, max_step: float) -> Tensor:
    """Return u, (n, frames + 1, x), from u0, (n, x), in float64."""
    n, steps = u0.shape[-1], max(1, math.ceil(interval / max_step))
    dt = interval / steps
    decay = torch.exp(-diffusivity * wavenumbers(n, 1.0).to(u0.device) ** 2 * dt / 2)

    def diffuse(u: Tensor) -> Tensor:
        return torch.fft.irfft(decay * torch.fft.rfft(u), n)

    def step(u: Tensor) -> Tensor:
        u = diffuse(u)
        return diffuse(u * math.exp(growth * dt) / (1 + u * math.expm1(growth * dt)))

    return march(step, u0, steps, frames)


def reaction_diffusion(
    *,
    diffusivity: float = 0.5,
    growth: float = 1.0,
    points: int = 128,
    frames: int = 20,
    interval: float = 0.05,
    train: int = 200,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, 1).

    Raises:
        ValueError: diffusivity or growth is negative.
    """
    limits.reaction_diffusion(diffusivity=diffusivity, growth=growth)
    x = cells(points)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        u0 = np.stack([SineSum.draw(rng)(x) for rng in generators])
        low, high = u0.min(1, keepdims=True), u0.max(1, keepdims=True)
        u0 = (u0 - low) / np.maximum(high - low, 1e-12)
        u = solve(torch.from_numpy(u0).to(device()), diffusivity, growth, interval, frames, STEP)
        return {"fields": u.cpu().numpy()[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=256)


def classical(
    *, diffusivity: float, growth: float, points: int, frames: int, interval: float, **_: object
) -> list[Solver]:
    """Return solvers on so many points, with steps in proportion to the spacing: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            u0 = regridding.periodic(given[:, -1, :, 0].double(), n)
            u = solve(u0, diffusivity, growth, interval, frames, STEP * points / n)
            return regridding.periodic(u[:, 1:], points).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, points)]
