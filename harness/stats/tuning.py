"""What a tuning budget buys: the best of k trials that can be expected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.stats.samples import Array, Better, array


def expected_best(values: Sequence[float], better: Better) -> Array:
    """Return the expected best of k trials for k = 1 … n, given the values of n random trials: shapes (n,) -> (n,).

    Over all choices of k of the n trials without replacement: the i-th smallest value is the largest of k in
    C(i − 1, k − 1) of C(n, k) choices. Dodge et al. ("Show your work: improved reporting of experimental results",
    EMNLP 2019) draw with replacement, which is biased towards the worse; without, the mean is the unbiased one
    (Tang et al., "Showing your work doesn't always work", ACL 2020). A failed trial has the worst value; where that is
    infinite, so is the curve as long as k trials may all have failed.

    Raises ValueError for no trials or NaN.
    """
    found = array(values)
    n = len(found)
    if n == 0:
        raise ValueError("the best of no trials is unknown")
    ordered = np.sort(found if better == "higher" else -found)
    curve = np.empty(n)
    for k in range(1, n + 1):
        chances = _chances(n, k)
        possible = chances > 0  # 0 · inf is NaN
        curve[k - 1] = chances[possible] @ ordered[possible]
    return curve if better == "higher" else -curve


def _chances(n: int, k: int) -> Array:
    """Return the chance of each of n ordered values to be the largest of k chosen: C(i − 1, k − 1) / C(n, k)."""
    chances = np.zeros(n)
    chances[n - 1] = k / n
    for i in range(n - 2, k - 2, -1):  # from the largest down, since binomials overflow
        chances[i] = chances[i + 1] * (i + 2 - k) / (i + 1)
    return chances
