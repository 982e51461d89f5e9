"""Which methods and tasks a claim speaks of, among those that a plan or a results folder has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.claims.shapes import Cheaper, Check, Grows, Monotone
from harness.errors import did_you_mean
from harness.selection import Facts, Selection, plain
from harness.spec import JSON

STEP = "step"  # the size of a task that measures several sizes in one run


@dataclass(frozen=True)
class Cell:
    """A method on a task, whatever the seed.

    `metrics` are those that it measures, the primary one first; of `spent` less is better, so that factors and powers
    of them mean something.
    """

    method: str  # the labels, unique among the cells at hand
    task: str
    facts: Facts
    method_params: Mapping[str, JSON]
    task_params: Mapping[str, JSON]
    metrics: tuple[str, ...]
    spent: frozenset[str]
    has_anchors: bool

    def level(self, parameter: str) -> JSON:
        """Return the value of a parameter of the method or, where it has none of that name, of the task."""
        return self.method_params.get(parameter, self.task_params.get(parameter))


class Unresolved(Exception):  # noqa: N818 - becomes a SuiteError or a verdict
    """A claim does not fit the methods and tasks at hand; `key` is the part of its check that does not."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def resolve(check: Check, cells: Sequence[Cell]) -> dict[str, tuple[Cell, ...]]:
    """Return the cells that each side of a check chooses, in one order of tasks.

    Raises Unresolved where a side chooses nothing, or several methods, where the sides meet different tasks, and where
    tasks do not measure the metric or cannot be averaged.
    """
    on_tasks = _on_tasks(check.tasks, cells)
    chosen = {key: _side(key, check, on_tasks) for key in ("a", "b") if hasattr(check, key)}
    tasks = {key: {cell.task for cell in side} for key, side in chosen.items()}
    for task in sorted(set().union(*tasks.values())):
        for key, met in tasks.items():
            if task not in met:
                raise Unresolved(key, f"'{key}' does not meet '{task}', which the other side does; name tasks of both")
    _check_metric(check, [cell for side in chosen.values() for cell in side])
    return {key: tuple(sorted(side, key=lambda cell: cell.task)) for key, side in chosen.items()}


def levels(check: Grows | Monotone, cells: Iterable[Cell]) -> dict[float, list[Cell]]:
    """Return cells by the value of the parameter that a claim speaks of, in rising order.

    Raises Unresolved where it is no number, has too few values, or is not all that differs.
    """
    key, name, least = ("size", check.size, 2) if isinstance(check, Grows) else ("parameter", check.parameter, 3)
    found: dict[float, list[Cell]] = {}
    for cell in cells:
        value = cell.level(name)
        if type(value) not in (int, float):
            raise Unresolved(key, f"'{name}' has to be a parameter with numbers, and on '{cell.task}' it is {value!r}")
        found.setdefault(float(str(value)), []).append(cell)
    if len(found) < least:
        raise Unresolved(key, f"'{name}' has {len(found)} values here, and a trend takes {least} or more")
    for level, there in found.items():
        if len(methods := sorted({cell.method for cell in there})) > 1:
            raise Unresolved("a", f"{len(methods)} methods meet at {name}={level:g}: {', '.join(methods)}; narrow 'a'")
    alike = {tuple(sorted(_others(cell, name) for cell in level)) for level in found.values()}
    if len(alike) > 1:
        raise Unresolved(key, f"the runs at different '{name}' differ in more than that; narrow them down")
    return dict(sorted(found.items()))


def _others(cell: Cell, name: str) -> str:
    """Return all that is known of a cell but for one parameter."""
    return str(sorted((key, values) for key, values in cell.facts.items() if key != name))


def _on_tasks(expressions: Sequence[str], cells: Sequence[Cell]) -> list[Cell]:
    selections = [_parsed("tasks", expression, "task", cells) for expression in expressions]
    for expression, selection in zip(expressions, selections, strict=True):
        if not any(selection.matches(cell.facts) for cell in cells):
            names = sorted({name for cell in cells for name in cell.facts["task"]})
            raise Unresolved("tasks", f"'{expression}' matches no task here{did_you_mean(expression, names)}")
    return [cell for cell in cells if not selections or any(s.matches(cell.facts) for s in selections)]


def _side(key: str, check: Check, cells: Sequence[Cell]) -> list[Cell]:
    expression: str = getattr(check, key)
    selection = _parsed(key, expression, "method", cells)
    found = [cell for cell in cells if selection.matches(cell.facts)]
    methods = list(dict.fromkeys(cell.method for cell in found))
    if not methods:
        names = sorted({name for cell in cells for name in cell.facts["method"]})
        raise Unresolved(key, f"'{expression}' matches no method here{did_you_mean(expression, names)}")
    if len(methods) > 1 and not isinstance(check, Monotone):
        raise Unresolved(key, f"'{expression}' matches {len(methods)} methods: {', '.join(methods)}; narrow it to one")
    if isinstance(check, Monotone) or (isinstance(check, Grows) and check.size != STEP):
        levels(check, found)
    return found


def _parsed(key: str, expression: str, plain_key: str, cells: Sequence[Cell]) -> Selection:
    selection = Selection.parse(expression, plain_key)
    if unknown := selection.unknown({name for cell in cells for name in cell.facts}):
        raise Unresolved(key, f"'{expression}': {unknown}")
    return selection


def _check_metric(check: Check, cells: Sequence[Cell]) -> None:
    metric, is_cost = check.metric, isinstance(check, Cheaper | Grows)
    for cell in cells:
        if metric and metric not in cell.metrics:
            raise Unresolved("metric", f"'{cell.task}' does not measure '{metric}'{did_you_mean(metric, cell.metrics)}")
        if is_cost and metric not in cell.spent:
            raise Unresolved("metric", f"'{metric}' is no cost: less of it is not better")
    tasks = {cell.task for cell in cells}
    if is_cost or not is_averaged(check, cells):
        return
    if bare := next((cell for cell in cells if not cell.has_anchors), None):
        raise Unresolved("tasks", f"scores on {len(tasks)} tasks are averaged by anchors, which '{bare.task}' has not")
    if other := next((cell for cell in cells if metric not in ("", cell.metrics[0])), None):
        raise Unresolved(
            "metric",
            f"scores on {len(tasks)} tasks are averaged by anchors, which are of '{other.metrics[0]}' on "
            f"'{other.task}'; leave 'metric' away, or name one task",
        )


def is_averaged(check: Check, cells: Iterable[Cell]) -> bool:
    """Tell whether a value of the claim is a mean over tasks; tasks that differ as the trend's levels do are not."""
    if isinstance(check, Monotone):
        return any(len({cell.task for cell in level}) > 1 for level in levels(check, cells).values())
    return len({cell.task for cell in cells}) > 1


def spelled(name: str, params: Mapping[str, JSON]) -> str:
    """Return a method or task with all its parameters: a label that no other has."""
    return " ".join([name, *(f"{key}={plain(value)}" for key, value in params.items())])
