"""Does a claim hold? Each check returns a Verdict: a finding, the effect with its interval, and why.

All bounds are one-sided at α (5 %), so that the interval shown has confidence 1 − 2α (90 %). Gains are paired by seed
and positive where the first method is better. Nothing is chosen after looking: claim, margin and share stand in the
suite.

A check over several tasks takes, as the value of a seed, its mean over the tasks on one scale (`anchors`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.intervals import FEW_SEEDS, Interval, t_interval
from harness.stats.pairs import tost
from harness.stats.power import required_n, required_n_equivalence
from harness.stats.samples import Array, Better, array, exp, gains
from harness.stats.validity import failures_differ

ALPHA = 0.05
POWER = 0.8  # the chance of a verdict with the seeds said to be needed


class Finding(StrEnum):
    """What became of a claim."""

    REPRODUCED = "REPRODUCED"
    REPRODUCED_SMALLER = "REPRODUCED-SMALLER"
    EQUIVALENT = "EQUIVALENT"
    REFUTED = "REFUTED"
    REVERSED = "REVERSED"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"


@dataclass(frozen=True)
class Verdict:
    """A finding and what it rests on.

    `effect` is what the claim speaks of, with the interval of confidence 1 − 2α: a gain, a factor, an exponent or a
    mean rank correlation; None where the finding is INVALID. `n` counts the seeds (the sizes, for an exponent).

    `seeds_needed` is told where the finding is INCONCLUSIVE and the spread is known. With so many seeds and the spread
    seen, the check decides with a chance of 80 %: `superiority` and `factor` where the gain is the claimed one, and
    where it is none at all; `non_inferiority` and `equivalence` where there is no difference; `monotone` where the
    correlation is the one seen.
    """

    finding: Finding
    reason: str
    n: int
    effect: Interval | None = None
    seeds_needed: int | None = None


def superiority(
    a: Sequence[float],
    b: Sequence[float],
    delta: float,
    better: Better,
    *,
    margin: float | None = None,
    share: float = 0.5,
    alpha: float = ALPHA,
    failed: tuple[int, int] = (0, 0),
) -> Verdict:
    """Judge the claim that `a` beats `b` by `delta`; shapes (seeds,), the same seed at the same place.

    With (low, high) the interval of the gain and target = (1 − share) · delta, the first that applies:

    1. INVALID       failure rates differ (`failed`: how many runs of each), all failed, or a failure counts as infinite
    2. EQUIVALENT    −margin < low and high < margin, which is TOST; only where a margin is declared
    3. REVERSED      high < 0
    4. REPRODUCED    low > 0 and high ≥ target
    5. REPRODUCED-SMALLER   low > 0 and high < target
    6. REFUTED       high < target
    7. INCONCLUSIVE  otherwise: zero and the target both lie within; always so for one seed

    EQUIVALENT comes first since the margin says which gains do not matter, be they above zero or below.

    Raises ValueError where delta is not above 0, share not in [0, 1), or the margin not in (0, target]: a gain cannot
    be both the claimed one and too small to matter. Also where lengths differ, there is no value or one is NaN.
    """
    gained = gains(a, b, better)
    return _void(a, b, failed) or _noted(_superior(gained, delta, margin, share, alpha, float), failed)


def factor(
    a: Sequence[float],
    b: Sequence[float],
    times: float,
    better: Better,
    *,
    margin: float | None = None,
    share: float = 0.5,
    alpha: float = ALPHA,
    failed: tuple[int, int] = (0, 0),
) -> Verdict:
    """Judge the claim that `a` is `times` better than `b`, as in "three times as fast"; shapes (seeds,), above 0.

    `superiority` on logarithms: the gain is b / a where lower is better, else a / b; the target is times^(1 − share),
    and `margin` is a factor too, 1.05 for 5 %. Effect and interval are given as factors. Raises ValueError like it, and
    where a value is not above 0 or a factor not above 1.
    """
    of_a, of_b = array(a), array(b)
    if not ((of_a > 0).all() and (of_b > 0).all()):
        raise ValueError("a factor needs values above 0")
    if not (times > 1 and (margin is None or margin > 1)):
        raise ValueError(f"a claimed factor and its margin are above 1, not {times} and {margin}")
    gained = gains(np.log(of_a), np.log(of_b), better)
    logs = None if margin is None else math.log(margin)
    return _void(a, b, failed) or _noted(_superior(gained, math.log(times), logs, share, alpha, exp), failed)


def non_inferiority(
    a: Sequence[float],
    b: Sequence[float],
    margin: float,
    better: Better,
    *,
    alpha: float = ALPHA,
    failed: tuple[int, int] = (0, 0),
) -> Verdict:
    """Judge the claim that `a` is worse than `b` by less than `margin`; shapes (seeds,).

    REPRODUCED where low > −margin, REFUTED where high < −margin, else INCONCLUSIVE; INVALID as in `superiority`. Raises
    ValueError where the margin is not above 0, lengths differ, there is no value or one is NaN.
    """
    _check(margin > 0, f"a margin is above 0, not {margin}")
    gained = gains(a, b, better)

    def rule(low: float, high: float) -> Finding:
        if low > -margin:
            return Finding.REPRODUCED
        return Finding.REFUTED if high < -margin else Finding.INCONCLUSIVE

    def needed(spread: float) -> int | None:
        return required_n(margin / spread, POWER, alpha, sides=1)

    return _void(a, b, failed) or _noted(_judged(gained, rule, needed, alpha, f"margin {margin:.4g}", float), failed)


def equivalence(
    a: Sequence[float], b: Sequence[float], margin: float, *, alpha: float = ALPHA, failed: tuple[int, int] = (0, 0)
) -> Verdict:
    """Judge the claim that `a` and `b` differ by less than `margin`; shapes (seeds,).

    EQUIVALENT where TOST passes, REFUTED where the whole interval lies beyond the margin, else INCONCLUSIVE; INVALID as
    in `superiority`. Raises ValueError where the margin is not above 0, lengths differ, there is no value or one is
    NaN.
    """
    _check(margin > 0, f"a margin is above 0, not {margin}")
    gained = gains(a, b, "higher")

    def rule(low: float, high: float) -> Finding:
        if tost(a, b, margin) < alpha:
            return Finding.EQUIVALENT
        return Finding.REFUTED if low > margin or high < -margin else Finding.INCONCLUSIVE

    def needed(spread: float) -> int | None:
        return required_n_equivalence(margin / spread, POWER, alpha)

    return _void(a, b, failed) or _noted(_judged(gained, rule, needed, alpha, f"margin {margin:.4g}", float), failed)


def superiority_rule(low: ArrayLike, high: ArrayLike, target: float) -> Array:
    """Return which of the findings in `DECIDED`, as its place there, the bounds of a gain lead to; any one shape.

    The rule of `superiority` without a margin, for arrays.
    """
    low, high = array(low), array(high)
    conditions = [high < 0, (low > 0) & (high >= target), low > 0, high < target]
    return np.select(conditions, [0.0, 1.0, 2.0, 3.0], 4.0)


DECIDED = (
    Finding.REVERSED,
    Finding.REPRODUCED,
    Finding.REPRODUCED_SMALLER,
    Finding.REFUTED,
    Finding.INCONCLUSIVE,
)

Scale = Callable[[float], float]  # from the scale of the test to that of the claim


def _superior(gained: Array, delta: float, margin: float | None, share: float, alpha: float, scale: Scale) -> Verdict:
    _check(delta > 0, f"a claimed gain is above 0, not {delta}")
    _check(0 <= share < 1, f"the share that a gain may lack is at least 0 and below 1, not {share}")
    target = (1 - share) * delta
    _check(
        margin is None or 0 < margin <= target,
        f"the margin has to be above {scale(0):.4g} and at most {scale(target):.4g}, the least gain that reproduces",
    )

    def rule(low: float, high: float) -> Finding:
        if margin is not None and -margin < low and high < margin:
            return Finding.EQUIVALENT
        return DECIDED[int(superiority_rule(low, high, target))]

    def needed(spread: float) -> int | None:
        return required_n(target / spread, POWER, alpha, sides=1)

    return _judged(gained, rule, needed, alpha, f"claimed {scale(delta):.4g}", scale)


def _judged(
    gained: Array,
    rule: Callable[[float, float], Finding],
    needed: Callable[[float], int | None],
    alpha: float,
    claim: str,
    scale: Scale,
) -> Verdict:
    """Return what a rule on the bounds finds; `needed` maps the deviation of the gains to a number of seeds."""
    n = len(gained)
    found = t_interval(gained.tolist(), 1 - 2 * alpha)
    effect = found.mapped(scale)
    words = f"{said(found, alpha, scale)}, {claim}, over {n} seed{'s' if n > 1 else ''}{few(n)}"
    if found.low is None or found.high is None:
        return Verdict(Finding.INCONCLUSIVE, f"{words}; one seed has no interval", n, effect)
    finding = rule(found.low, found.high)
    if finding is not Finding.INCONCLUSIVE:
        return Verdict(finding, words, n, effect)
    spread = float(gained.std(ddof=1))
    seeds = needed(spread) if spread else None
    return Verdict(finding, words, n, effect, None if seeds is None else max(seeds, n + 1))


def _void(a: Sequence[float], b: Sequence[float], failed: tuple[int, int]) -> Verdict | None:
    """Return INVALID where failures leave a comparison no meaning."""
    n = len(a)
    reason = failures_differ(*failed, n)
    if not reason and n and max(failed) == n:
        reason = f"{failed[0]} and {failed[1]} of {n} runs failed: nothing is left to compare"
    if not reason and np.isinf([*a, *b]).any():
        reason = "a failed run counts as infinite, so that there is no mean to compare"
    return Verdict(Finding.INVALID, reason, n) if reason else None


def _noted(verdict: Verdict, failed: tuple[int, int]) -> Verdict:
    """Return a verdict that says which failures it counts."""
    if not any(failed):
        return verdict
    return replace(verdict, reason=f"{verdict.reason}; with {failed[0]} and {failed[1]} failed runs as the worst value")


def said(found: Interval, alpha: float, scale: Scale = float) -> str:
    """Say an estimate and its interval of confidence 1 − 2α, each brought to the scale of the claim."""
    if found.low is None or found.high is None:
        return f"{scale(found.mean):.4g}"
    return f"{scale(found.mean):.4g} ({100 * (1 - 2 * alpha):.0f} % {scale(found.low):.4g} to {scale(found.high):.4g})"


def few(n: int) -> str:
    """Say that n seeds are few, where they are."""
    return f", fewer than the {FEW_SEEDS} that tell much" if n < FEW_SEEDS else ""


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)
