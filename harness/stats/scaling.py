"""How cost grows with size: the exponent of a power law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from harness.stats.intervals import Interval
from harness.stats.samples import array


def exponent(sizes: Sequence[float], costs: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return p of cost ~ sizeᵖ with its interval: the slope of log cost over log size, shapes (runs,).

    Runs of one size are averaged first (geometrically): seeds repeat a size but add none, and what departs from a power
    law there is common to them, so that counting them all would make the interval too narrow. It is Student's with k −
    2 degrees of freedom for k sizes, and `n` is k. With two sizes there is a slope but no interval.

    Raises ValueError for fewer than two sizes, lengths that differ, or a size or cost that is not above 0 or not
    finite: no line can be fitted through a failure.
    """
    x, y = array(sizes), array(costs)
    if x.shape != y.shape:
        raise ValueError(f"each cost needs its size: {x.shape} and {y.shape}")
    if not all((v > 0).all() and np.isfinite(v).all() for v in (x, y)):
        raise ValueError("a power law is fitted to sizes and costs that are finite and above 0")
    distinct, number = np.unique(x, return_inverse=True)
    k = len(distinct)
    if k < 2:
        raise ValueError("a power law needs at least two sizes")
    u = np.log(distinct)
    v = np.bincount(number, np.log(y)) / np.bincount(number)
    u, v = u - u.mean(), v - v.mean()
    slope = float(u @ v / (u @ u))
    if k == 2:
        return Interval(slope, None, None, k)
    error = float(np.sqrt(((v - slope * u) ** 2).sum() / (k - 2) / (u @ u)))
    return Interval.around(slope, float(stdtrit(k - 2, 0.5 + confidence / 2)) * error, k)
