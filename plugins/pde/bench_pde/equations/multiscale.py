"""Darcy flow through media with many scales: -∇ · (a ∇u) = 1 on the unit square, u = 0 on its boundary.

The two harder sets of MgNO (He, Liu & Xu 2024, arXiv:2310.19809), solved as `bench_pde.equations.darcy` does. "Rough"
is a medium of two conductivities as there, of the field N(0, (-Δ + 25)^-2): published on 512² nodes, sub-sampled to
256²; 1,280 and 112 samples. "Multiscale" is the product of oscillating factors

    a(x, y) = Π_k (1 + ½ cos(a_k π (x + y))) (1 + ½ sin(a_k π (y - 3x))),   a_k ~ U(2^(k-1), 1.5 · 2^(k-1)), k = 1 … 6,

published on 1023² nodes, sub-sampled to 256²; 1,000 and 100 samples. The formula is the literature's for this kind of
medium; that of the released files has not been published. Neither have the conductivities of the rough set: they are
parameters, by default those of `bench_pde.equations.darcy`.
"""

import numpy as np
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.darcy import classical_on_nodes, gaussian_field, solve
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import every, made_splits, on_all_cores


def trigonometric(n: int, frequencies: np.ndarray) -> np.ndarray:
    """Return a at the n x n nodes i/(n-1), for a_k, (k,)."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
    a = np.ones((n, n))
    for frequency in frequencies * np.pi:
        a *= (1 + 0.5 * np.cos(frequency * (x + y))) * (1 + 0.5 * np.sin(frequency * (y - 3 * x)))
    return a


def rough_sample(rng: np.random.Generator, *, nodes: int, high: float, low: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a and u of the rough set, (nodes, nodes)."""
    a = np.where(gaussian_field(nodes, rng, tau=5.0) >= 0, high, low)
    return a, solve(a)


def trigonometric_sample(rng: np.random.Generator, *, nodes: int, scales: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a and u of the multiscale set, (nodes, nodes)."""
    base = 2.0 ** np.arange(scales)
    a = trigonometric(nodes, rng.uniform(base, 1.5 * base))
    return a, solve(a)


def darcy_rough(
    *,
    points: int = 64,
    solved_on: int = 127,
    high: float = 12.0,
    low: float = 3.0,
    train: int = 100,
    val: int = 20,
    test: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, a, and *_targets, u, (n, points, points, 1): every so many of the `solved_on` nodes.

    Raises:
        ValueError: see `bench_pde.limits.darcy`.
    """
    limits.darcy(points=points, solved_on=solved_on, high=high, low=low)
    sizes = {"train": train, "val": val, "test": test}
    return _made(rough_sample, sizes, seed, points, nodes=solved_on, high=high, low=low)


def darcy_multiscale(
    *,
    scales: int = 3,
    points: int = 64,
    solved_on: int = 127,
    train: int = 100,
    val: int = 20,
    test: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, a, and *_targets, u, (n, points, points, 1): every so many of the `solved_on` nodes.

    Raises:
        ValueError: see `bench_pde.limits.darcy_multiscale`.
    """
    limits.darcy_multiscale(scales=scales, points=points, solved_on=solved_on)
    sizes = {"train": train, "val": val, "test": test}
    return _made(trigonometric_sample, sizes, seed, points, nodes=solved_on, scales=scales)


def _made(sample, sizes: dict[str, int], seed: int, points: int, *, nodes: int, **params: float):  # noqa: ANN001, ANN202
    step = (nodes - 1) // (points - 1)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        found = on_all_cores(sample, generators, nodes=nodes, **params)
        a, u = (np.stack(parts)[..., None] for parts in zip(*found, strict=True))
        return {"inputs": every(a, step, (1, 2)), "targets": every(u, step, (1, 2))}

    return made_splits(sizes, make, seed, at_once=64)


def classical_multiscale(*, points: int, solved_on: int, **_: object) -> list[Solver]:
    """Return solvers on so many nodes an axis, log a cubic between those given: see `bench_pde.equal_error`."""

    def regrid(a: Tensor, n: int) -> Tensor:
        return regridding.nodes(a.log(), n).exp()

    return classical_on_nodes(points, solved_on, regrid, solve)
