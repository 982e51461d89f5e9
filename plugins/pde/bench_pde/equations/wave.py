"""The wave equation u_tt = c² Δu on the unit square, u = 0 on its boundary, solved exactly by a sum of sines.

u0 = Σ a_ij sin(iπx) sin(jπy), i, j ≤ 8, with a_ij ~ N(0, 1) / (i² + j²)^1.5, and u_t = 0 at the beginning, so that
u = Σ a_ij cos(cπt √(i² + j²)) sin(iπx) sin(jπy). There is no published generator; this definition is our own.
"""

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import made_splits


def solve(a: np.ndarray, speed: float, points: int, times: np.ndarray) -> np.ndarray:
    """Return u and u_t at the nodes k/(points-1), (n, times, points, points, 2), from coefficients a, (n, m, m)."""
    i = np.arange(1, a.shape[-1] + 1)
    sines = np.sin(np.pi * np.multiply.outer(np.linspace(0, 1, points), i))
    omega = speed * np.pi * np.sqrt(i[:, None] ** 2 + i[None, :] ** 2)
    phase = omega * times[:, None, None]
    u = sines @ (a[:, None] * np.cos(phase)) @ sines.T
    rate = sines @ (-(a * omega)[:, None] * np.sin(phase)) @ sines.T
    return np.stack([u, rate], -1)


def wave(
    *,
    speed: float = 1.0,
    points: int = 32,
    modes: int = 8,
    frames: int = 20,
    interval: float = 0.05,
    train: int = 200,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, points, 2): u and u_t, without which u does not tell what comes next.

    Raises:
        ValueError: the speed is not positive, or the points do not tell the modes apart.
    """
    limits.wave(speed=speed, points=points, modes=modes)
    i = np.arange(1, modes + 1)
    decay = (i[:, None] ** 2 + i[None, :] ** 2) ** 1.5
    times = interval * np.arange(frames + 1)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        a = np.stack([rng.standard_normal((modes, modes)) / decay for rng in generators])
        return {"fields": solve(a, speed, points, times)}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=64)


def classical(*, speed: float, points: int, modes: int, frames: int, interval: float, **_: object) -> list[Solver]:
    """Return sums of so many sines an axis, from the last given u and u_t: see `bench_pde.equal_error`."""

    def up_to(m: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            u = given[:, -1].double().movedim(-1, 1)
            i = torch.arange(1, m + 1, dtype=u.dtype, device=u.device)
            x = torch.linspace(0, torch.pi, points, dtype=u.dtype, device=u.device)
            sines = torch.sin(x[:, None] * i)
            a, b = ((2 / (points - 1)) ** 2 * sines.T @ u @ sines).unsqueeze(2).unbind(1)  # of u and of u_t
            omega = speed * torch.pi * (i[:, None] ** 2 + i**2).sqrt()
            phase = omega * interval * torch.arange(1, frames + 1, dtype=u.dtype, device=u.device)[:, None, None]
            cos, sin = torch.cos(phase), torch.sin(phase)
            parts = [a * cos + b / omega * sin, b * cos - a * omega * sin]
            return torch.stack([sines @ part @ sines.T for part in parts], -1)

        return solver

    most = min(modes, points - 2)
    return [up_to(m) for m in sorted({most, *(2**k for k in range(most.bit_length()) if 2**k < most)})]
