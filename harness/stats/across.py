"""A method over many tasks: interquartile mean, mean rank, and their intervals by stratified bootstrap.

The bootstrap alone is too narrow for few seeds, twice: its variance lacks the factor n / (n − 1), and its quantiles are
normal where Student's are due. Both factors stretch the percentile interval around the estimate, as Hesterberg proposes
("What teachers should know about the bootstrap", The American Statistician 69, 2015).

Coverage of nominal 95 % on six tasks, measured with normal noise, tasks alike, near and far, and noise that differs
tenfold between tasks (`benchmarks/coverage.py`):

| interval | n = 3 | n = 5 | n = 10 |
|---|---|---|---|
| IQM, percentile bootstrap, as of rliable | 0.82–0.86 | 0.88–0.92 | 0.90–0.94 |
| IQM, × √(n / (n − 1)) alone | 0.88–0.93 | 0.91–0.95 | 0.92–0.96 |
| IQM, new seeds, this one | 0.95–0.96 | 0.95–0.96 | 0.95 |
| IQM, new tasks | 0.95–0.96 | 0.95–0.96 | 0.94–0.95 |
| mean, new seeds | 0.95–0.97 | 0.95 | 0.94–0.95 |
| mean, new tasks | 0.94 | 0.93–0.95 | 0.94 |
| mean rank, either | 0.94–0.96 | 0.94–0.95 | 0.94–0.95 |
| probability of improvement, new seeds | 0.97 | 0.96–0.97 | 0.95–0.96 |
| probability of improvement, new tasks | 0.92–0.94 | 0.93–0.94 | 0.94 |

Exponential noise costs the IQM, new seeds, 2–3 points: 0.92, 0.92, 0.93. New tasks are drawn from normal, uniform and
skewed populations; the least figures are of the skewed ones, where Student's interval of the tasks' means has the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from harness.stats.intervals import Interval
from harness.stats.samples import Array, Better, array

RESAMPLES = 2000
CHUNK = 1_000_000  # values that are resampled at a time: what memory holds easily


class Scope(StrEnum):
    """What would be drawn anew if the study were done again, and so what an interval speaks of."""

    NEW_SEEDS = "same tasks, new seeds"
    NEW_TASKS = "new tasks"


Statistic = Callable[[Array], Array]  # (..., tasks, seeds) -> (...)


def mean(scores: ArrayLike) -> Array:
    """Return the mean over tasks and seeds: shape (..., tasks, seeds) -> (...)."""
    return np.asarray(array(scores).mean(axis=(-2, -1)))


def iqm(scores: ArrayLike) -> Array:
    """Return the interquartile mean over tasks and seeds: shape (..., tasks, seeds) -> (...).

    The mean of the middle half of all tasks · seeds values. Where a quarter of them is no whole number, those at the
    quartiles count in part; rliable leaves fewer out there, which with few seeds gives tasks other weights than with
    many and so a bias. Up to a quarter of the values may be infinite on one side.

    Source: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, §4.3.
    """
    found = array(scores)
    ordered = np.sort(found.reshape(*found.shape[:-2], -1), axis=-1)
    edges = np.linspace(0, 1, ordered.shape[-1] + 1)
    weights = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0, None) * 2
    inside = weights > 1e-12  # what lies outside is left out, since 0 · inf is NaN
    # Not a matrix product: its rounding would depend on how many methods there are.
    return np.asarray((ordered[..., inside] * weights[inside]).sum(axis=-1))


def ranks(scores: ArrayLike, field: Sequence[int], better: Better) -> Array:
    """Return each method's rank on each task and seed in a field of methods: shape (methods, tasks, seeds), twice.

    1 plus the methods of the field that are better, and half of those that are equal; not counting itself. So a
    method's rank is changed by no method outside the field. With all methods as the field these are the usual ranks.
    Raises ValueError for an empty field.
    """
    if len(field) == 0:
        raise ValueError("ranks need a field to rank in")
    found = array(scores)
    found = found if better == "higher" else -found
    ranked = np.ones(found.shape)
    for i in field:
        others = np.arange(len(found)) != i
        ranked[others] += (found[i] > found[others]) + 0.5 * (found[i] == found[others])
    return ranked


def intervals(scores: ArrayLike, statistic: Statistic, scope: Scope, confidence: float = 0.95) -> list[Interval]:
    """Return the interval of a statistic for each of several methods by the stratified bootstrap.

    `scores` has shape (methods, tasks, seeds), and `statistic` maps (..., tasks, seeds) to (...). What compares methods
    takes shape (pairs, 2, tasks, seeds) and maps (..., 2, tasks, seeds) to (...).

    NEW_SEEDS resamples the seeds within each task, for all methods alike, as methods are paired by seed. The interval
    is stretched by √(n / (n − 1)) · t / z, t with Satterthwaite's degrees of freedom for tasks of unequal spread. Its n
    counts seeds. NEW_TASKS resamples whole tasks and stretches likewise with K tasks and K − 1 degrees of freedom:
    resampling seeds inside as well would count their spread twice, since that of the tasks' means holds it already. Its
    n counts tasks. Resamples depend on the numbers of tasks and seeds only: a report is reproducible, and no method's
    interval is changed by another's.

    There is no interval for one seed (one task, with NEW_TASKS) or an infinite estimate. Where all resamples agree it
    has no width. Raises ValueError for fewer than two tasks, where a t-interval is right, or a value that is NaN.
    """
    found = array(scores)
    tasks, seeds = found.shape[-2:]
    if tasks < 2:
        raise ValueError("a bootstrap over tasks needs at least two; on one task use the t-interval")
    estimates = statistic(found)
    n = seeds if scope is Scope.NEW_SEEDS else tasks
    if n < 2:
        return [Interval(float(estimate), None, None, n) for estimate in estimates]
    draws = np.concatenate([statistic(drawn) for drawn in _resampled(found, scope)])
    tail = (1 - confidence) / 2
    ends = np.quantile(draws, [tail, 1 - tail], axis=0, method="inverted_cdf")  # interpolating would turn inf into NaN
    freedom = _freedom(found) if scope is Scope.NEW_SEEDS else np.full(len(found), tasks - 1.0)
    stretch = math.sqrt(n / (n - 1)) * stdtrit(freedom, 1 - tail) / ndtri(1 - tail)
    return [
        _stretched(float(estimate), float(low), float(high), float(factor), n)
        for estimate, low, high, factor in zip(estimates, *ends, stretch, strict=True)
    ]


def _stretched(estimate: float, low: float, high: float, factor: float, n: int) -> Interval:
    if math.isinf(estimate):
        return Interval(estimate, None, None, n)
    return Interval(estimate, estimate - factor * (estimate - low), estimate + factor * (high - estimate), n)


def _resampled(scores: Array, scope: Scope) -> Iterator[Array]:
    """Yield resampled scores, shape (resamples, ..., tasks, seeds), a part of the resamples at a time."""
    tasks, seeds = scores.shape[-2:]
    generator = np.random.default_rng([tasks, seeds])
    if scope is Scope.NEW_SEEDS:
        task, seed = np.arange(tasks)[:, None], generator.integers(seeds, size=(RESAMPLES, tasks, seeds))
    else:
        task, seed = generator.integers(tasks, size=(RESAMPLES, tasks, 1)), np.arange(seeds)
    task, seed = np.broadcast_arrays(task, seed)
    step = max(1, CHUNK // scores.size)
    for part in (slice(start, start + step) for start in range(0, RESAMPLES, step)):
        yield np.moveaxis(scores[..., task[part], seed[part]], -3, 0)


def _freedom(scores: Array) -> Array:
    """Return the degrees of freedom of a mean over tasks: shape (methods, ..., tasks, seeds) -> (methods,).

    Source: Satterthwaite, Biometrics Bulletin 2, 1946. Between n − 1, where one task has all the spread or a value is
    infinite, and tasks · (n − 1).
    """
    tasks, seeds = scores.shape[-2:]
    finite = np.isfinite(scores).reshape(len(scores), -1).all(axis=1)
    known = np.where(finite.reshape(-1, *[1] * (scores.ndim - 1)), scores, 0.0)
    spread = known.var(axis=-1).reshape(len(scores), -1, tasks).sum(axis=1)
    largest = spread.max(axis=1, keepdims=True)
    share = np.divide(spread, largest, out=np.zeros_like(spread), where=largest > 0)  # whose squares do not vanish
    total, squares = share.sum(axis=1), (share**2).sum(axis=1)
    return np.asarray((seeds - 1) * np.divide(total**2, squares, out=np.ones_like(total), where=squares > 0))
