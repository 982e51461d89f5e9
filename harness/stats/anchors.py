"""Scores of different tasks on one scale, by anchors that a task declares and never by whoever is present."""

from __future__ import annotations

from numpy.typing import ArrayLike

from harness.spec import Anchors
from harness.stats.samples import Array, array


def normalised(scores: ArrayLike, anchors: Anchors) -> Array:
    """Return scores on the common scale, where chance is 0 and the reference 1, in their shape.

    Nothing is clipped. Raises ValueError for NaN.
    """
    return (array(scores) - anchors.chance) / (anchors.reference - anchors.chance)
