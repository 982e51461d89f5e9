"""One number at two commits: what its samples say of whether it has become worse.

What rises is worse: times, memory, and errors, which is how asv means numbers and how `exporting` writes them. A change
is relative to the first commit, and one of less than the margin does not matter. Three one-sided tests ask whether the
loss is above the margin (worse), below it (not worse) or below its negative (better).

- `paired`: values that belong together, by seed or by turn; Student's test of their differences, for times and memory
  of logarithms. Where a failure counts as infinite, Wilcoxon's, which needs only the order, and Fisher's of how many
  failed (`with_failures`).
- `unpaired`: samples that each commit took by itself; Mann and Whitney's test. It cannot know what else the machine was
  doing at one time or the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtr

from harness.stats.intervals import FEW_SEEDS, Interval, t_interval
from harness.stats.power import required_n
from harness.stats.rank_sum import least_values, shifted
from harness.stats.samples import Array, array, exp, gains
from harness.stats.signed_rank import signed_rank_p
from harness.stats.validity import fisher_p

ALPHA = 0.05
POWER = 0.8  # the chance of an answer with the samples said to be needed
EFFICIENCY = 3 / math.pi  # of Mann and Whitney's test against Student's, where noise is normal


@dataclass(frozen=True)
class Tested:
    """What two samples tell by themselves; how many others are tested beside them has no say yet.

    `loss` is relative to the first commit, 0.1 for a tenth worse, with its interval of confidence 1 − 2α; absolute
    where the first commit's mean is 0. It is NaN where failures leave no mean. `n` counts samples on each side.
    """

    loss: Interval
    p_worse: float
    p_not_worse: float
    p_better: float
    n: int
    least: Callable[[float], int]  # samples that the test needs to be able to reach a level
    distance: float  # of the loss from the margin, in deviations of a difference; NaN where there is no spread

    def needed(self, alpha: float) -> int | None:
        """Return about how many samples on each side would tell, were the loss what it seems; None for millions.

        `alpha` is the level at which "worse" is decided, less than 5 % where many are tested at once.
        """
        level = alpha if self.distance > 0 else ALPHA
        if math.isnan(self.distance):
            return max(self.least(level), FEW_SEEDS, self.n + 1)
        wanted = required_n(abs(self.distance), POWER, level, sides=1) if self.distance else None
        return None if wanted is None else max(wanted, self.least(level), self.n + 1)


def paired(a: Sequence[float], b: Sequence[float], margin: float, *, is_ratio: bool) -> Tested:
    """Test pairs, shape (n,) on both sides; `margin` is 0.05 for 5 %.

    `is_ratio` is for values above 0 whose ratio matters. Others are differences in units of the first mean, which is
    taken as known. Raises ValueError where lengths differ, there is no value, one is NaN, or a ratio's is not above 0.
    """
    before, after, limit, scale = _on_scale(a, b, margin, is_ratio)
    found = gains(after, before, "higher")
    n = len(found)
    if np.isinf(found).any():
        return _of_order(found, limit)
    loss = t_interval(found.tolist(), 1 - 2 * ALPHA)
    if not found.any():  # the same to the last bit: nothing has changed
        return Tested(loss.mapped(scale), 1.0, 0.0, 1.0, n, _least_pairs, math.nan)
    spread = float(found.std(ddof=1)) if n > 1 else 0.0
    return Tested(
        loss=loss.mapped(scale),
        p_worse=_below(limit - loss.mean, spread, n),
        p_not_worse=_below(loss.mean - limit, spread, n),
        p_better=_below(loss.mean + limit, spread, n),
        n=n,
        least=_least_pairs,
        distance=(loss.mean - limit) / spread if spread else math.nan,
    )


def with_failures(tested: Tested, failed_a: int, failed_b: int) -> Tested:
    """Return what pairs tell, where so many of each side failed and count as infinite.

    Failing more often is worse in itself: by the smaller p-value of two tests, doubled, for either could be the one
    that errs. Where both sides are of one size, Fisher's two-sided p-value is twice the one-sided. What has been shown
    to fail more often is not shown to be no worse.
    """
    p = fisher_p(failed_a, failed_b, tested.n)
    p_more, p_fewer = (p if failed_b > failed_a else 1.0), (p if failed_b < failed_a else 1.0)
    return replace(
        tested,
        p_worse=min(2 * tested.p_worse, p_more, 1.0),
        p_not_worse=1.0 if p_more < ALPHA else tested.p_not_worse,
        p_better=min(2 * tested.p_better, p_fewer, 1.0),
        least=lambda alpha: tested.least(alpha / 2),
    )


def unpaired(a: Sequence[float], b: Sequence[float], margin: float, *, is_ratio: bool) -> Tested:
    """Test two samples, shapes (n,) and (m,). Like `paired` otherwise."""
    before, after, limit, scale = _on_scale(a, b, margin, is_ratio)
    of_worse, of_better = shifted(before, after, limit, 1 - 2 * ALPHA), shifted(before, after, -limit)
    spread = _spread(before, after)
    shift = of_worse.shift
    return Tested(
        loss=shift.mapped(scale),
        p_worse=of_worse.p_above,
        p_not_worse=of_worse.p_below,
        p_better=of_better.p_below,
        n=shift.n,
        least=least_values,
        distance=(shift.mean - limit) * math.sqrt(EFFICIENCY) / spread if spread else math.nan,
    )


def _on_scale(
    a: Sequence[float], b: Sequence[float], margin: float, is_ratio: bool
) -> tuple[Array, Array, float, Callable[[float], float]]:
    """Return both sides and the margin on the scale of the test, and the way from there to a relative loss."""
    before, after = array(a), array(b)
    if is_ratio:
        if not ((before > 0).all() and (after > 0).all()):
            raise ValueError("a ratio needs values above 0")
        return np.log(before), np.log(after), math.log1p(margin), lambda value: exp(value) - 1
    finite = before[np.isfinite(before)]
    unit = abs(math.fsum(finite) / len(finite)) if len(finite) else 0.0
    return (before / unit, after / unit, margin, float) if unit else (before, after, 0.0, float)


def _below(distance: float, spread: float, n: int) -> float:
    """Return the p-value of Student's test that a mean is below the one that it lies `distance` above."""
    if n < 2:
        return 1.0
    if spread == 0:
        return 0.0 if distance < 0 else 1.0
    return float(stdtr(n - 1, distance * math.sqrt(n) / spread))


def _of_order(found: Array, limit: float) -> Tested:
    """Test differences of which some are infinite, since runs failed."""
    return Tested(
        loss=Interval(math.nan, None, None, len(found)),
        p_worse=_above(found - limit),
        p_not_worse=_above(limit - found),
        p_better=_above(-limit - found),
        n=len(found),
        least=lambda alpha: math.floor(1 - math.log2(alpha)),
        distance=math.nan,
    )


def _above(differences: Array) -> float:
    """Return the one-sided p-value of Wilcoxon's test that differences lie evenly around 0 and not above it."""
    half = signed_rank_p(differences) / 2
    order = np.argsort(np.argsort(np.abs(differences)))
    return half if float((np.sign(differences) * (order + 1)).sum()) > 0 else 1 - half


def _least_pairs(alpha: float) -> int:
    return 2


def _spread(a: Array, b: Array) -> float:
    """Return the deviation of a difference of two independent values, one of each side; 0 where it is not known."""
    if len(a) < 2 or len(b) < 2:
        return 0.0
    return float(np.sqrt(a.var(ddof=1) + b.var(ddof=1)))
