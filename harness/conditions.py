"""What limits are made of: conditions on numbers that a suite asks for, which are checked before any work.

A plugin's `Task.check` and `Method.check` call them, and so does the code that computes, so that there is one rule of
each kind. All raise ValueError in one line that names the parameter. Imports no array library.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

FEWEST_ROUNDS = 6  # of calls timed in turns; fewer give a median no 95 % interval
FEWEST_SIZES = 3  # at which a cost is measured; fewer give an exponent no interval


def positive(**values: float) -> None:
    """Refuse a value that is not finite and above 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive, got {value:g}")


def not_negative(**values: float) -> None:
    """Refuse a value that is not finite, or below 0."""
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must not be negative, got {value:g}")


def finite(**values: float) -> None:
    """Refuse NaN and infinity."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value:g}")


def share(**values: float) -> None:
    """Refuse a value out of [0, 1]."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be in [0, 1], got {value:g}")


def part(**values: float) -> None:
    """Refuse a value out of (0, 1]."""
    for name, value in values.items():
        if not 0 < value <= 1:
            raise ValueError(f"{name} must be in (0, 1], got {value:g}")


def enough_rounds(rounds: int) -> None:
    """Refuse too few turns in which calls are timed."""
    if rounds < FEWEST_ROUNDS:
        raise ValueError(f"an interval needs at least {FEWEST_ROUNDS} rounds, and there are {rounds}")


def enough_sizes(sizes: Sequence[int]) -> None:
    """Refuse too few sizes to say how a cost grows, and one below 1."""
    if len(set(sizes)) < FEWEST_SIZES:
        raise ValueError(f"an exponent and its interval need at least three sizes, and these are {list(sizes)}")
    if min(sizes) < 1:
        raise ValueError(f"sizes must be positive, and these are {list(sizes)}")


def obey(rule: Callable[..., object], known: Mapping[str, Any]) -> None:
    """Call a rule with those of the values that it is about."""
    rule(**{key: known[key] for key in inspect.signature(rule).parameters})
