"""Two substances that diffuse and react (FitzHugh-Nagumo), without flux through the boundary of [-1, 1]².

    u_t = D_u Δu + u - u³ - k - v,    v_t = D_v Δv + u - v,    D_u = 1e-3, D_v = 5e-3, k = 5e-3

The task of PDEBench (arXiv:2210.07182): u0 and v0 are N(0, 1) in each cell independently, so that the problem depends
on the grid. Published: 128² cells, 100 frames of 0.05, 1,000 samples, solved by RK45 with a relative tolerance of 1e-3.
Solved by Strang splitting: diffusion exactly by cosines, the reaction by one step of RK4.
"""

import math
import os

import numpy as np
import scipy.fft
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import made_splits

DIFFUSION = (1e-3, 5e-3)
K = 5e-3
STEP = 0.02


def solve(
    fields: np.ndarray,
    interval: float,
    frames: int,
    max_step: float = STEP,
    diffusion: tuple[float, float] = DIFFUSION,
    k: float = K,
) -> np.ndarray:
    """Return u and v, (n, frames + 1, x, y, 2), from those at the beginning, (n, x, y, 2), in float64."""
    steps = max(1, math.ceil(interval / max_step))
    dt = interval / steps
    square = [(np.pi * np.arange(n) / 2) ** 2 for n in fields.shape[1:3]]  # the side is 2
    laplacian = -(square[0][:, None, None] + square[1][None, :, None])
    decay = np.exp(laplacian * np.array(diffusion) * dt / 2)

    def diffuse(w: np.ndarray) -> np.ndarray:
        return scipy.fft.idctn(decay * scipy.fft.dctn(w, axes=(1, 2), norm="ortho"), axes=(1, 2), norm="ortho")

    def rate(w: np.ndarray) -> np.ndarray:
        u, v = w[..., 0], w[..., 1]
        return np.stack([u - u**3 - k - v, u - v], -1)

    def step(w: np.ndarray) -> np.ndarray:
        w = diffuse(w)
        k1 = rate(w)
        k2 = rate(w + dt / 2 * k1)
        k3 = rate(w + dt / 2 * k2)
        return diffuse(w + dt / 6 * (k1 + 2 * k2 + 2 * k3 + rate(w + dt * k3)))

    seen = [fields]
    for _ in range(frames):
        for _ in range(steps):
            fields = step(fields)
        seen.append(fields)
    return np.stack(seen, 1)


def diffusion_reaction(
    *,
    points: int = 32,
    warm_up: float = 1.0,
    frames: int = 20,
    interval: float = 0.2,
    train: int = 100,
    val: int = 20,
    test: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, u and v, (n, frames + 1, points, points, 2), the first frame `warm_up` after the noise.

    Raises:
        ValueError: `warm_up` is negative.
    """
    limits.diffusion_reaction(warm_up=warm_up)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        fields = np.stack([rng.standard_normal((points, points, 2)) for rng in generators])
        with scipy.fft.set_workers(len(os.sched_getaffinity(0))):
            if warm_up:
                fields = solve(fields, warm_up, 1)[:, -1]
            return {"fields": solve(fields, interval, frames)}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=50)


def classical(*, points: int, frames: int, interval: float, **_: object) -> list[Solver]:
    """Return solvers on so many cells an axis, with steps in proportion to their size: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            fields = _on_cells(given[:, -1].double().cpu().numpy(), n)
            found = solve(fields, interval, frames, STEP * points / n)[:, 1:]
            return torch.from_numpy(_on_cells(found, points)).to(given.device)

        return solver

    return [on(n) for n in regridding.sizes(points, points)]


def _on_cells(fields: np.ndarray, n: int) -> np.ndarray:
    """Return fields (…, x, y, 2) on n cells an axis, by their cosines."""
    if (old := fields.shape[-2]) == n:
        return fields
    kept = min(old, n)
    spectrum = np.zeros((*fields.shape[:-3], n, n, 2))
    spectrum[..., :kept, :kept, :] = scipy.fft.dctn(fields, axes=(-3, -2), norm="forward")[..., :kept, :kept, :]
    return scipy.fft.idctn(spectrum, axes=(-3, -2), norm="forward")
