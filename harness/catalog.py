"""Entry points -> Catalog: everything that the installed plugins contribute, by name.

A plugin that fails is set aside with its reason, and everything else works. A name that two plugins declare is
an error that names both.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pluggy

from harness import hookspecs
from harness.errors import BenchError, CatalogError, did_you_mean
from harness.spec import Dataset, Executor, Family, Method, Metric, Section, Task
from harness.text import NAME_RULE, is_name, one_line

CORE = "bench-harness"


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group "bench". `reason` says why it was set aside; it is empty for one that works."""

    name: str
    distribution: str
    version: str
    module: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True)
class Catalog:
    """What the installed plugins contribute, sorted by name, but for sections, which keep the order of a report.

    Look things up with `find`; `owners` tells whose they are.
    """

    manager: pluggy.PluginManager
    plugins: tuple[Plugin, ...]
    methods: Mapping[str, Method] = field(default_factory=dict)
    tasks: Mapping[str, Task] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    sections: Mapping[str, Section] = field(default_factory=dict)
    executors: Mapping[str, Executor] = field(default_factory=dict)
    suites: Mapping[str, Path] = field(default_factory=dict)
    references: Mapping[str, Path] = field(default_factory=dict)  # BibTeX files, by their own path
    owners: Mapping[tuple[str, str], Plugin] = field(default_factory=dict)

    @cached_property
    def families(self) -> dict[str, Family]:
        """Return the families that any method or task belongs to."""
        found = [method.family for method in self.methods.values()] + [task.family for task in self.tasks.values()]
        return {family.name: family for family in sorted(found, key=lambda family: family.name)}

    def find(self, kind: str, name: str) -> Any:
        """Return the contribution of this kind ("method", "task", …) and name, or raise CatalogError with a hint."""
        known: Mapping[str, Any] = getattr(self, kind + "s")
        if name in known:
            return known[name]
        broken = [plugin for plugin in self.plugins if plugin.reason]
        aside = f" (set aside: {', '.join(map(str, broken))}; see `bench list plugins`)" if broken else ""
        raise CatalogError(f"unknown {kind} '{name}'{did_you_mean(name, known)}{aside}")


@dataclass(frozen=True)
class _Contribution:
    hook: str
    kind: type
    name: Callable[[Any], str]


_CONTRIBUTIONS = {
    "methods": _Contribution("bench_methods", Method, lambda item: item.name),
    "tasks": _Contribution("bench_tasks", Task, lambda item: item.name),
    "metrics": _Contribution("bench_metrics", Metric, lambda item: item.name),
    "datasets": _Contribution("bench_datasets", Dataset, lambda item: item.name),
    "sections": _Contribution("bench_sections", Section, lambda item: item.name),
    "executors": _Contribution("bench_executors", Executor, lambda item: item.name),
    "suites": _Contribution("bench_suites", Path, lambda item: item.stem),
    "references": _Contribution("bench_references", Path, str),
}


def load_catalog() -> Catalog:
    """Load every installed plugin. Raises CatalogError where two of them declare one name."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    plugins: list[Plugin] = []
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _CONTRIBUTIONS}
    owners: dict[tuple[str, str], Plugin] = {}
    for entry_point in _entry_points():
        plugin, contributed = _load(entry_point, manager)
        plugins.append(plugin)
        for kind, name, item in contributed:
            if (kind, name) in owners:
                both = f"{owners[kind, name]} and {plugin}"
                raise CatalogError(f"two plugins declare the {kind[:-1]} '{name}': {both}; uninstall one of them")
            owners[kind, name] = plugin
            found[kind][name] = item
    _check_families(found, owners)
    by_name = {kind: dict(sorted(items.items())) for kind, items in found.items()}
    return Catalog(manager, tuple(plugins), **by_name | {"sections": found["sections"]}, owners=owners)


def installed_plugins() -> list[Plugin]:
    """Return every installed plugin, working or set aside, whether or not their names clash."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return [_load(entry_point, manager)[0] for entry_point in _entry_points()]


def _entry_points() -> list[importlib.metadata.EntryPoint]:
    """Return the entry points of the group, each distribution once: an editable install can be found twice."""
    unique = {
        (e.name, e.dist.name if e.dist else "", e.value): e for e in importlib.metadata.entry_points(group="bench")
    }
    # The core first: its report sections are what every report begins with.
    return [unique[key] for key in sorted(unique, key=lambda key: (key[1] != CORE, key))]


def _load(
    entry_point: importlib.metadata.EntryPoint, manager: pluggy.PluginManager
) -> tuple[Plugin, list[tuple[str, str, Any]]]:
    """Import one plugin and collect what it contributes; on any failure nothing of it remains registered."""
    dist = entry_point.dist
    known = {"distribution": dist.name if dist else "?", "version": dist.version if dist else "?"}
    registered = None
    try:
        module = entry_point.load()
        registered = manager.register(module, name=f"{known['distribution']}:{entry_point.name}")
        manager.check_pending()
        contributed = [(kind, c.name(item), item) for kind, c in _CONTRIBUTIONS.items() for item in _call(module, c)]
        for kind, name, item in contributed:
            _check_names(kind, name, item)
    except (Exception, SystemExit) as error:
        if registered is not None:
            manager.unregister(name=registered)
        reason = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
        return Plugin(entry_point.name, **known, module=entry_point.value, reason=one_line(reason)), []
    return Plugin(entry_point.name, **known, module=entry_point.value), contributed


def _call(module: Any, contribution: _Contribution) -> Iterable[Any]:
    implementation = getattr(module, contribution.hook, None)
    if implementation is None:
        return
    if getattr(implementation, f"{hookspecs.PROJECT}_impl", None) is None:
        raise CatalogError(f"{contribution.hook} lacks the @hookimpl decorator")
    for item in implementation() or ():
        if not isinstance(item, contribution.kind):
            raise CatalogError(f"{contribution.hook} gave {item!r}, not a {contribution.kind.__name__}")
        yield item


def _check_names(kind: str, name: str, item: Any) -> None:
    """Raise CatalogError where a contribution brings a name that breaks the rule."""
    for what, brought in _names(kind, name, item):
        if not is_name(brought):
            raise CatalogError(f"the {kind[:-1]} {name!r} brings the {what} {brought!r}: {NAME_RULE}")


def _names(kind: str, name: str, item: Any) -> Iterator[tuple[str, str]]:
    """Yield the names that a contribution brings, with what each is. A heading and a path are free text."""
    if kind not in ("sections", "references"):
        yield "name", name
    if kind == "datasets":
        yield from (("file", file.name) for form in item.sources for file in form)
    if kind in ("methods", "tasks"):
        yield "family", item.family.name
        traits = item.traits if kind == "methods" else item.requires
        yield from (("trait", trait) for trait in (*item.family.traits, *traits))


def _check_families(found: Mapping[str, Mapping[str, Any]], owners: Mapping[tuple[str, str], Plugin]) -> None:
    """Raise CatalogError where two different families go by one name."""
    first: dict[str, tuple[Family, Plugin]] = {}
    for kind in ("methods", "tasks"):
        for name, item in found[kind].items():
            family, owner = first.setdefault(item.family.name, (item.family, owners[kind, name]))
            if family != item.family:
                raise CatalogError(
                    f"two plugins declare different families named '{family.name}': {owner} and {owners[kind, name]}"
                )
