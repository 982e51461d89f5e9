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

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.document import Document, Place, describe
from harness.spec import JSON

_KEYS = ("method", "task", "metric", "value", "std", "source")


@dataclass(frozen=True)
class Chosen:
    """A name and the parameters that matter, as text: "s4d,init=legs"."""

    name: str
    params: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> Chosen:
        """Return what a text names. Raises ValueError where a part after a comma is not of the form key=value."""
        name, *terms = (part.strip() for part in text.split(","))
        pairs = [term.partition("=") for term in terms]
        if not name or not all(key.strip() and equals and value.strip() for key, equals, value in pairs):
            raise ValueError("a name, and after commas its parameters: s4d,init=legs")
        return cls(name, {key.strip(): value.strip() for key, _, value in pairs})

    def matches(self, name: str, params: Mapping[str, JSON]) -> bool:
        """Tell whether a method or task of this name and with these parameters is meant."""
        return name == self.name and all(key in params and _is(params[key], v) for key, v in self.params.items())


@dataclass(frozen=True)
class Published:
    """A published number; `std` is the standard deviation over seeds, where the source tells."""

    method: str  # as `Chosen.read` takes it
    task: str  # likewise
    metric: str
    value: float
    std: float | None
    source: str

    def matches(
        self, method: str, method_params: Mapping[str, JSON], task: str, task_params: Mapping[str, JSON]
    ) -> bool:
        """Tell whether this is what was published of a method on a task."""
        of_method, of_task = Chosen.read(self.method), Chosen.read(self.task)
        return of_method.matches(method, method_params) and of_task.matches(task, task_params)

    def facts(self) -> dict[str, Any]:
        """Return it as plain data, from which `Published(**facts)` makes it again."""
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
            Chosen.read(given[key])
        except ValueError as error:
            raise source.error(f"'{key}' has to be {error}; not {describe(given[key])}", *place, key) from None
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


def _is(value: JSON, text: str) -> bool:
    """Tell whether a text names a value: 1e-3 names 0.001."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return value == float(text)
        except ValueError:
            return False
    return text == (value if isinstance(value, str) else json.dumps(value))
