"""Two methods on the same seeds: differences, tests, equivalence, and how often one is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from harness.stats.intervals import Interval, t_interval
from harness.stats.samples import Array, Better, array, gains
from harness.stats.signed_rank import signed_rank_p
from harness.stats.validity import failures_differ


@dataclass(frozen=True)
class Paired:
    """Two methods on one task, over the seeds that both have."""

    gain: Interval  # of the mean by which the first is better; NaN where failures make it infinite both ways
    p: float  # two-sided, of there being no difference
    improvement: float  # the chance that a run of the first beats one of the second
    invalid: str  # why the comparison means nothing; empty where it does


@dataclass(frozen=True)
class Tally:
    """On how many tasks a method is better, alike and worse, and on how many of these clearly so."""

    wins: int
    ties: int
    losses: int
    clear_wins: int
    clear_losses: int


def compare(a: Sequence[float], b: Sequence[float], better: Better, failed: tuple[int, int] = (0, 0)) -> Paired:
    """Return how `a` compares with `b`; both have shape (seeds,), and the same seed at the same place.

    `failed` tells how many runs of each failed; their values are the metric's worst. Raises ValueError where lengths
    differ, there is no value or one is NaN.
    """
    gained = gains(a, b, better)
    return Paired(
        gain=t_interval(gained.tolist()) if _has_mean(gained) else Interval(math.nan, None, None, len(gained)),
        p=paired_p(a, b),
        improvement=float(improvement(array(a)[None], array(b)[None], better)),
        invalid=failures_differ(*failed, len(gained)),
    )


def paired_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the two-sided p-value of Student's paired test that a and b, shape (seeds,), have one mean.

    It is 1 for fewer than two pairs. Where a failure counts as infinite there is no mean to test: Wilcoxon's test takes
    its place, which needs only the order. Raises ValueError where lengths differ or a value is NaN.
    """
    difference = gains(a, b, "higher")
    n = len(difference)
    if n < 2:
        return 1.0
    if np.isinf(difference).any():
        return signed_rank_p(difference)
    mean, error = _mean_and_error(difference)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / error))


def tost(a: Sequence[float], b: Sequence[float], margin: float) -> float:
    """Return the p-value of a and b, shape (seeds,), differing in the mean by `margin` or more: small is equivalent.

    The larger of two one-sided paired t-tests, against +margin and −margin; it is below α exactly where the interval
    of confidence 1 − 2α lies within ±margin. It is 1 for fewer than two pairs or an infinite difference.

    Source: Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15, 1987. Raises ValueError where the margin is not
    positive, lengths differ or a value is NaN.
    """
    if not margin > 0:
        raise ValueError(f"equivalence needs a margin above 0, not {margin}")
    difference = gains(a, b, "higher")
    n = len(difference)
    if n < 2 or np.isinf(difference).any():
        return 1.0
    mean, error = _mean_and_error(difference)
    inside = margin - abs(mean)
    if error == 0:
        return 0.0 if inside > 0 else 1.0
    return float(stdtr(n - 1, -inside / error))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return Holm's adjusted p-values: rejecting those below α keeps the chance of any false rejection below α.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    adjusted, highest = {}, 0.0
    for i, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - i)))
        adjusted[name] = highest
    return adjusted


def tally(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], better: Better, alpha: float = 0.05) -> Tally:
    """Return on how many tasks the mean of `a` is better than that of `b`; one sequence of paired seeds for each task.

    Clear is what the paired t-test tells at `alpha`, with Holm over the tasks. Raises ValueError where there are not as
    many tasks on both sides, or not as many seeds.
    """
    gained = [gains(of_a, of_b, better) for of_a, of_b in zip(a, b, strict=True)]
    directions = [direction(of_task) for of_task in gained]
    p_values = {str(i): paired_p(of_a, of_b) for i, (of_a, of_b) in enumerate(zip(a, b, strict=True))}
    clear = [holm(p_values)[str(i)] < alpha for i in range(len(gained))]
    return Tally(
        wins=directions.count(1),
        ties=directions.count(0),
        losses=directions.count(-1),
        clear_wins=sum(told for told, direction in zip(clear, directions, strict=True) if direction == 1),
        clear_losses=sum(told for told, direction in zip(clear, directions, strict=True) if direction == -1),
    )


def improvement(a: ArrayLike, b: ArrayLike, better: Better) -> Array:
    """Return the chance that a run of `a` beats a run of `b` on a task, the mean over tasks; a tie counts as a half.

    Shapes (..., tasks, seeds), the numbers of seeds may differ -> (...). It is Mann and Whitney's U / n².

    Source: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, §4.3.
    """
    x, y = array(a)[..., :, None], array(b)[..., None, :]
    won = (x > y if better == "higher" else x < y) + 0.5 * (x == y)
    return np.asarray(won.mean(axis=(-3, -2, -1)))


def direction(gained: Array) -> int:
    """Return the sign of the mean of gains, shape (n,): 1, 0 or -1; 0 where it is infinite both ways."""
    return int(np.sign(math.fsum(gained))) if _has_mean(gained) else 0


def _has_mean(gained: Array) -> bool:
    """Tell whether there is a mean: one that is infinite both ways has none."""
    return not (np.isposinf(gained).any() and np.isneginf(gained).any())


def _mean_and_error(difference: Array) -> tuple[float, float]:
    """Return the mean of finite differences and its standard error."""
    n = len(difference)
    return float(difference.mean()), float(difference.std(ddof=1)) / math.sqrt(n)
