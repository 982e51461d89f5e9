"""Equations of first order: a fast wave and a bump that move along, and two colours that a vortex mixes."""

from collections.abc import Mapping

import torch
from torch import Tensor

from bench_pde import solver_limits
from bench_pde.problems.problem import Condition, Problem, everywhere


def advection(*, speed: float = 200.0) -> Problem:
    """Return u_t + speed u_x = 0 on [0, 1]² with u = sin(x - speed t), given at t = 0 and where the wave enters.

    From Fang et al. 2024 (GP-HM, arXiv:2311.04465), where the speed is 200. Their code gives u on all four sides, so
    also where the wave leaves and at the end.

    Raises:
        ValueError: the speed is not positive, so that the wave would not enter at x = 0.
    """
    solver_limits.advection(speed=speed)
    box = ((0.0, 1.0), (0.0, 1.0))

    def exact(points: Tensor) -> Tensor:
        x, t = points.T
        return torch.sin(x - speed * t)

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        return u["t"] + speed * u["x"]

    return Problem("xt", box, ("t", "x"), residual, (Condition(1, 0, exact), Condition(0, 0, exact)), exact)


def moving_bump(*, speed: float = 0.25, width: float = 0.1, duration: float = 3.0) -> Problem:
    """Return u_t + speed u_x = 0 on [-2, 2] × [0, duration] with u = exp(-(x + 1.5 - speed t)² / (2 width²)).

    u is given at the beginning and is 0 at both ends. From Chen et al. 2023 (INSR, arXiv:2210.00124), there until time
    12, with speed 1/4 and width 0.1.

    Raises:
        ValueError: a parameter is not positive, or the bump is within five widths of an end, where it is not 0.
    """
    solver_limits.moving_bump(speed=speed, width=width, duration=duration)

    def exact(points: Tensor) -> Tensor:
        x, t = points.T
        return torch.exp(-((x + 1.5 - speed * t) ** 2) / (2 * width**2))

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        return u["t"] + speed * u["x"]

    def zero(points: Tensor) -> Tensor:
        return torch.zeros_like(points[:, 0])

    conditions = (Condition(1, 0, exact), *everywhere(zero, (0,)))
    return Problem("xt", ((-2.0, 2.0), (0.0, duration)), ("t", "x"), residual, conditions, exact)


def flow_mixing(*, duration: float = 4.0) -> Problem:
    """Return u_t + a u_x + b u_y = 0 on [-4, 4]² × [0, duration], the mixing of hot and cold by a vortex.

    (a, b) is the speed v(r) / 0.385 at right angles to the radius, v(r) = sech²r tanh r, and so with
    ω = v(r) / (0.385 r) the solution is -tanh(y/2 cos ωt - x/2 sin ωt). As in Kang et al. 2025 (PIG, arXiv:2412.05994),
    there with duration 4 and the residual weighed by 10. u is given at t = 0 and on the four sides.

    Raises:
        ValueError: the duration is not positive.
    """
    solver_limits.flow_mixing(duration=duration)
    box = ((-4.0, 4.0), (-4.0, 4.0), (0.0, duration))

    def exact(points: Tensor) -> Tensor:
        x, y, t = points.T
        angle = _turning(x, y) * t
        return -torch.tanh(y / 2 * torch.cos(angle) - x / 2 * torch.sin(angle))

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        x, y, _ = points.T
        turning = _turning(x, y)
        return u["t"] - turning * y * u["x"] + turning * x * u["y"]

    conditions = (Condition(2, 0, exact), *everywhere(exact, (0, 1)))
    return Problem("xyt", box, ("t", "x", "y"), residual, conditions, exact, weight=10.0)


def _turning(x: Tensor, y: Tensor) -> Tensor:
    """Return ω, the angular velocity; 1 / 0.385 at the centre."""
    r = (x * x + y * y).clamp(min=1e-24).sqrt()
    return torch.tanh(r) / r / torch.cosh(r) ** 2 / 0.385
