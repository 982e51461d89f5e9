"""Conjugate gradients preconditioned by an incomplete Cholesky factorisation (ICPCG).

Meijerink & van der Vorst, "An iterative solution method for linear systems of which the coefficient matrix is a
symmetric M-matrix" (1977), doi:10.1090/S0025-5718-1977-0438681-4.

    M = L Lᵀ, where L has the pattern of A's lower triangle and (L Lᵀ)_ij = A_ij on it

L exists for every symmetric M-matrix, which those of Poisson's equation are. Both substitutions are sequential: the
method works on the CPU only.
"""

import math

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Tensor

from bench_pde.linear.cg import preconditioned
from bench_pde.linear.system import LinearSolver, Solve, System, Training
from harness import Skip


def incomplete_cholesky(matrix: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """Return L, with the pattern of the lower triangle of `matrix`.

    Raises:
        ValueError: a pivot is not positive; that happens for no M-matrix.
    """
    lower = scipy.sparse.csr_array(scipy.sparse.tril(matrix))
    lower.sort_indices()
    starts, columns, values = lower.indptr.tolist(), lower.indices.tolist(), lower.data.tolist()
    rows: list[dict[int, float]] = []
    for i in range(lower.shape[0]):
        row: dict[int, float] = {}
        for place in range(starts[i], starts[i + 1]):
            j = columns[place]
            other = row if j == i else rows[j]
            rest = values[place] - sum(value * other[k] for k, value in row.items() if k in other and k < j)
            if j == i and rest <= 0:
                raise ValueError(f"the incomplete factorisation breaks down in row {i}: its pivot is {rest:g}")
            row[j] = math.sqrt(rest) if j == i else rest / other[j]
        rows.append(row)
    data = np.array([value for row in rows for value in row.values()])
    return scipy.sparse.csr_array((data, lower.indices, lower.indptr), shape=lower.shape)


class IncompleteCholeskyCG(LinearSolver):
    """CG with M = L Lᵀ. It learns nothing."""

    def __init__(self, *, example: System, training: Training) -> None:
        super().__init__()

    def prepared(self, system: System) -> Solve:
        """Raises Skip where the system is not on the CPU."""
        if system.matrix.device.type != "cpu":
            raise Skip(f"icpcg works on the CPU only, and the system is on {system.matrix.device}")
        lower = incomplete_cholesky(system.as_scipy()).tocsc()
        # The factors of a triangular matrix in its own order are itself: this is substitution, compiled
        factor = scipy.sparse.linalg.splu(lower, permc_spec="NATURAL", diag_pivot_thresh=0.0)

        def precondition(r: Tensor) -> Tensor:
            return torch.from_numpy(factor.solve(factor.solve(r.numpy()), trans="T"))

        return preconditioned(system, precondition)
