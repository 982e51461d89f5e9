"""What makes a comparison void, each as a sentence that says why; empty where nothing does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.stats.intervals import t_interval
from harness.stats.samples import Better


def fisher_p(failed_a: int, failed_b: int, n: int) -> float:
    """Return the two-sided p-value of Fisher's exact test that a and b fail equally often, each in n runs.

    Given how many failed in all, those splits count that are no likelier than the one seen.

    Source: Fisher, "Statistical methods for research workers", 1934.
    """
    failed = failed_a + failed_b
    ways = [math.comb(n, i) * math.comb(n, failed - i) if 0 <= failed - i <= n else 0 for i in range(n + 1)]
    return sum(way for way in ways if way <= ways[failed_a]) / math.comb(2 * n, failed)


def failures_differ(failed_a: int, failed_b: int, n: int, alpha: float = 0.05) -> str:
    """Say that failure rates differ, where Fisher's test finds so at `alpha`; each side has n runs.

    Below four runs the test could not find it even if all of one side failed and none of the other: there, any
    difference counts. Raises ValueError where more failed than ran.
    """
    if not (0 <= failed_a <= n and 0 <= failed_b <= n):
        raise ValueError(f"of {n} runs, {failed_a} and {failed_b} cannot have failed")
    p = fisher_p(failed_a, failed_b, n)
    if failed_a == failed_b or (p >= alpha and fisher_p(n, 0, n) < alpha):
        return ""
    reason = f"p = {p:.2g}, Fisher" if p < alpha else "too few runs to call it chance"
    return f"failure rates differ: {failed_a} of {n} runs against {failed_b} of {n} ({reason})"


def reference_missed(values: Sequence[float], published: float, better: Better, tolerance: float = 0.0) -> str:
    """Say that a method's runs, shape (seeds,), miss its own published number, so that beating them proves nothing.

    They do where the whole 90 % t-interval is worse than the published number by more than `tolerance`, the precision
    to which that number is known; where one run gives no interval, the value itself.
    """
    found = t_interval(values, confidence=0.9)
    sign = 1 if better == "higher" else -1
    best = max(sign * end for end in (found.mean, found.low, found.high) if end is not None)
    if best >= sign * published - tolerance:
        return ""
    return f"the reference is not met: {found.mean:.4g} here, {published:.4g} published"
