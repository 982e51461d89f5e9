"""The values that a suite gives, checked and converted by the annotations of the parameters that they are for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from harness.document import describe
from harness.entry import Entry
from harness.errors import did_you_mean
from harness.source import Parameter, parameters
from harness.spec import JSON, Task
from harness.suite import Suite


def bind(
    suite: Suite, kind: str, entry: Entry, known: Mapping[str, Parameter], chosen: Mapping[str, JSON]
) -> dict[str, JSON]:
    """Return the whole set of parameters of a method or task: the chosen values, and the defaults of the others.

    Raises SuiteError, at the value's line, for an unknown parameter and for a value of the wrong type.
    """

    def fail(message: str, name: str) -> Exception:
        return suite.document.error(message, *entry.place[:-1], "grid" if name in entry.grid else "params", name)

    bound = {}
    for name in chosen:
        if name not in known:
            hint = did_you_mean(name, known) if known else "; it has none"
            raise fail(f"{kind} '{entry.name}' has no parameter '{name}'{hint}", name)
    for name, parameter in known.items():
        value = chosen.get(name, parameter.default)
        try:
            bound[name] = _convert(parameter, value)
        except msgspec.ValidationError:
            if name in chosen:
                raise fail(_misfit(f"{kind} '{entry.name}'", parameter, value), name) from None
            bound[name] = value  # a default may be of another type, such as None
    return bound


def bind_recipe(suite: Suite, entry: Entry, task: Task, chosen: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the parameters of a task that a method brings along, converted.

    Raises SuiteError, at the value's line, for one that the task does not leave to methods, and for a wrong type.
    """
    known, bound = recipe_of(task), {}
    for name, value in chosen.items():
        place = (*entry.place[:2], "recipe", name)
        if name not in known:
            hint = did_you_mean(name, known) if known else "; it leaves them none"
            whose = "its preset does not fit: " if name not in entry.recipe else ""
            message = f"{whose}task '{task.name}' leaves its methods no parameter '{name}'{hint}"
            raise suite.document.error(message, *place)
        try:
            bound[name] = _convert(known[name], value)
        except msgspec.ValidationError:
            raise suite.document.error(_misfit(f"task '{task.name}'", known[name], value), *place) from None
    return bound


def recipe_of(task: Task) -> dict[str, Parameter]:
    """Return the parameters of a task that a method may bring along."""
    return {name: parameter for name, parameter in parameters(task.target).items() if name in task.recipe}


def _misfit(whose: str, parameter: Parameter, value: JSON) -> str:
    what = f"parameter '{parameter.name}' of {whose} has to be {parameter.annotation}"
    return f"{what}, not {describe(value)}{_hint(parameter, value)}"


def _convert(parameter: Parameter, value: JSON) -> JSON:
    try:
        converted: Any = msgspec.convert(value, type=parameter.type)
    except TypeError:  # an annotation that cannot be checked against plain data
        converted = value
    if not _is_finite(converted):
        raise msgspec.ValidationError
    return list(converted) if isinstance(converted, tuple) else converted


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _hint(parameter: Parameter, value: JSON) -> str:
    is_choice = parameter.annotation.removeprefix("typing.").startswith("Literal")
    return did_you_mean(str(value), [str(option) for option in get_args(parameter.type)]) if is_choice else ""
