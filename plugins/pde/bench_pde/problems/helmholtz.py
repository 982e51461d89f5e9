"""The Helmholtz equation u_xx + u_yy + λ u = q on [-1, 1]², with u = 0 on the boundary.

u = sin(a₂ π x) sin(a₁ π y) makes q = (λ - (a₁π)² - (a₂π)²) u. From Kang et al. 2025 (PIG, arXiv:2412.05994), where
λ = 1, (a₁, a₂) is (4, 1) or (10, 10), and the residual is weighed by 1e-4.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from bench_pde import solver_limits
from bench_pde.problems.problem import Problem, everywhere


def helmholtz(*, a1: int = 4, a2: int = 1, coefficient: float = 1.0) -> Problem:
    """Return the problem; `coefficient` is λ.

    Raises:
        ValueError: a1 or a2 is not positive, or u = 0 off the source is not the only solution: λ is an eigenvalue.
    """
    solver_limits.helmholtz(a1=a1, a2=a2, coefficient=coefficient)
    box = ((-1.0, 1.0), (-1.0, 1.0))

    def exact(points: Tensor) -> Tensor:
        x, y = points.T
        return torch.sin(a2 * math.pi * x) * torch.sin(a1 * math.pi * y)

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        q = (coefficient - (a1 * math.pi) ** 2 - (a2 * math.pi) ** 2) * exact(points)
        return u["xx"] + u["yy"] + coefficient * u[""] - q

    def zero(points: Tensor) -> Tensor:
        return torch.zeros_like(points[:, 0])

    conditions = everywhere(zero, (0, 1))
    return Problem("xy", box, ("", "xx", "yy"), residual, conditions, exact, weight=1e-4)
