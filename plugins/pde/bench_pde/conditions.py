"""What limits are made of. Imports no array library."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def positive(**values: float) -> None:
    """Raise ValueError for a value that is not above 0."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value:g}")


def not_negative(**values: float) -> None:
    """Raise ValueError for a value below 0."""
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value:g}")


def obey(rule: Callable[..., object], known: Mapping[str, Any]) -> None:
    """Call a rule with those of the values that it is about."""
    rule(**{key: known[key] for key in inspect.signature(rule).parameters})
