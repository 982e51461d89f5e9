"""Numbers that somebody published, which reports show beside the measured ones. No ranking takes part in them.

published:
  - method: s4                        # a method of the suite; the parameters that matter go behind commas:
    task: digits,length=64            # such as here
    metric: accuracy
    value: 0.9911
    std: 0.002                        # over seeds, where the source tells
    source: Gu, Goel, Ré 2022, arXiv:2111.00396, table 3
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.document import Document, Place, describe
from harness.selection import Selection, facts
from harness.spec import JSON

_KEYS = ("method", "task", "metric", "value", "std", "source")


@dataclass(frozen=True)
class Published:
    """A published number; `std` is the standard deviation over seeds, where the source tells."""

    method: str  # an expression
    task: str  # likewise
    metric: str
    value: float
    std: float | None
    source: str

    def matches(
        self, method: str, method_params: Mapping[str, JSON], task: str, task_params: Mapping[str, JSON]
    ) -> bool:
        """Tell whether this is what was published of a method on a task."""
        of_method, of_task = facts("", method, method_params, "", {}), facts("", "", {}, task, task_params)
        return all(
            Selection.parse(expression, plain=key).matches(known)
            for expression, key, known in ((self.method, "method", of_method), (self.task, "task", of_task))
        )

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, from which `Published(**plain)` makes it again."""
        return asdict(self)


def read(source: Document, part: Any) -> tuple[Published, ...]:
    """Read the part `published` of a suite. Raises SuiteError, with file and line, for whatever in it is wrong."""
    if not isinstance(part, list):
        raise source.error(f"'published' has to be a list, not {describe(part)}", "published")
    return tuple(_one(source, item, ("published", i)) for i, item in enumerate(part))


def _one(source: Document, item: Any, place: Place) -> Published:
    given = source.mapping(item, _KEYS, *place)
    for key in ("method", "task", "metric", "source"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise source.error(f"a published number needs '{key}' as text", *place, key)
    for key in ("method", "task"):
        try:
            Selection.parse(given[key], plain=key)
        except ValueError as error:
            raise source.error(f"'{key}': {error}", *place, key) from None
    value = _number(source, given, "value", place)
    if value is None:
        raise source.error("a published number needs 'value'", *place)
    std = _number(source, given, "std", place)
    if std is not None and std < 0:
        raise source.error(f"'std' is a standard deviation, and {std} is negative", *place, "std")
    texts = {key: " ".join(given[key].split()) for key in ("method", "task", "metric", "source")}
    return Published(**texts, value=value, std=std)


def _number(source: Document, given: Mapping[str, Any], key: str, place: Place) -> float | None:
    value = given.get(key)
    if key not in given:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise source.error(f"'{key}' has to be a finite number, not {describe(value)}", *place, key)
    return float(value)
