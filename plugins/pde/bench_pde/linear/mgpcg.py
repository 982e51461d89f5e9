"""Conjugate gradients preconditioned by a multigrid cycle (MGPCG).

Tatebe, "The multigrid preconditioned conjugate gradient method" (1993); on cells with obstacles, McAdams, Sifakis &
Teran, "A parallel multigrid Poisson solver for fluids simulation on large grids" (2010),
doi:10.2312/SCA/SCA10/065-073.

    M^-1 f   one V-cycle for A u = f from the guess 0
    smooth   u <- u + ω D^-1 (f - A u), `smoothing` times before and as often after, so that the cycle is symmetric;
             positive definite it is because ω times the largest eigenvalue of D^-1 A is less than 2
    correct  u <- u + P A_c^-1 Pᵀ (f - A u), by the same on the coarser grid; the coarsest is solved exactly
    P        linear interpolation between cell centres, 3/4 and 1/4 per axis. Coarse cells without an open cell take no
             part, and what is left is scaled up for them; those beyond the box are 0
    A_c      Pᵀ A P, where McAdams et al. discretise anew

ω = 2/3 as in McAdams et al.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from bench_pde import linear_limits
from bench_pde.linear.cg import preconditioned
from bench_pde.linear.system import LinearSolver, Solve, System, Training, as_torch


@dataclass(frozen=True)
class Level:
    """A, ω D^-1, P and Pᵀ of one grid."""

    matrix: Tensor
    scale: Tensor
    prolong: Tensor
    restrict: Tensor


class Cycle:
    """M^-1, symmetric and positive definite."""

    def __init__(self, system: System, smoothing: int, damping: float, coarsest: int) -> None:
        self._smoothing, self._levels = smoothing, list[Level]()
        device = system.matrix.device
        matrix, is_open = system.as_scipy(), system.is_open.cpu().numpy()
        while is_open.size > coarsest and max(is_open.shape) > 2:
            prolong, coarse = interpolation(is_open)
            parts = (matrix, prolong, scipy.sparse.csr_array(prolong.T))
            scale = torch.from_numpy(damping / matrix.diagonal()).to(device)
            A, P, R = (as_torch(part).to(device) for part in parts)
            self._levels.append(Level(A, scale, P, R))
            closed = scipy.sparse.diags_array((~coarse).ravel().astype(float))
            matrix, is_open = scipy.sparse.csr_array(prolong.T @ matrix @ prolong + closed), coarse
        self._factor = torch.linalg.cholesky(torch.from_numpy(matrix.toarray()).to(device))

    def __call__(self, f: Tensor) -> Tensor:
        """Return M^-1 f for f of shape (n,)."""
        return self._on(0, f)

    def _on(self, depth: int, f: Tensor) -> Tensor:
        if depth == len(self._levels):
            return torch.cholesky_solve(f[:, None], self._factor)[:, 0]
        level = self._levels[depth]
        u = level.scale * f
        for _ in range(self._smoothing - 1):
            u = u + level.scale * (f - level.matrix @ u)
        u = u + level.prolong @ self._on(depth + 1, level.restrict @ (f - level.matrix @ u))
        for _ in range(self._smoothing):
            u = u + level.scale * (f - level.matrix @ u)
        return u


def interpolation(is_open: np.ndarray) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Return P and the open cells of the next coarser grid, whose cells are 2 x 2 (x 2) of the finer."""
    pad = [(0, n % 2) for n in is_open.shape]
    pairs = np.pad(is_open, pad).reshape([part for n in is_open.shape for part in ((n + 1) // 2, 2)])
    coarse = pairs.any(axis=tuple(range(1, 2 * is_open.ndim, 2)))
    full = reduce(scipy.sparse.kron, [_along(n) for n in is_open.shape]).tocsr()
    kept = full @ scipy.sparse.diags_array(coarse.ravel().astype(float))
    scale = is_open.ravel() * (full.sum(1) / np.maximum(kept.sum(1), 1e-300))
    return scipy.sparse.csr_array(scipy.sparse.diags_array(scale) @ kept), coarse


def _along(n: int) -> scipy.sparse.csr_array:
    """Return the interpolation along one axis, (n, ⌈n/2⌉)."""
    fine = np.arange(n)
    own, beside = fine // 2, fine // 2 + np.where(fine % 2, 1, -1)
    there = (beside >= 0) & (beside < (n + 1) // 2)
    rows, columns = np.concatenate([fine, fine[there]]), np.concatenate([own, beside[there]])
    weights = np.concatenate([np.full(n, 0.75), np.full(there.sum(), 0.25)])
    return scipy.sparse.csr_array((weights, (rows, columns)), shape=(n, (n + 1) // 2))


class MultigridCG(LinearSolver):
    """CG with M^-1 = one V-cycle. It learns nothing.

    Args:
        smoothing: steps before and after each correction.
        damping: ω.
        coarsest: unknowns of the grid that is solved exactly, at most.

    Raises:
        ValueError: smoothing or coarsest is not positive, or damping not between 0 and 1.
    """

    def __init__(
        self,
        *,
        example: System,
        training: Training,
        smoothing: int = 2,
        damping: float = 0.6667,
        coarsest: int = 64,
    ) -> None:
        super().__init__()
        linear_limits.mgpcg(smoothing=smoothing, damping=damping, coarsest=coarsest)
        self._options = (smoothing, damping, coarsest)

    def prepared(self, system: System) -> Solve:
        return preconditioned(system, Cycle(system, *self._options))
