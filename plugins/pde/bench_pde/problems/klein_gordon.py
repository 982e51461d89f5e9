"""The Klein-Gordon equation u_tt - Δu + u² = f on [-1, 1]² × [0, duration].

u = (x + y) cos kt + xy sin kt, of which Δu = 0, so that f = -k² u + u². From Kang et al. 2025 (PIG, arXiv:2412.05994),
where k = 2 and the duration is 10. u is given on the four sides, u and u_t at t = 0: without the velocity there would
be other solutions.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from bench_pde import solver_limits
from bench_pde.problems.problem import Condition, Problem, everywhere


def klein_gordon(*, k: float = 2.0, duration: float = 10.0) -> Problem:
    """Return the problem.

    Raises:
        ValueError: the duration is not positive.
    """
    solver_limits.klein_gordon(duration=duration)
    box = ((-1.0, 1.0), (-1.0, 1.0), (0.0, duration))

    def exact(points: Tensor) -> Tensor:
        x, y, t = points.T
        return (x + y) * torch.cos(k * t) + x * y * torch.sin(k * t)

    def velocity(points: Tensor) -> Tensor:
        x, y, t = points.T
        return k * (x * y * torch.cos(k * t) - (x + y) * torch.sin(k * t))

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        truth = exact(points)
        return u["tt"] - u["xx"] - u["yy"] + u[""] ** 2 + k * k * truth - truth**2

    conditions = (Condition(2, 0, exact), Condition(2, 0, velocity, "t"), *everywhere(exact, (0, 1)))
    return Problem("xyt", box, ("", "tt", "xx", "yy"), residual, conditions, exact)
