"""What a linear solver is told and what it answers."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.sparse
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class System:
    """A, sparse, symmetric and positive definite, on the cells of a grid.

    Args:
        matrix: A, (n, n) in compressed rows, float64, where n is the number of cells, the last axis running fastest.
        is_open: which cells hold an unknown, bool of the grid's shape. The rows and columns of the others are those
            of the identity; right-hand sides and solutions are 0 there.
    """

    matrix: Tensor
    is_open: Tensor

    @property
    def grid(self) -> tuple[int, ...]:
        return tuple(self.is_open.shape)

    def apply(self, x: Tensor) -> Tensor:
        """Return A x for x of shape (n,)."""
        return self.matrix @ x

    def as_scipy(self) -> scipy.sparse.csr_array:
        """Return A for libraries that work on the CPU."""
        parts = (self.matrix.values(), self.matrix.col_indices(), self.matrix.crow_indices())
        return scipy.sparse.csr_array(tuple(part.cpu().numpy() for part in parts), shape=self.matrix.shape)

    def to(self, device: str) -> "System":
        return System(self.matrix.to(device), self.is_open.to(device))


@dataclass(frozen=True)
class Training:
    """What a method may spend on learning, and where it draws from; it reports each step with its loss."""

    steps: int
    batch_size: int
    generator: torch.Generator
    report: Callable[[int, float], None] = lambda step, loss: None


@dataclass(frozen=True)
class Solution:
    """x, (n,), and ‖b - A x‖ before the first iteration and after each."""

    x: Tensor
    residuals: list[float]

    @property
    def iterations(self) -> int:
        return len(self.residuals) - 1


Solve = Callable[[Tensor, float, int], Solution]


class LinearSolver(nn.Module):
    """What the family's methods return. Its state is what it has learned."""

    def prepared(self, system: System) -> Solve:
        """Do all that depends on A alone. Raises ValueError for a system that the method cannot solve."""
        raise NotImplementedError


def poisson(is_open: np.ndarray) -> System:
    """Return the matrix of -Δ times the squared spacing, by five-point (in space, seven-point) differences.

    Beyond the box u = 0; through the face to a cell that is not open nothing flows, as at the walls of a fluid. So a
    row has -1 for each open neighbour, and on the diagonal the number of neighbours that are open or beyond the box.
    Open cells from which no way leads out of the box, where the system would be singular, are closed.

    Args:
        is_open: bool, of two or three dimensions.

    Raises:
        ValueError: no cell is open.
    """
    is_open = _with_a_way_out(is_open)
    if not is_open.any():
        raise ValueError("no cell of the grid is open")
    number = np.arange(is_open.size).reshape(is_open.shape)
    diagonal = np.full(is_open.shape, 2.0 * is_open.ndim)
    rows, columns = [], []
    for axis in range(is_open.ndim):
        low, high = ([slice(None)] * is_open.ndim for _ in range(2))
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        for here, there in ((tuple(low), tuple(high)), (tuple(high), tuple(low))):
            joined = is_open[here] & is_open[there]
            rows.append(number[here][joined])
            columns.append(number[there][joined])
            diagonal[here] -= ~is_open[there]
    diagonal[~is_open] = 1
    i, j = np.concatenate([*rows, number.ravel()]), np.concatenate([*columns, number.ravel()])
    values = np.concatenate([np.full(len(i) - number.size, -1.0), diagonal.ravel()])
    return System(as_torch(scipy.sparse.csr_array((values, (i, j)))), torch.from_numpy(is_open))


def as_torch(matrix: scipy.sparse.csr_array) -> Tensor:
    """Return a matrix in compressed rows as a tensor."""
    matrix = scipy.sparse.csr_array(matrix)
    matrix.sort_indices()
    parts = (torch.from_numpy(part.astype(np.int64)) for part in (matrix.indptr, matrix.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(*parts, torch.from_numpy(matrix.data), size=matrix.shape, check_invariants=False)


def _with_a_way_out(is_open: np.ndarray) -> np.ndarray:
    regions, count = scipy.ndimage.label(is_open)
    edge = [regions.take(end, axis) for axis in range(regions.ndim) for end in (0, -1)]
    reached = np.unique(np.concatenate([part.ravel() for part in edge]))
    return is_open & np.isin(regions, reached[reached > 0]) if count else is_open
