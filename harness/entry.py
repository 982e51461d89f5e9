"""The methods and tasks that a suite lists, as its file has them: names, parameters, grids, presets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.document import Document, Place, describe
from harness.spec import JSON, Anchors

_ENTRY_KEYS = {"task": ("metrics", "reference", "anchors"), "method": ("preset", "recipe", "origin")}


@dataclass(frozen=True)
class Entry:
    """A method or task of a suite, with fixed parameters and a grid. `place` is where the file names it."""

    name: str
    place: Place
    params: dict[str, JSON] = field(default_factory=dict)
    grid: dict[str, list[JSON]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()  # this and the next two of a task
    reference: Entry | None = None  # a method, of a task that measures against one
    anchors: Anchors | None = None
    presets: dict[str, str] = field(default_factory=dict)  # task -> preset, "" for all; this and the next of a method
    recipe: dict[str, JSON] = field(default_factory=dict)
    origin: str = ""


def read_entries(source: Document, kind: str, part: Any) -> tuple[Entry, ...]:
    """Read the tasks or the methods of a suite. Raises SuiteError, with file and line, for what is wrong in them."""
    if not isinstance(part, list):
        raise source.error(f"'{kind}s' has to be a list, not {describe(part)}", kind + "s")
    return tuple(_entry(source, kind, item, (kind + "s", i)) for i, item in enumerate(part))


def _entry(source: Document, kind: str, item: Any, place: Place) -> Entry:
    if isinstance(item, str):
        return Entry(item, place)
    keys = (kind, "params", "grid", *_ENTRY_KEYS[kind])
    given = source.mapping(item, keys, *place)
    if not isinstance(given.get(kind), str):
        raise source.error(f"this entry needs '{kind}': the name of a {kind}", *place)
    params, recipe = (_mapping(source, given, key, place) for key in ("params", "recipe"))
    presets, origin = _presets(source, given.get("preset", {}), place), source.as_text(given, "origin", *place)
    if presets and origin:
        raise source.error("a preset says itself where it comes from; leave 'origin' out", *place, "origin")
    grid = _mapping(source, given, "grid", place)
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise source.error(
                f"the grid of '{key}' has to be a list of values, not {describe(values)}", *place, "grid", key
            )
        if key in params:
            raise source.error(f"'{key}' is given both in 'params' and in 'grid'", *place, "grid", key)
    return Entry(
        name=given[kind],
        place=(*place, kind),
        params=params,
        grid=grid,
        metrics=_metrics(source, given, place),
        reference=_reference(source, given, (*place, "reference")),
        anchors=_anchors(source, given, place),
        presets=presets,
        recipe=recipe,
        origin=origin,
    )


def _reference(source: Document, given: dict[str, Any], place: Place) -> Entry | None:
    if "reference" not in given:
        return None
    item = given["reference"]
    if isinstance(item, str):
        return Entry(item, place)
    part = source.mapping(item, ("method", "params"), *place)
    if not isinstance(part.get("method"), str):
        raise source.error("a reference needs 'method': the name of a method", *place)
    return Entry(part["method"], (*place, "method"), _mapping(source, part, "params", place))


def _presets(source: Document, part: Any, place: Place) -> dict[str, str]:
    if isinstance(part, str):
        return {"": part}
    if not isinstance(part, dict) or not all(isinstance(name, str) for name in part.values()):
        message = f"'preset' has to be a name, or a mapping of tasks to names, not {describe(part)}"
        raise source.error(message, *place, "preset")
    return part


def _mapping(source: Document, given: dict[str, Any], key: str, place: Place) -> dict[str, Any]:
    part = given.get(key, {})
    if not isinstance(part, dict):
        raise source.error(f"'{key}' has to be a mapping of parameters to values, not {describe(part)}", *place, key)
    return part


def _metrics(source: Document, given: dict[str, Any], place: Place) -> tuple[str, ...]:
    part = given.get("metrics", [])
    if not isinstance(part, list) or not all(isinstance(name, str) for name in part):
        raise source.error(f"'metrics' has to be a list of names, not {describe(part)}", *place, "metrics")
    return tuple(part)


def _anchors(source: Document, given: dict[str, Any], place: Place) -> Anchors | None:
    if "anchors" not in given:
        return None
    here = (*place, "anchors")
    part = source.mapping(given["anchors"], ("chance", "reference", "published", "source"), *here)
    for key in ("chance", "reference"):
        if key not in part:
            raise source.error(f"anchors need '{key}': a score of the primary metric", *here)
    for key in part.keys() - {"source"}:
        if type(part[key]) not in (int, float):
            raise source.error(f"'{key}' has to be a number, not {describe(part[key])}", *here, key)
    if not isinstance(part.get("source", ""), str):
        raise source.error(f"'source' has to be text, not {describe(part['source'])}", *here, "source")
    try:
        return Anchors(**part)
    except ValueError as error:
        raise source.error(str(error), *here) from None
