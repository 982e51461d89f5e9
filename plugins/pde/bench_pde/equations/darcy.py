"""Flow through a porous medium (Darcy), -∇ · (a ∇u) = 1 on the unit square, u = 0 on its boundary.

The problem of the Fourier neural operator (Li et al. 2021, arXiv:2010.08895): a is `high` where a Gaussian field
N(0, (-Δ + 9)^-2) with zero Neumann conditions is not negative, and `low` elsewhere. The paper has 12 and 3, its code
and most data sets 12 and 4. Published: 421² nodes, sub-sampled to 85², 141², 211²; 1,000 and 100 samples.

Five-point finite differences on the nodes, boundary included; the conductivity of a face is the arithmetic mean of its
two nodes, as in the published code; sparse LU.
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import every, made_splits, on_all_cores


def solve(a: np.ndarray, f: np.ndarray | float = 1.0) -> np.ndarray:
    """Return u at the n x n nodes i/(n-1), of which those on the boundary are 0, for a at the same nodes.

    Raises:
        ValueError: a is not positive throughout.
    """
    if not (a > 0).all():
        raise ValueError("the conductivity must be positive throughout")
    n = len(a)
    matrix, inner = stiffness(a), slice(1, -1)
    right = np.broadcast_to(f, a.shape)[inner, inner].ravel()
    u = np.zeros_like(a)
    u[inner, inner] = scipy.sparse.linalg.spsolve(matrix.tocsc(), right, permc_spec="MMD_AT_PLUS_A").reshape(
        n - 2, n - 2
    )
    return u


def stiffness(a: np.ndarray, inside: np.ndarray | None = None) -> scipy.sparse.spmatrix:
    """Return the matrix of -∇ · (a ∇) on the inner nodes, ((n-2)², (n-2)²), symmetric and positive definite.

    Where a is known `inside` only, (n, n), a face with one such node has the conductivity of that, and one without 0.
    """
    m = len(a) - 2
    known = np.ones_like(a) if inside is None else inside.astype(a.dtype)
    total = a * known
    down = (total[1:] + total[:-1])[:, 1:-1] / np.maximum(known[1:] + known[:-1], 1)[:, 1:-1]  # between rows, (n-1, m)
    right = (total[:, 1:] + total[:, :-1])[1:-1] / np.maximum(known[:, 1:] + known[:, :-1], 1)[1:-1]
    diagonal = down[:-1] + down[1:] + right[:, :-1] + right[:, 1:]
    beside = -right[:, 1:].copy()
    beside[:, -1] = 0  # the last of a row is no neighbour of the first of the next
    above, next_ = -down[1:-1].ravel(), beside.ravel()[:-1]
    return scipy.sparse.diags([diagonal.ravel(), next_, next_, above, above], [0, 1, -1, m, -m]) * (m + 1) ** 2


def gaussian_field(n: int, rng: np.random.Generator, alpha: float = 2.0, tau: float = 3.0) -> np.ndarray:
    """Return a sample of N(0, τ^(2α-2) (-Δ + τ²)^-α) on n x n nodes, by cosines; k = 0 is left out."""
    k = np.arange(n)
    scale = tau ** (alpha - 1) * (np.pi**2 * (k[:, None] ** 2 + k[None, :] ** 2) + tau**2) ** (-alpha / 2)
    coefficients = n * scale * rng.standard_normal((n, n))
    coefficients[0, 0] = 0
    return scipy.fft.idctn(coefficients, norm="ortho")


def sample(rng: np.random.Generator, *, nodes: int, high: float, low: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a and u, (nodes, nodes)."""
    a = np.where(gaussian_field(nodes, rng) >= 0, high, low)
    return a, solve(a)


def darcy(
    *,
    points: int = 32,
    solved_on: int = 94,
    high: float = 12.0,
    low: float = 3.0,
    train: int = 300,
    val: int = 50,
    test: int = 50,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, a, and *_targets, u, (n, points, points, 1): every so many of the `solved_on` nodes.

    Raises:
        ValueError: `points` - 1 does not divide `solved_on` - 1, or a conductivity is not positive.
    """
    limits.darcy(points=points, solved_on=solved_on, high=high, low=low)
    step = (solved_on - 1) // (points - 1)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        found = on_all_cores(sample, generators, nodes=solved_on, high=high, low=low)
        a, u = (np.stack(parts)[..., None] for parts in zip(*found, strict=True))
        return {"inputs": every(a, step, (1, 2)), "targets": every(u, step, (1, 2))}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=64)


def classical(*, points: int, solved_on: int, **_: object) -> list[Solver]:
    """Return solvers on so many nodes an axis, each with the conductivity of the nearest given one: see
    `bench_pde.equal_error`.
    """
    return classical_on_nodes(points, solved_on, regridding.nearest_nodes, solve)


def classical_on_nodes(
    points: int, solved_on: int, regrid: Callable[[Tensor, int], Tensor], solve: Callable[[np.ndarray], np.ndarray]
) -> list[Solver]:
    """Return solvers that `regrid` the input to so many nodes an axis, and `solve` it sample by sample."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            a = regrid(given[..., 0].double().cpu(), n).numpy()
            u = torch.from_numpy(np.stack([solve(one) for one in a]))
            return regridding.nodes(u, points)[:, None, ..., None].to(given.device)

        return solver

    return [on(intervals + 1) for intervals in regridding.sizes(points - 1, solved_on - 1)]
