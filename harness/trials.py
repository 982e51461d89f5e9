"""The trials of a tuned method: points that fill its space evenly, the same whoever draws them and however many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.space import Range

SAMPLER_SEED = 0  # of every method's trials


def draw(ranges: Sequence[Range], count: int) -> list[list[Any]]:
    """Return `count` points, each with a value of every range, shapes (d,) -> (count, d).

    The points are those of Halton's sequence in d dimensions with scrambled digits (Owen, "A randomized Halton
    algorithm in R", 2017), by scipy: quasirandom, so that few of them leave no part of the space out. The first points
    of a longer draw are those of a shorter one.
    """
    from scipy.stats import qmc  # takes as long to import as all else of a plan

    shares = qmc.Halton(len(ranges), scramble=True, rng=SAMPLER_SEED).random(count)
    return [[one.at(float(share)) for one, share in zip(ranges, point, strict=True)] for point in shares]
