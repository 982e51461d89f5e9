"""Does a claim about a parameter hold: a metric rises or falls with it, cost grows with it no faster than so?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from harness.stats.intervals import Interval, t_interval
from harness.stats.pairs import direction, holm, paired_p
from harness.stats.samples import Array, array, gains
from harness.stats.scaling import exponent
from harness.stats.validity import failures_differ
from harness.stats.verdicts import ALPHA, POWER, Finding, Verdict, few, said


def exponent_at_most(sizes: Sequence[float], costs: Sequence[float], p: float, *, alpha: float = ALPHA) -> Verdict:
    """Judge the claim that cost grows at most like sizeᵖ; shapes (runs,).

    REPRODUCED where the interval of the exponent lies at or below p, REFUTED where it lies above, else INCONCLUSIVE: a
    method that is exactly linear is not shown to have an exponent of at most 1, but one of at most 1.1. INVALID where a
    run failed, since its cost is infinite. What departs from a power law widens the interval, and further seeds do not
    make it narrower, but further sizes do. Raises ValueError like `scaling.exponent`.
    """
    if np.isinf(array(costs)).any():
        return Verdict(Finding.INVALID, "a run failed, and no power law fits an infinite cost", len(set(sizes)))
    found = exponent(sizes, costs, 1 - 2 * alpha)
    words = f"{said(found, alpha)}, claimed at most {p:.4g}, over {found.n} sizes"
    if found.low is None or found.high is None or found.low <= p < found.high:
        return Verdict(Finding.INCONCLUSIVE, f"{words}; more sizes, further apart, would tell", found.n, found)
    return Verdict(Finding.REPRODUCED if found.high <= p else Finding.REFUTED, words, found.n, found)


def monotone(
    values: ArrayLike,
    way: Literal["rising", "falling"],
    *,
    alpha: float = ALPHA,
    failed: Sequence[int] = (),
) -> Verdict:
    """Judge the claim that a metric rises (or falls) with a parameter: shape (seeds, levels), levels in their order.

    The trend is tested by Page's L over the ranks within each seed, whose effect is the mean over seeds of Spearman's
    correlation of level and value; and each step to the next level by a paired t-test against the claimed direction,
    with Holm over the steps. The first that applies:

    1. INVALID       failure rates differ between levels (`failed`: how many runs of each; none by default)
    2. REVERSED      the trend is clearly the other way
    3. REFUTED       some step clearly goes the other way
    4. REPRODUCED    the trend is clearly as claimed
    5. INCONCLUSIVE  otherwise; always so for one seed

    Failures may count as infinite, since only ranks enter. Equal values, among them failures, share their middle rank.

    Source: Page, "Ordered hypotheses for multiple treatments", JASA 58, 1963. Raises ValueError for fewer than three
    levels (two are a matter of `superiority`), no seed, NaN.
    """
    table = array(values) if way == "rising" else -array(values)
    if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] < 3:
        raise ValueError(f"a trend needs values of shape (seeds, levels) with three levels or more, not {table.shape}")
    n, levels = table.shape
    if failed and (reason := failures_differ(max(failed), min(failed), n)):
        return Verdict(Finding.INVALID, reason, n)
    effect = _trend(table, alpha)
    up, down = (_page_p(table), _page_p(-table)) if n > 1 else (1.0, 1.0)
    contrary = _contrary_step(table, alpha)
    words = f"mean rank correlation {said(effect, alpha)}, Page's p = {up:.2g}, over {n} seeds{few(n)}"
    if down < alpha:
        return Verdict(Finding.REVERSED, words, n, effect)
    if contrary is not None:
        step = f"from level {contrary + 1} to {contrary + 2} it goes the other way"
        return Verdict(Finding.REFUTED, f"{words}; {step}", n, effect)
    if up < alpha:
        return Verdict(Finding.REPRODUCED, words, n, effect)
    return Verdict(Finding.INCONCLUSIVE, words, n, effect, _seeds_for_trend(effect.mean, n, levels, alpha))


def _trend(table: Array, alpha: float) -> Interval:
    """Return the mean over seeds of Spearman's correlation with the level, with its t-interval kept within ±1."""
    from scipy.stats import rankdata

    ranked = rankdata(table, axis=1)
    level = np.arange(table.shape[1]) - (table.shape[1] - 1) / 2
    centred = ranked - ranked.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=1) * (level @ level))
    # A seed with equal values at all levels has no trend.
    correlations = np.divide(centred @ level, size, out=np.zeros(len(table)), where=size > 0)
    return t_interval(correlations.tolist(), 1 - 2 * alpha).mapped(lambda end: min(1.0, max(-1.0, end)))


def _page_p(table: Array) -> float:
    from scipy.stats import page_trend_test

    return float(page_trend_test(table).pvalue)


def _contrary_step(table: Array, alpha: float) -> int | None:
    """Return the step that most clearly goes down, where one clearly does."""
    steps = range(table.shape[1] - 1)
    downward = {
        str(i): paired_p(table[:, i].tolist(), table[:, i + 1].tolist()) / 2
        for i in steps
        if direction(gains(table[:, i + 1], table[:, i], "higher")) < 0
    }
    adjusted = holm({str(i): downward.get(str(i), 1.0) for i in steps})
    least = min(adjusted, key=lambda i: (adjusted[i], downward.get(i, 1.0)))
    return int(least) if adjusted[least] < alpha else None


def _seeds_for_trend(correlation: float, n: int, levels: int, alpha: float) -> int | None:
    """Return how many seeds Page's test needs at the mean correlation r seen, whose z is r √(n (levels − 1))."""
    if correlation <= 0:
        return None
    needed = ((ndtri(1 - alpha) + ndtri(POWER)) / correlation) ** 2 / (levels - 1)
    return max(math.ceil(needed), n + 1)
