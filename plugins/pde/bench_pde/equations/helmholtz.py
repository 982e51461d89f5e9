"""Time-harmonic waves in a medium, Δu + (ω / c)² u = 0 on the unit square, pushed in the middle of its top: u_y = 1
there where |x - 0.5| <= 0.15, and elsewhere the normal derivative is 0 (Helmholtz).

The problem of de Hoop, Huang, Qian & Stuart 2022 (arXiv:2203.13181), the push as in their code: the wave speed is
c = 20 + tanh v with v from N(0, (-Δ + 9)^-2), zero Neumann conditions. Published: ω = 1000 on 101² nodes, where a wave
is 12 cells long; 4,000 and 200 samples for MgNO (arXiv:2310.19809). The solution is large where ω is near a resonance.
The mean of 16 solutions on 125² nodes has an error of 5 to 45 % at ω = 600, of 6 to 19 % at 800.

Five-point finite differences on the nodes, with a mirrored node beyond each side, of second order; sparse LU.
"""

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.darcy import classical_on_nodes, gaussian_field
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import every, made_splits, on_all_cores

SPEED = 20.0


def push(n: int) -> np.ndarray:
    """Return u_y at the top at the nodes i/(n-1), (n,): the share of the cell around each that is pushed, so that the
    whole push is 0.3 on every grid.
    """
    x, half = np.linspace(0, 1, n), 0.5 / (n - 1)
    return np.clip(np.minimum(x + half, 0.65) - np.maximum(x - half, 0.35), 0, None) * (n - 1)


def solve(k: np.ndarray, pushed: np.ndarray) -> np.ndarray:
    """Return u at the n x n nodes i/(n-1), axes x and y, for wave numbers k = ω / c at the same nodes and u_y at those
    of the top, (n,).
    """
    n = len(k)
    h = 1 / (n - 1)
    beside = np.ones(n - 1)
    beside[0] = 2.0  # the node beyond an end mirrors the one before it
    second = scipy.sparse.diags([-2 * np.ones(n), beside, beside[::-1]], [0, 1, -1]) / h**2
    eye = scipy.sparse.identity(n)
    matrix = scipy.sparse.kron(second, eye) + scipy.sparse.kron(eye, second) + scipy.sparse.diags(k.ravel() ** 2)
    right = np.zeros_like(k)
    right[:, -1] = -2 * pushed / h
    return scipy.sparse.linalg.spsolve(matrix.tocsc(), right.ravel(), permc_spec="MMD_AT_PLUS_A").reshape(n, n)


def speed(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a sample of c on n x n nodes; the Gaussian field is N(0, (-Δ + 9)^-2), of mean 0."""
    return SPEED + np.tanh(gaussian_field(n, rng) / 3.0)  # which has the factor τ^(α-1) = 3


def sample(rng: np.random.Generator, *, nodes: int, frequency: float) -> tuple[np.ndarray, np.ndarray]:
    """Return c and u, (nodes, nodes)."""
    c = speed(nodes, rng)
    return c, solve(frequency / c, push(nodes))


def helmholtz(
    *,
    frequency: float = 800.0,
    points: int = 32,
    solved_on: int = 125,
    train: int = 200,
    val: int = 20,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, c, and *_targets, u, (n, points, points, 1): every so many of the `solved_on` nodes.

    Raises:
        ValueError: see `bench_pde.limits.helmholtz`.
    """
    limits.helmholtz(frequency=frequency, points=points, solved_on=solved_on)
    step = (solved_on - 1) // (points - 1)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        found = on_all_cores(sample, generators, nodes=solved_on, frequency=frequency)
        c, u = (np.stack(parts)[..., None] for parts in zip(*found, strict=True))
        return {"inputs": every(c, step, (1, 2)), "targets": every(u, step, (1, 2))}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=64)


def classical(*, frequency: float, points: int, solved_on: int, **_: object) -> list[Solver]:
    """Return solvers on so many nodes an axis, c cubic between those given: see `bench_pde.equal_error`."""

    def solved(c: np.ndarray) -> np.ndarray:
        return solve(frequency / c, push(len(c)))

    return classical_on_nodes(points, solved_on, regridding.nodes, solved)
