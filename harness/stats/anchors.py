"""Scores of different tasks on one scale, by anchors that a task declares and never by whoever is present."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from harness.stats.samples import Array, array


@dataclass(frozen=True)
class Anchors:
    """What scores mean on a task: that of chance, that of a reference method, and the best published, if there is one.

    On the common scale chance is 0 and the reference 1, whichever of the two is the larger number, so that more is
    better on every task. Raises ValueError where the two are equal or an anchor is not finite.
    """

    chance: float
    reference: float
    published: float | None = None

    def __post_init__(self) -> None:
        given = [self.chance, self.reference, *([] if self.published is None else [self.published])]
        if not all(map(math.isfinite, given)):
            raise ValueError(f"anchors are finite numbers, not {given}")
        if self.chance == self.reference:
            raise ValueError(f"chance and reference are both {self.chance}: nothing can be measured between them")

    def normalised(self, scores: ArrayLike) -> Array:
        """Return scores on the common scale, in their shape; nothing is clipped. Raises ValueError for NaN."""
        return (array(scores) - self.chance) / (self.reference - self.chance)

    @property
    def best(self) -> float | None:
        """The best published score on the common scale."""
        return None if self.published is None else float(self.normalised(self.published))
