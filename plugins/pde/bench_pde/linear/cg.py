"""The method of conjugate gradients (CG), and with a preconditioner.

Hestenes & Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems" (1952), doi:10.6028/jres.049.044; with a
preconditioner as in Golub & Van Loan, Matrix Computations, algorithm 11.5.1.

    z = M^-1 r;   p = z + (rᵀz / r₋ᵀz₋) p₋;   α = rᵀz / pᵀA p;   x <- x + α p;   r <- r - α A p

M is symmetric and positive definite; without one it is the identity. In exact arithmetic x is the best in the energy
norm of all x in the Krylov space, and after n iterations the solution.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bench_pde.linear.system import LinearSolver, Solution, Solve, System, Training

Apply = Callable[[Tensor], Tensor]


def preconditioned(system: System, precondition: Apply) -> Solve:
    """Return CG on a system with z = precondition(r)."""

    def solve(b: Tensor, tolerance: float, limit: int) -> Solution:
        x, r, p, before = torch.zeros_like(b), b.clone(), torch.zeros_like(b), math.inf
        residuals = [float(r.norm())]
        while residuals[-1] > tolerance * residuals[0] and len(residuals) <= limit:
            z = precondition(r)
            now = float(r @ z)
            p = z + now / before * p
            Ap = system.apply(p)
            alpha = now / float(p @ Ap)
            x, r, before = x + alpha * p, r - alpha * Ap, now
            residuals.append(float(r.norm()))
        return Solution(x, residuals)

    return solve


class ConjugateGradients(LinearSolver):
    """CG without a preconditioner. It learns nothing."""

    def __init__(self, *, example: System, training: Training) -> None:
        super().__init__()

    def prepared(self, system: System) -> Solve:
        return preconditioned(system, lambda r: r)
