"""Wilcoxon's signed-rank test, exact with ties, zeros and infinities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from harness.stats.samples import Array, array


def signed_rank_p(differences: ArrayLike) -> float:
    """Return the two-sided p-value of Wilcoxon's test that differences, shape (n,), lie evenly around 0.

    Only the order of their sizes counts, so that they may be infinite. Equal sizes share their middle rank; zeros are
    ranked and then left out (Pratt 1959). The p-value is exact given the ranks: of all 2ᵏ ways to sign the k that are
    not 0, the share whose sum lies at least as far from its middle as the one seen. It is never below 2 / 2ⁿ: fewer
    than 6 differences cannot reach 5 %.

    Source: Wilcoxon, "Individual comparisons by ranking methods", 1945; Pratt, JASA 54, 1959. Raises ValueError for
    NaN.
    """
    found = array(differences)
    kept = found != 0
    if not kept.any():
        return 1.0
    twice = _middle_ranks_doubled(np.abs(found))[kept]
    # The chance of each sum of the doubled ranks, one rank after the other.
    chance = np.zeros(int(twice.sum()) + 1)
    chance[0] = 1
    for rank in twice:
        chance[rank:] += chance[:-rank]
        chance /= 2  # a sign is + or − with a chance of a half; what was added above is the +
    seen = int(twice[found[kept] > 0].sum())
    farther = min(seen, len(chance) - 1 - seen)
    return min(1.0, float(2 * chance[: farther + 1].sum()))


def _middle_ranks_doubled(sizes: Array) -> np.ndarray:
    """Return twice the rank of each size, from 2; of equal ones twice the mean of their ranks, a whole number."""
    _, number, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (2 * last - counts + 1)[number]
