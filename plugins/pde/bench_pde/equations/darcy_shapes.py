"""Flow through porous media of several shapes, -∇ · (K ∇u) = 1 inside a shape in the unit square, u = 0 on its edge.

The multi-task problem of MT-DeepONet (Kumar et al. 2024, arXiv:2408.02198): log K and the shape, as a mask of the
nodes inside it, are the input. Published: 100 x 100 nodes, 1,800 + 200 samples of each shape.

The paper leaves open what drives the flow and how K is distributed. Those are our own: 1, and log K a Gaussian field of
cosines with unit variance and spectrum exp(-|π k ℓ|²/2), ℓ = 0.25. Five-point differences as in
`bench_pde.equations.darcy`, with u = 0 on all nodes that are not inside: the edge of a shape is a staircase. What K is
beyond it, which the input does not show, has no part in u.
"""

from typing import Literal

import numpy as np
import scipy.sparse.linalg

from bench_pde import limits
from bench_pde.equations.darcy import stiffness
from bench_pde.equations.sampling import made_splits, on_all_cores

SHAPES = ("square", "circle", "triangle", "cross")


def inside(shape: str, n: int) -> np.ndarray:
    """Return which of the nodes i/(n-1) are inside a shape, (n, n), never one on the edge of the square.

    "square" is the whole, "circle" the largest that fits, "triangle" the equilateral one with a side as long as the
    square's and parallel to it, in its middle, and "cross" is the square less a cross in its middle, 0.5 long and 0.15
    wide.
    """
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, n), np.linspace(-0.5, 0.5, n), indexing="ij")
    square = np.maximum(abs(x), abs(y)) < 0.5 - 0.1 / n
    height = np.sqrt(3) / 2
    if shape == "circle":
        return square & (x**2 + y**2 < 0.25)
    if shape == "triangle":
        return square & (y > -height / 2) & (y < height / 2 - 2 * height * abs(x))
    if shape == "cross":
        long, short = np.maximum(abs(x), abs(y)), np.minimum(abs(x), abs(y))
        return square & ~((long < 0.25) & (short < 0.075))
    return square


def solve(K: np.ndarray, mask: np.ndarray, f: np.ndarray | float = 1.0) -> np.ndarray:
    """Return u, (n, n), which is 0 where `mask` is false."""
    inner = mask[1:-1, 1:-1].ravel()
    matrix = stiffness(K, mask).tocsr()[inner][:, inner].tocsc()
    u = np.zeros_like(K)
    u[mask] = scipy.sparse.linalg.spsolve(matrix, np.broadcast_to(f, K.shape)[mask], permc_spec="MMD_AT_PLUS_A")
    return u


def _solved(sample: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return solve(*sample)


def log_conductivity(n: int, rng: np.random.Generator, length: float = 0.25) -> np.ndarray:
    """Return log K at n x n nodes."""
    k = np.arange(16)
    deviation = np.exp(-((np.pi * length) ** 2) * (k[:, None] ** 2 + k[None, :] ** 2) / 4)
    cosines = np.cos(np.pi * np.outer(np.linspace(0, 1, n), k)) * np.sqrt(np.where(k == 0, 1, 2))
    return cosines @ (deviation / np.linalg.norm(deviation) * rng.standard_normal((16, 16))) @ cosines.T


def darcy_shapes(
    *,
    shape: Literal["all", "square", "circle", "triangle", "cross"] = "all",
    points: int = 32,
    train: int = 300,
    val: int = 60,
    test: int = 90,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, log K inside the shape and the mask, (n, points, points, 2); *_targets, u, (n, points, points,
    1); and *_shape, (n,), indices of `SHAPES`. "all" are the first three, with equal probabilities.

    Raises:
        ValueError: there are fewer than 8 points, which leave little of a shape.
    """
    limits.darcy_shapes(points=points)
    masks = [inside(name, points) for name in SHAPES]

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        kinds = [int(rng.integers(3)) if shape == "all" else SHAPES.index(shape) for rng in generators]
        logs = [log_conductivity(points, rng) for rng in generators]
        u = on_all_cores(_solved, [(np.exp(log), masks[kind]) for log, kind in zip(logs, kinds, strict=True)])
        mask = np.stack([masks[kind] for kind in kinds])
        return {
            "inputs": np.stack([np.stack(logs) * mask, mask], -1),
            "targets": np.stack(u)[..., None],
            "shape": np.array(kinds),
        }

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=64)
