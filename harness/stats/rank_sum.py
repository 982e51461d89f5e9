"""Two samples that are not paired: Mann and Whitney's test, exact, and the shift between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from harness.stats.intervals import Interval
from harness.stats.samples import Array, array

MOST_PAIRS = 10_000  # of a value on each side: above, the distribution is taken to be normal


@dataclass(frozen=True)
class Shift:
    """By how much the second of two samples lies above the first, and how sure that is.

    `shift` is Hodges and Lehmann's: the median of all differences. Its ends are None where so few values allow none.
    """

    shift: Interval
    p_above: float  # one-sided, of the shift being at most the margin
    p_below: float  # one-sided, of the shift being at least the margin


def shifted(a: ArrayLike, b: ArrayLike, margin: float = 0.0, confidence: float = 0.9) -> Shift:
    """Return by how much `b`, shape (m,), lies above `a`, shape (n,), against a margin.

    Exact where no two differences are equal; where some are, p-values are larger than they need be. They are never
    below 1 / C(n + m, n): 5 and 5 values reach 0.004, 3 and 3 reach 0.05.

    Source: Mann and Whitney, Annals of Mathematical Statistics 18, 1947; Hodges and Lehmann, ibid. 34, 1963. Raises
    ValueError where a side has no value or one is NaN.
    """
    a, b = array(a), array(b)
    differences = np.sort((b[:, None] - a[None, :]).ravel())
    if not len(differences):
        raise ValueError("a shift needs at least one value on both sides")
    n, m = len(a), len(b)
    above, below = int((differences > margin).sum()), int((differences < margin).sum())
    at_most = _at_most(n, m)
    out = int(np.searchsorted(at_most, (1 - confidence) / 2, side="right"))  # differences beyond each end
    low, high = (float(differences[out - 1]), float(differences[-out])) if out else (None, None)
    return Shift(
        shift=Interval(float(np.median(differences)), low, high, min(n, m)),
        p_above=float(at_most[n * m - above]),
        p_below=float(at_most[n * m - below]),
    )


def least_values(alpha: float) -> int:
    """Return how many values on each side the test needs to be able to reach a one-sided p-value below `alpha`."""
    n = 1
    while 1 / math.comb(2 * n, n) >= alpha:
        n += 1
    return n


@cache
def _at_most(n: int, m: int) -> Array:
    """Return the chance that at most u of the n·m differences of two samples of one distribution are below 0.

    Shape (n·m + 1,). The number of ways is the coefficient of q^u in the Gaussian binomial of n + m over n.
    """
    if n * m > MOST_PAIRS:
        deviation = math.sqrt(n * m * (n + m + 1) / 12)
        return np.asarray(ndtr((np.arange(n * m + 1) + 0.5 - n * m / 2) / deviation))
    ways = [1] + [0] * (n * m)
    for i in range(1, n + 1):  # times (1 − q^(m+i)) / (1 − q^i)
        ways = [way - (ways[u - m - i] if u >= m + i else 0) for u, way in enumerate(ways)]
        for u in range(i, len(ways)):
            ways[u] += ways[u - i]
    total = math.comb(n + m, n)
    return np.array([float(summed / total) for summed in accumulate(ways)])
