"""Suite x Catalog -> pairs of a method and a task: names looked up, parameters checked, hyper-parameters set up."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness import source
from harness.binding import bind
from harness.catalog import Catalog
from harness.document import Place
from harness.entry import Entry
from harness.errors import CatalogError, did_you_mean
from harness.hyperparameters import Contender, Setup, drawn, labelled, set_up
from harness.source import Parameter
from harness.spec import JSON, Anchors, Method, Task
from harness.suite import Suite
from harness.targets import resolved


@dataclass(frozen=True)
class Posed:
    """A task as a suite poses it."""

    task: Task
    label: str  # the name, with the parameters that the suite gives
    params: dict[str, JSON]
    metrics: tuple[str, ...]
    anchors: Anchors | None  # of the first metric
    reference_target: str = ""  # of a task that measures against a method
    given: Mapping[str, Any] | None = None  # what it gives to methods, where it tells


@dataclass(frozen=True)
class Pair:
    """A method on a task. `points` are the setups of its trials, where it is tuned."""

    contender: Contender
    posed: Posed
    setup: Setup
    points: list[Setup]


def pairs(suite: Suite, catalog: Catalog) -> list[Pair]:
    """Return every method of a suite on every task of its family, all names and parameters looked up."""
    tasks = [posed for entry in suite.tasks for posed in _posed(suite, catalog, entry)]
    contenders = [contender for entry in suite.methods for contender in _contenders(suite, catalog, entry)]
    _check_pairing(suite, catalog)
    _check_presets(suite)
    found = []
    for posed, contender in itertools.product(tasks, contenders):
        if posed.task.family == contender.method.family:
            setup = set_up(suite, contender, posed.task)
            count = suite.tune.trials if suite.tune and setup.ranges else 0
            points = drawn(suite, contender, posed.task, setup, count) if count else []
            if not (points or setup.skip):
                _check_fit(suite, contender.method, setup.params, posed, contender.entry.place, setup.recipe)
            found.append(Pair(contender, posed, setup, points))
    _check_tuning(suite, catalog, found)
    return found


def _posed(suite: Suite, catalog: Catalog, entry: Entry) -> list[Posed]:
    task: Task = _look_up(suite, catalog, "task", entry.name, entry.place)
    metrics = entry.metrics or task.metrics
    for metric in metrics:
        _look_up(suite, catalog, "metric", metric, (*entry.place[:2], "metrics"))
    known, anchors = source.parameters(task.target), _anchors(suite, catalog, entry, task, metrics)
    found = []
    for chosen in _combinations(suite, "task", entry, known):
        params = bind(suite, "task", entry, known, chosen)
        given = _given(suite, task, params, entry.place)
        found.append(Posed(task, labelled(task.name, chosen), params, metrics, anchors, given=given))
    return _against(suite, catalog, entry, task, found)


def _given(suite: Suite, task: Task, params: Mapping[str, JSON], place: Place) -> Mapping[str, Any] | None:
    """Return what a task gives to methods, where it tells. Raises SuiteError for parameters that it refuses."""
    if not task.check:
        return None
    try:
        given: Mapping[str, Any] | None = resolved(task.check)(task.name, params)
    except ValueError as error:
        raise suite.document.error(f"task '{task.name}': {error}", *place) from None
    return given


def _check_fit(
    suite: Suite, method: Method, params: Mapping[str, JSON], posed: Posed, place: Place, recipe: Mapping[str, JSON]
) -> None:
    """Raise SuiteError where a method cannot be built with what a task gives, or brings along what the task refuses.

    One that lacks a trait is skipped.
    """
    if posed.task.requires - method.traits:
        return
    given = _given(suite, posed.task, {**posed.params, **recipe}, place) if recipe else posed.given
    if not method.check or given is None:
        return
    try:
        resolved(method.check)(method.name, given, params)
    except ValueError as error:
        raise suite.document.error(f"method '{method.name}' on task '{posed.task.name}': {error}", *place) from None


def _against(suite: Suite, catalog: Catalog, entry: Entry, task: Task, found: list[Posed]) -> list[Posed]:
    """Return a task with its reference among the parameters: what it measures is not comparable to others."""
    if not task.against:
        if entry.reference:
            why = f"task '{task.name}' measures each method by itself and takes no reference"
            raise suite.document.error(why, *entry.place[:2], "reference")
        return found
    named = entry.reference or Entry(task.against, entry.place)
    (reference,) = _contenders(suite, catalog, named)
    method = reference.method
    missing = ", ".join(sorted(task.requires - method.traits))
    family = f"it is of the family '{method.family.name}'" if method.family != task.family else ""
    if why := family or (missing and f"it does not claim {missing}"):
        why = f"method '{method.name}' can be no reference for task '{task.name}': {why}"
        raise suite.document.error(why, *named.place)
    params = bind(suite, "method", named, reference.known, reference.chosen)
    for posed in found:
        _check_fit(suite, method, params, posed, named.place, {})
    spelled: JSON = {"method": method.name, "params": params}
    label = f" reference={labelled(method.name, reference.chosen)}" if entry.reference else ""
    return [
        replace(
            posed,
            label=posed.label + label,
            params={**posed.params, "reference": spelled},
            reference_target=method.target,
        )
        for posed in found
    ]


def _contenders(suite: Suite, catalog: Catalog, entry: Entry) -> list[Contender]:
    method: Method = _look_up(suite, catalog, "method", entry.name, entry.place)
    known = Contender(entry, method, {}).known
    return [Contender(entry, method, chosen) for chosen in _combinations(suite, "method", entry, known)]


def _combinations(suite: Suite, kind: str, entry: Entry, known: Mapping[str, Parameter]) -> list[dict[str, JSON]]:
    """Return the values that an entry gives, one mapping for each point of its grid."""
    for name in (name for name, parameter in known.items() if parameter.required):
        if name not in entry.params and name not in entry.grid:
            raise suite.document.error(f"{kind} '{entry.name}' needs the parameter '{name}'", *entry.place)
    grid = itertools.product(*entry.grid.values())
    return [{**entry.params, **dict(zip(entry.grid, values, strict=True))} for values in grid]


def _anchors(suite: Suite, catalog: Catalog, entry: Entry, task: Task, metrics: tuple[str, ...]) -> Anchors | None:
    """Return the suite's anchors of a task, or the task's own where its own primary metric ranks."""
    anchors = entry.anchors or (task.anchors if metrics[0] == task.metrics[0] else None)
    if anchors and anchors.better != (better := catalog.metrics[metrics[0]].better):
        raise suite.document.error(
            f"by its anchors, the task '{task.name}' improves from chance {anchors.chance} to {anchors.reference}, and "
            f"of '{metrics[0]}' {better} is better",
            *entry.place[:2],
            "anchors",
        )
    return anchors


def _look_up(suite: Suite, catalog: Catalog, kind: str, name: str, place: Place) -> Any:
    try:
        return catalog.find(kind, name)
    except CatalogError as error:
        raise suite.document.error(str(error), *place) from None


def _check_pairing(suite: Suite, catalog: Catalog) -> None:
    """Raise SuiteError for a method or a task whose family has nothing on the other side."""
    for kind, entries, others in (("method", suite.methods, suite.tasks), ("task", suite.tasks, suite.methods)):
        other = "task" if kind == "method" else "method"
        partners = {catalog.find(other, entry.name).family.name for entry in others}
        for entry in entries:
            family = catalog.find(kind, entry.name).family.name
            if family not in partners:
                raise suite.document.error(
                    f"{kind} '{entry.name}' is of the family '{family}', for which the suite has no {other}",
                    *entry.place,
                )


def _check_presets(suite: Suite) -> None:
    """Raise SuiteError for a preset that is given for no task of the suite."""
    tasks = {entry.name for entry in suite.tasks}
    for entry in suite.methods:
        for task in (task for task in entry.presets if task and task not in tasks):
            hint = did_you_mean(task, tasks)
            raise suite.document.error(f"the suite has no task '{task}'{hint}", *entry.place[:2], "preset", task)


def _check_tuning(suite: Suite, catalog: Catalog, pairs: list[Pair]) -> None:
    """Raise SuiteError where a suite would tune but leaves nothing to tune, or by what some task does not score."""
    if suite.tune is None:
        return
    tuned = [pair.posed for pair in pairs if pair.points]
    if not tuned:
        message = "no method of the suite declares a space that the suite leaves open, so there is nothing to tune"
        raise suite.document.error(message, "tune")
    select = suite.tune.select
    for posed in tuned if select else ():
        if select not in posed.metrics:
            hint = did_you_mean(select, posed.metrics)
            raise suite.document.error(f"task '{posed.task.name}' has no metric '{select}'{hint}", "tune", "select")
    if select and catalog.find("metric", select).role != "quality":
        raise suite.document.error(f"the metric '{select}' is no measure of quality", "tune", "select")
