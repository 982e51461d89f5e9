"""Performance profiles against a reference field, named and frozen, so that no score moves when someone joins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.across import Scope, intervals
from harness.stats.intervals import Interval
from harness.stats.samples import Array, array


def ratios(costs: ArrayLike, field: ArrayLike) -> Array:
    """Return costs relative to the best of the field on each task: shape (..., tasks, seeds), twice the same.

    `field` holds the field's costs per method and task, shape (methods, tasks); below 1 is cheaper than the whole
    field. A failed run costs infinitely much and has an infinite ratio. Where the whole field failed on a task,
    whatever solves it has ratio 0. Raises ValueError where a cost is not above 0 or is NaN, and for an empty field.
    """
    found, best = _positive(costs), _positive(field).min(axis=0)[:, None]
    failed = np.isinf(found)
    return np.where(failed, np.inf, np.where(failed, 1.0, found) / best)


def profile(relative: ArrayLike, factors: ArrayLike) -> Array:
    """Return ρ(τ), the share of tasks that cost at most τ times the field's best.

    Shapes (..., tasks, seeds), which `ratios` returns, and (factors,) for τ -> (..., factors). Each task counts once,
    by the share of its seeds.

    Source: Dolan and Moré, "Benchmarking optimization software with performance profiles", Mathematical Programming 91,
    2002, §2, with the minimum over the reference field in place of that over all solvers.
    """
    found = array(relative)
    within = found[..., None] <= array(factors)
    share = within & np.isfinite(found)[..., None]
    return np.asarray(share.mean(axis=(-3, -2)))


def area(relative: ArrayLike, largest: float) -> Array:
    """Return the mean of ρ(τ) over τ from 1 to `largest`: shape (..., tasks, seeds) -> (...), from 0 to 1.

    In closed form, since ρ is a staircase. Raises ValueError where `largest` is not above 1.

    Source: Dahl et al., "Benchmarking neural network training algorithms", 2023, AlgoPerf's benchmark score.
    """
    if not 1 < largest < np.inf:
        raise ValueError(f"a profile is averaged over factors from 1 to one above it, not to {largest}")
    inside = np.clip(array(relative), 1, largest)
    return np.asarray(((largest - inside) / (largest - 1)).mean(axis=(-2, -1)))


def band(relative: ArrayLike, factors: Sequence[float], scope: Scope, confidence: float = 0.95) -> list[Interval]:
    """Return the interval of ρ at each factor by the stratified bootstrap, for one method: shape (tasks, seeds).

    The ends are kept between 0 and 1. Of nominal 95 % it covers 93–97 % at 3 to 10 seeds (`benchmarks/coverage.py`).
    Where all runs lie on one side of a factor it has no width.
    """
    within = np.stack([array(relative) <= factor for factor in factors]) & np.isfinite(array(relative))
    found = intervals(within, lambda drawn: drawn.mean(axis=(-2, -1)), scope, confidence)
    return [one.mapped(lambda share: min(1.0, max(0.0, share))) for one in found]


def _positive(costs: ArrayLike) -> Array:
    found = array(costs)
    if not (found > 0).all():
        raise ValueError("a cost is above 0")
    return found
