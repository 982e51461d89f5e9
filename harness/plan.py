"""Suite x Catalog -> Runs: every name looked up, every parameter checked, every cell with its id."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness import source
from harness.binding import bind
from harness.catalog import Catalog
from harness.claims import Cell, Unresolved, resolve
from harness.claims.resolving import spelled
from harness.document import Place
from harness.errors import BenchError, CatalogError, SuiteError, did_you_mean
from harness.selection import Facts, Selection, facts, plain
from harness.spec import JSON, Anchors, Method, Task
from harness.suite import Entry, Suite

SCORING = "harness.scoring:score"  # the core's own code that shapes the numbers of every run


@dataclass(frozen=True)
class Run:
    """One cell of a suite: a method meets a task, with one seed, on one kind of device.

    It holds all that the process that runs it needs, as plain data. `id` is a digest of all that decides the
    outcome: names, parameters, code, library versions, seed and hardware. `skip` is the reason for which the
    pairing is not run; it is empty for one that is.
    """

    id: str
    label: str  # for people: the method and task with the parameters that the suite gives them
    suite: str
    family: str
    method: str
    method_target: str
    method_params: Mapping[str, JSON]
    method_version: str
    given: frozenset[str]
    task: str
    task_target: str
    task_params: Mapping[str, JSON]  # under "reference", where there is one, its method and params
    task_version: str
    metrics: Mapping[str, str]  # name -> target, the primary one first
    costs: frozenset[str]  # those of the metrics that measure a cost
    units: Mapping[str, str]
    datasets: Mapping[str, str]  # name -> target
    seed: int
    device: str
    cpus: int
    gpus: int
    source: str  # digest of the code of method, task, metrics and data sets
    task_source: str  # likewise without the method
    libraries: Mapping[str, str]
    skip: str = ""
    reference_target: str = ""  # of a task that measures each method against another
    alone: bool = False  # whether nothing else may run on the machine meanwhile
    anchors: Anchors | None = None  # of the primary metric


@dataclass(frozen=True)
class _Cell:
    """A method or task with its whole set of parameters."""

    spec: Any
    label: str  # the name, with the parameters that the suite gives
    version: str
    params: dict[str, JSON]
    metrics: tuple[str, ...] = ()
    reference_target: str = ""
    anchors: Anchors | None = None


def plan(suite: Suite, catalog: Catalog, *, hardware: str, lack: str = "") -> list[Run]:
    """Expand a suite, seeds outermost, so that a suite that is cut short holds whole seeds first.

    Args:
        suite: its device is "cpu" or "cuda", no longer "auto".
        hardware: the fingerprint of this machine.
        lack: the reason for which nothing of the suite can be run here, if there is one.

    Raises SuiteError, with file and line, for an unknown name or parameter, a wrong type, or a method or task
    that meets nothing.
    """
    tasks = [cell for entry in suite.tasks for cell in _task_cells(suite, catalog, entry)]
    methods = [cell for entry in suite.methods for cell in _cells(suite, catalog, "method", entry)]
    _check_pairing(suite, catalog)
    runs = [
        _run(suite, catalog, method, task, seed, hardware, lack)
        for seed, task, method in itertools.product(suite.seeds, tasks, methods)
        if task.spec.family == method.spec.family
    ]
    _check_distinct(suite, runs)
    _check_published(suite, runs)
    _check_field(suite, runs)
    _check_claims(suite, catalog, runs)
    return runs


def select(runs: list[Run], expressions: Iterable[str]) -> list[Run]:
    """Return the runs that match any of the expressions (see `harness.selection`); all where there is none.

    Raises BenchError for a malformed expression and where nothing matches.
    """
    try:
        wanted = [Selection.parse(expression) for expression in expressions]
    except ValueError as error:
        raise BenchError(f"--select: {error}") from None
    if not wanted:
        return runs
    known = set().union(*(_facts(run) for run in runs))
    for selection in wanted:
        if unknown := selection.unknown(known):
            raise BenchError(f"--select: {unknown}")
    chosen = [run for run in runs if any(selection.matches(_facts(run)) for selection in wanted)]
    if not chosen:
        raise BenchError(f"--select matches none of the {len(runs)} runs; see them with --dry-run")
    return chosen


def _facts(run: Run) -> Facts:
    found = facts(run.family, run.method, run.method_params, run.task, run.task_params)
    return found | {"run": [run.id], "seed": [str(run.seed)]}


def _cells(suite: Suite, catalog: Catalog, kind: str, entry: Entry) -> list[_Cell]:
    spec = _look_up(suite, catalog, kind, entry.name, entry.place)
    given = spec.family.given if kind == "method" else frozenset()
    known = {name: p for name, p in source.parameters(spec.target).items() if name not in given}
    version = catalog.owners[kind + "s", spec.name].version
    metrics = entry.metrics or getattr(spec, "metrics", ())
    for metric in metrics:
        _look_up(suite, catalog, "metric", metric, (*entry.place[:2], "metrics"))
    for name in (name for name, parameter in known.items() if parameter.required):
        if name not in entry.params and name not in entry.grid:
            raise suite.document.error(f"{kind} '{spec.name}' needs the parameter '{name}'", *entry.place)
    anchors = _anchors(suite, catalog, entry, spec, metrics) if kind == "task" else None
    cells = []
    for values in itertools.product(*entry.grid.values()):
        chosen = {**entry.params, **dict(zip(entry.grid, values, strict=True))}
        label = " ".join([spec.name, *(f"{name}={plain(value)}" for name, value in chosen.items())])
        cells.append(_Cell(spec, label, version, bind(suite, kind, entry, known, chosen), metrics, anchors=anchors))
    return cells


def _task_cells(suite: Suite, catalog: Catalog, entry: Entry) -> list[_Cell]:
    """Return a task's cells, with the reference among the parameters: what it measures is not comparable to others."""
    cells, task = _cells(suite, catalog, "task", entry), catalog.find("task", entry.name)
    if not task.against:
        if entry.reference:
            why = f"task '{task.name}' measures each method by itself and takes no reference"
            raise suite.document.error(why, *entry.place[:2], "reference")
        return cells
    named = entry.reference or Entry(task.against, entry.place)
    (reference,) = _cells(suite, catalog, "method", named)
    method: Method = reference.spec
    missing = ", ".join(sorted(task.requires - method.traits))
    family = f"it is of the family '{method.family.name}'" if method.family != task.family else ""
    if why := family or (missing and f"it does not claim {missing}"):
        why = f"method '{method.name}' can be no reference for task '{task.name}': {why}"
        raise suite.document.error(why, *named.place)
    spelled: JSON = {"method": method.name, "params": reference.params}
    label = f" reference={reference.label}" if entry.reference else ""
    return [
        dataclasses.replace(
            cell,
            label=cell.label + label,
            params={**cell.params, "reference": spelled},
            reference_target=method.target,
        )
        for cell in cells
    ]


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


def _check_distinct(suite: Suite, runs: list[Run]) -> None:
    seen: set[str] = set()
    for run in runs:
        if run.id in seen:
            raise SuiteError(f"the run '{run.label}' stands twice in it", path=suite.document.path)
        seen.add(run.id)


def _check_published(suite: Suite, runs: list[Run]) -> None:
    """Raise SuiteError where a published number is none of what the suite measures."""
    for i, number in enumerate(suite.published):
        meant = [r for r in runs if number.matches(r.method, r.method_params, r.task, r.task_params)]
        if not meant:
            wrong = f"the suite has no run of '{number.method}' on '{number.task}'"
            raise suite.document.error(wrong, "published", i, "method")
        metrics = {name for run in meant for name in run.metrics}
        if number.metric not in metrics:
            wrong = f"'{number.task}' is not scored by '{number.metric}'{did_you_mean(number.metric, metrics)}"
            raise suite.document.error(wrong, "published", i, "metric")


def _check_field(suite: Suite, runs: list[Run]) -> None:
    for i, expression in enumerate(suite.field):
        selection = Selection.parse(expression, plain="method")
        unknown = selection.unknown(set().union(*(_facts(run) for run in runs)))
        if unknown or not any(selection.matches(_facts(run)) for run in runs):
            raise suite.document.error(f"'field': {unknown or f'{expression!r} matches no method here'}", "field", i)


def _check_claims(suite: Suite, catalog: Catalog, runs: list[Run]) -> None:
    """Raise SuiteError, with file and line, for a claim that does not fit what is planned."""
    if all(run.skip for run in runs):
        return  # the machine lacks what the suite asks for
    spent = frozenset(name for name, metric in catalog.metrics.items() if metric.better == "lower")
    cells = list({(run.method, str(run.method_params), run.task, str(run.task_params)): _cell_of(run, spent)
                  for run in runs if not run.skip}.values())  # fmt: skip
    for claim in suite.claims:
        try:
            resolve(claim.check, cells)
        except Unresolved as error:
            raise suite.document.error(
                f"claim '{claim.id}': {error}", *claim.place, "check", claim.kind, error.key
            ) from None


def _cell_of(run: Run, spent: frozenset[str]) -> Cell:
    """Return what a claim may speak of."""
    return Cell(
        method=spelled(run.method, run.method_params),
        task=spelled(run.task, run.task_params),
        facts=facts(run.family, run.method, run.method_params, run.task, run.task_params),
        method_params=run.method_params,
        task_params=run.task_params,
        metrics=tuple(run.metrics),
        spent=spent,
        has_anchors=run.anchors is not None,
    )


def _run(suite: Suite, catalog: Catalog, method: _Cell, task: _Cell, seed: int, hardware: str, lack: str) -> Run:
    method_spec: Method = method.spec
    task_spec: Task = task.spec
    metrics = {name: catalog.find("metric", name) for name in task.metrics}
    datasets = {name: catalog.find("dataset", name).target for name in task_spec.datasets}
    posed = [SCORING, task_spec.target, *(metric.target for metric in metrics.values()), *datasets.values()]
    posed += [task.reference_target] if task.reference_target else []
    targets = [method_spec.target, *posed]
    missing = sorted(task_spec.requires - method_spec.traits)
    known: dict[str, Any] = {
        "family": method_spec.family.name,
        "method": method_spec.name,
        "method_target": method_spec.target,
        "method_params": method.params,
        "task": task_spec.name,
        "task_target": task_spec.target,
        "task_params": task.params,
        "reference_target": task.reference_target,
        "metrics": {name: metric.target for name, metric in metrics.items()},
        "datasets": datasets,
        "seed": seed,
        "device": suite.hardware.device,
        "cpus": suite.hardware.cpus,
        "gpus": suite.hardware.gpus,
        "alone": task_spec.alone,
        "source": source.digest(*targets),
        "libraries": source.libraries(*targets),
        "skip": f"the task needs {', '.join(missing)}, which the method does not claim" if missing else lack,
    }
    return Run(
        **known,
        id=hashlib.sha256(json.dumps([known, hardware], sort_keys=True).encode()).hexdigest()[:12],
        label=f"{method.label} on {task.label}, seed {seed}",
        suite=suite.name,
        method_version=method.version,
        given=method_spec.family.given,
        task_version=task.version,
        task_source=source.digest(*posed),
        costs=frozenset(name for name, metric in metrics.items() if metric.role == "cost"),
        units={name: metric.unit for name, metric in metrics.items()},
        anchors=task.anchors,
    )
