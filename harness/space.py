"""The values that a method's hyper-parameters may take when they are tuned. Imports no array library.

Each kind of range maps a number in [0, 1) to a value, so that one sampler serves all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DIGITS = 4  # significant ones of a number that is drawn, so that what a report shows is what ran


@dataclass(frozen=True)
class Uniform:
    """Numbers from `low` to `high`, all alike. Raises ValueError where low is not less than high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)

    def at(self, share: float) -> float:
        """Return the value below which the share, in [0, 1), of the range lies, to DIGITS digits."""
        return _rounded(self.low + share * (self.high - self.low))


@dataclass(frozen=True)
class LogUniform:
    """Positive numbers from `low` to `high` whose logarithms are all alike. Raises ValueError for other bounds."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)
        if self.low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, not at {self.low}")

    def at(self, share: float) -> float:
        """Return the value below which the share, in [0, 1), of the range lies, to DIGITS digits."""
        return _rounded(self.low * (self.high / self.low) ** share)


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high`, both included. Raises ValueError where low is not less than high."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high)

    def at(self, share: float) -> int:
        """Return the value at the share, in [0, 1), of the range."""
        return self.low + int(share * (self.high - self.low + 1))


@dataclass(frozen=True)
class Choice:
    """One of some values, all alike. Raises ValueError for fewer than two, and for one that is given twice."""

    values: tuple[bool | int | float | str, ...]

    def __post_init__(self) -> None:
        if len(self.values) < 2 or len({repr(value) for value in self.values}) < len(self.values):
            raise ValueError(f"a choice is between at least two different values, not {self.values}")

    def at(self, share: float) -> bool | int | float | str:
        """Return the value at the share, in [0, 1), of the list."""
        return self.values[int(share * len(self.values))]


Range = Uniform | LogUniform | Integers | Choice


@dataclass(frozen=True)
class Space:
    """What of a method may be tuned, and between which values.

    `params` are parameters of the method; `recipe` are parameters of the task that a method may bring along (see
    `Task.recipe`), such as the learning rate: where a task has one of them not, the others are tuned. `source` says
    who chose the ranges. Raises ValueError where there is nothing to tune.
    """

    params: Mapping[str, Range] = field(default_factory=lambda: MappingProxyType({}))
    recipe: Mapping[str, Range] = field(default_factory=lambda: MappingProxyType({}))
    source: str = ""

    def __post_init__(self) -> None:
        if not self.params and not self.recipe:
            raise ValueError("a space has to hold at least one parameter")


def _check_bounds(low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"a range goes from a number to a larger one, not from {low} to {high}")


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
