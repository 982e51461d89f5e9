"""How a method of a suite meets a task: its hyper-parameters, where they come from, and which of them are tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.binding import bind, bind_recipe, recipe_of
from harness.entry import Entry
from harness.errors import CatalogError, did_you_mean
from harness.selection import plain
from harness.source import Parameter, parameters
from harness.space import Range
from harness.spec import JSON, Method, Preset, Task
from harness.suite import Suite
from harness.trials import draw

HYPER = "hyper-parameters"  # a key of a variant that, with its hyphen, no parameter has


@dataclass(frozen=True)
class Contender:
    """A method as a suite gives it: an entry, and one combination of its grid."""

    entry: Entry
    method: Method
    chosen: Mapping[str, JSON]  # the entry's params and the values of its grid

    @property
    def known(self) -> dict[str, Parameter]:
        """The method's parameters."""
        given = self.method.family.given
        return {name: p for name, p in parameters(self.method.target).items() if name not in given}


@dataclass(frozen=True)
class Setup:
    """A method on one task.

    `params` are all parameters of the method, and `recipe` those of the task that it brings along. `variant` tells the
    method from others of the suite, alike on all tasks: where a preset or tuning chooses values for each task, it says
    so instead. `ranges` are what is to be tuned, each a parameter of the method ("params") or the task ("recipe").
    """

    label: str
    params: Mapping[str, JSON]
    recipe: Mapping[str, JSON]
    variant: Mapping[str, JSON]
    origin: str
    ranges: Mapping[tuple[str, str], Range]
    skip: str = ""


def set_up(suite: Suite, contender: Contender, task: Task) -> Setup:
    """Return a method on a task. Raises SuiteError, with file and line, for an unknown preset and what does not fit."""
    entry, method = contender.entry, contender.method
    preset = _preset(suite, entry, method, task)
    params = bind(suite, "method", entry, contender.known, {**preset.params, **contender.chosen})
    recipe = bind_recipe(suite, entry, task, {**preset.recipe, **entry.recipe})
    ranges = _ranges(suite, contender, task)
    given = {**contender.chosen, **{f"recipe.{name}": value for name, value in entry.recipe.items()}}
    base = bind(suite, "method", entry, contender.known, contender.chosen)
    variant = {**base, **{name: value for name, value in given.items() if name.startswith("recipe.")}}
    if entry.presets or ranges:
        names = [f"{task}: {name}" if task else name for task, name in entry.presets.items()]
        variant[HYPER] = ", ".join(names) or "tuned"
    words = {**({"preset": preset.name} if preset.name else {}), **contender.chosen, **entry.recipe}
    return Setup(labelled(method.name, words), params, recipe, variant, _origin(entry, preset, given), ranges)


def drawn(suite: Suite, contender: Contender, task: Task, setup: Setup, count: int) -> list[Setup]:
    """Return a setup for each of the first `count` points of what a setup leaves to tune, the same at every call."""
    points = draw(list(setup.ranges.values()), count)
    return [_at(suite, contender, task, setup, dict(zip(setup.ranges, point, strict=True))) for point in points]


def labelled(name: str, values: Mapping[str, JSON]) -> str:
    """Return a name and values as words."""
    return " ".join([name, *(f"{key}={plain(value)}" for key, value in values.items())])


def _at(suite: Suite, contender: Contender, task: Task, setup: Setup, point: Mapping[tuple[str, str], JSON]) -> Setup:
    params, recipe = (
        {name: value for (whose, name), value in point.items() if whose == part} for part in ("params", "recipe")
    )
    return replace(
        setup,
        label=labelled(setup.label, {name: value for (_, name), value in point.items()}),
        params=bind(suite, "method", contender.entry, contender.known, {**contender.chosen, **params}),
        recipe=bind_recipe(suite, contender.entry, task, {**setup.recipe, **recipe}),
    )


def _preset(suite: Suite, entry: Entry, method: Method, task: Task) -> Preset:
    """Return the preset that an entry asks for on a task; an empty one where it asks for none."""
    key = task.name if task.name in entry.presets else ""
    if key not in entry.presets:
        return Preset("", "")
    found = {preset.name: preset for preset in method.presets}
    name = entry.presets[key]
    if name not in found:
        hint = did_you_mean(name, found) if found else "; it has none"
        message = f"method '{method.name}' has no preset '{name}'{hint}"
        raise suite.document.error(message, *entry.place[:2], "preset", *([key] if key else []))
    return found[name]


def _ranges(suite: Suite, contender: Contender, task: Task) -> dict[tuple[str, str], Range]:
    """Return what is to be tuned: of the method's space what the suite leaves open, nothing where it does not tune."""
    entry, space = contender.entry, contender.method.space
    if suite.tune is None or space is None or entry.presets:
        return {}
    if unknown := space.params.keys() - contender.known.keys():
        raise CatalogError(f"method '{entry.name}' declares a space of '{min(unknown)}', which is no parameter of it")
    params = {("params", name): one for name, one in space.params.items() if name not in contender.chosen}
    left = recipe_of(task)
    recipe = {("recipe", name): one for name, one in space.recipe.items() if name in left and name not in entry.recipe}
    return params | recipe


def _origin(entry: Entry, preset: Preset, given: Mapping[str, JSON]) -> str:
    """Say where the hyper-parameters that are not tuned come from."""
    if preset.name:
        changed = f"; changed: {', '.join(name.removeprefix('recipe.') for name in given)}" if given else ""
        return f"{preset.name}: {preset.source}{changed}"
    return entry.origin or ("suite" if given else "default")
