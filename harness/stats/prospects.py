"""Which verdict a claim is likely to get with n seeds: told before any of them has run."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from harness.stats.power import half_widths
from harness.stats.verdicts import ALPHA, DECIDED, Finding, superiority_rule


def prospects(delta: float, gain: float, n: int, share: float = 0.5, alpha: float = ALPHA) -> dict[Finding, float]:
    """Return the chance of each finding of `superiority` (without margin) over n seeds if the true gain is `gain`.

    The claimed `delta` and `gain` are in units of the standard deviation of the paired differences. Exact for normal
    differences: given the half-width h of the interval, the mean lies between the bounds of each finding with a chance
    that the normal distribution tells; integrated over h.
    """
    if n < 2:
        return {finding: float(finding is Finding.INCONCLUSIVE) for finding in DECIDED}
    h, target = half_widths(n, alpha)[:, None], (1 - share) * delta
    # Between neighbouring edges the finding is one and the same: that of their middle.
    edges = np.sort(np.concatenate([-h, h, target - h], axis=1), axis=1)
    below = ndtr((edges - gain) * math.sqrt(n))
    chances = np.diff(below, axis=1, prepend=0, append=1)
    middles = np.concatenate([edges[:, :1] - 1, (edges[:, :-1] + edges[:, 1:]) / 2, edges[:, -1:] + 1], axis=1)
    found = superiority_rule(middles - h, middles + h, target)
    return {finding: float(chances[found == i].sum() / len(h)) for i, finding in enumerate(DECIDED)}
