"""A plot as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from harness.stats.intervals import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_METHODS = 20  # lines that an eye can follow

Draw = Callable[[pd.DataFrame], "Figure"]


@dataclass(frozen=True)
class Plot:
    """A plot: the table that is drawn and published beside it, and how. `absent` says why there is nothing to draw."""

    name: str  # of its files
    title: str
    caption: str
    table: pd.DataFrame
    draw: Draw | None
    absent: str = ""


def ends(score: Interval) -> tuple[float, float]:
    """Return the ends of an interval; where there is none, the estimate twice."""
    return (score.mean if score.low is None else score.low, score.mean if score.high is None else score.high)
