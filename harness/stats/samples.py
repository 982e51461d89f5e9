"""Values as arrays: NaN is refused, and a failed run counts as the worst value there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, np.dtype[np.float64]]
Better = Literal["higher", "lower"]


def array(values: ArrayLike) -> Array:
    """Return values as an array of floats. Raises ValueError where one is NaN: it is neither good nor bad."""
    found = np.asarray(values, dtype=np.float64)
    if np.isnan(found).any():
        raise ValueError("a value is NaN; a failed run counts as the metric's worst value, infinite for a time")
    return found


def counted(values: Sequence[float | None], worst: float) -> Array:
    """Return values, shape (runs,), where a failed run, None, counts as `worst`: it is never dropped."""
    return array([worst if value is None else value for value in values])


def exp(value: float) -> float:
    """Return e to the power of a value, infinite where that is too large; math.exp raises OverflowError there."""
    with np.errstate(over="ignore"):
        return float(np.exp(value))


def gains(a: ArrayLike, b: ArrayLike, better: Better) -> Array:
    """Return how much better `a` is than `b`, value by value; any one shape, the same on both sides.

    Two equal values differ by 0, infinite ones too: two failures are a tie. Raises ValueError where shapes differ or a
    value is NaN.
    """
    a, b = array(a), array(b)
    if a.shape != b.shape:
        raise ValueError(f"pairs need as many values on both sides, not {a.shape} and {b.shape}")
    differ = a != b
    gained = np.zeros(a.shape)
    np.subtract(a, b, out=gained, where=differ) if better == "higher" else np.subtract(b, a, out=gained, where=differ)
    return gained
