"""What n seeds can tell: the power of the paired t-test, exactly, by the noncentral t-distribution.

Effects are in units of the standard deviation of the paired differences. Where two methods' seeds are independent with
deviation σ each, that of the differences is √2 σ; pairing by seed makes it smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy.special import gammaincinv, nctdtr, ndtr, stdtrit

from harness.stats.samples import Array

Sides = Literal[1, 2]
MOST_SEEDS = 1_000_000
NODES = 4000  # of the integral over the deviation seen; 1e-5 exact


def power(effect: float, n: int, alpha: float = 0.05, sides: Sides = 2) -> float:
    """Return the chance that the paired t-test over n seeds finds a true effect at level `alpha`; 0 for n < 2.

    One-sided is the test for an effect above 0. Source: Cohen, "Statistical power analysis for the behavioral
    sciences", 1988, §2; for the distribution Johnson, Kotz and Balakrishnan, "Continuous univariate distributions" 2,
    1995, §31.
    """
    if n < 2:
        return 0.0
    critical, shift = float(stdtrit(n - 1, 1 - alpha / sides)), effect * math.sqrt(n)
    return _above(n, shift, critical) + (_above(n, -shift, critical) if sides == 2 else 0.0)


def required_n(effect: float, wanted: float = 0.8, alpha: float = 0.05, sides: Sides = 2) -> int | None:
    """Return how many seeds the paired t-test needs to find an effect with a chance of `wanted`; None for millions."""
    return _least(lambda n: power(effect, n, alpha, sides), wanted)


def resolvable(n: int, wanted: float = 0.8, alpha: float = 0.05, sides: Sides = 2) -> float:
    """Return the smallest effect that the paired t-test over n seeds finds with a chance of `wanted`; inf for n < 2."""
    if n < 2:
        return math.inf
    low, high = 0.0, 1.0
    while power(high, n, alpha, sides) < wanted:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle, n, alpha, sides) < wanted else (low, middle)
    return high


def equivalence_power(margin: float, n: int, alpha: float = 0.05) -> float:
    """Return the chance that TOST over n seeds finds two truly equal methods equivalent; 0 for n < 2.

    The integral over the deviation seen, s, of the chance that the mean lies within margin − t s / √n.
    """
    if n < 2:
        return 0.0
    room = margin - half_widths(n, alpha)
    return float(np.clip(2 * ndtr(room * math.sqrt(n)) - 1, 0, None).mean())


def required_n_equivalence(margin: float, wanted: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return how many seeds TOST needs for two truly equal methods with a chance of `wanted`; None for millions."""
    return _least(lambda n: equivalence_power(margin, n, alpha), wanted)


def half_widths(n: int, alpha: float) -> Array:
    """Return equally likely half-widths of the interval of confidence 1 − 2α over n seeds, shape (NODES,).

    The deviation seen is s = √(χ² / (n − 1)), here at the midpoints of equal parts of its distribution.
    """
    part = (np.arange(NODES) + 0.5) / NODES
    deviations = np.sqrt(2 * gammaincinv((n - 1) / 2, part) / (n - 1))
    return np.asarray(stdtrit(n - 1, 1 - alpha) * deviations / math.sqrt(n))


def _above(n: int, shift: float, critical: float) -> float:
    """Return the chance that the statistic of n differences exceeds a positive critical value.

    scipy's distribution is NaN here and there where it is below 1e-5: there, it is taken for 0.
    """
    if shift < 0:
        return float(np.nan_to_num(nctdtr(n - 1, -shift, -critical)))
    return float(1 - np.nan_to_num(nctdtr(n - 1, shift, critical)))


def _least(power_of: Callable[[int], float], wanted: float) -> int | None:
    """Return the least n from 2 on with a power of at least `wanted`, which grows with n."""
    low, high = 1, 2
    while power_of(high) < wanted:
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if power_of(middle) < wanted else (low, middle)
    return high
