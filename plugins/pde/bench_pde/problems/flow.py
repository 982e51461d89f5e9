"""Inviscid incompressible flow in a closed square.

u_t + (u·∇)u = -∇p,    ∇·u = 0    on [-1, 1]²,    u·n = 0 on the sides
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench_pde import solver_limits


@dataclass(frozen=True)
class Flow:
    """Start from the velocity `start`, (n, 2) -> (n, 2), and take `times` steps of length `dt`.

    `end` is the velocity at the last time, for scoring: methods may not ask for it.
    """

    start: Callable[[Tensor], Tensor]
    dt: float
    times: int
    end: Callable[[Tensor], Tensor]


def taylor_green(*, dt: float = 0.05, times: int = 100) -> Flow:
    """Return four vortices that turn for ever: with X = π(x + 1) and Y = π(y + 1),

        u = (sin X cos Y, -cos X sin Y) / π

    From Chen et al. 2023 (INSR, arXiv:2210.00124), there with 100 times of 0.05. A fluid of this velocity is at rest
    but for its pressure (cos 2X + cos 2Y) / (4π²).

    Raises:
        ValueError: dt or times is not positive.
    """
    solver_limits.taylor_green(dt=dt, times=times)
    return Flow(vortices, dt, times, vortices)


def vortices(points: Tensor) -> Tensor:
    """Return the velocity of the Taylor-Green vortices, (n, 2)."""
    x, y = (math.pi * (points + 1)).T
    return torch.stack([torch.sin(x) * torch.cos(y), -torch.cos(x) * torch.sin(y)], 1) / math.pi
