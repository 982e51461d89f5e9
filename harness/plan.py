"""Suite x Catalog -> Runs: every name looked up, every parameter checked, every cell with its id."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness import source
from harness.binding import bind
from harness.catalog import Catalog
from harness.document import Place
from harness.errors import BenchError, CatalogError, SuiteError, did_you_mean
from harness.spec import JSON, Method, Task
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
    task_params: Mapping[str, JSON]
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


@dataclass(frozen=True)
class _Cell:
    """A method or task with its whole set of parameters."""

    spec: Any
    label: str  # the name, with the parameters that the suite gives
    version: str
    params: dict[str, JSON]
    metrics: tuple[str, ...] = ()


def plan(suite: Suite, catalog: Catalog, *, hardware: str, lack: str = "") -> list[Run]:
    """Expand a suite, seeds outermost, so that a suite that is cut short holds whole seeds first.

    Args:
        suite: its device is "cpu" or "cuda", no longer "auto".
        hardware: the fingerprint of this machine.
        lack: the reason for which nothing of the suite can be run here, if there is one.

    Raises SuiteError, with file and line, for an unknown name or parameter, a wrong type, or a method or task
    that meets nothing.
    """
    tasks = [cell for entry in suite.tasks for cell in _cells(suite, catalog, "task", entry)]
    methods = [cell for entry in suite.methods for cell in _cells(suite, catalog, "method", entry)]
    _check_pairing(suite, catalog)
    runs = [
        _run(suite, catalog, method, task, seed, hardware, lack)
        for seed, task, method in itertools.product(suite.seeds, tasks, methods)
        if task.spec.family == method.spec.family
    ]
    _check_distinct(suite, runs)
    _check_published(suite, runs)
    return runs


def select(runs: list[Run], expressions: Iterable[str]) -> list[Run]:
    """Return the runs that match any of the expressions; all where there is none.

    An expression is a comma-separated list of `key=pattern`, all of which must match. A key is `run`, `family`,
    `method`, `task`, `seed`, or a parameter's name; a pattern is a shell pattern, alternatives joined by "|".
    Raises BenchError for a malformed expression and where nothing matches.
    """
    wanted = [_terms(expression) for expression in expressions]
    if not wanted:
        return runs
    known = set().union(*(_facts(run) for run in runs))
    for key in (key for terms in wanted for key, _ in terms):
        if key not in known:
            raise BenchError(f"--select: unknown key '{key}'{did_you_mean(key, known)}")
    chosen = [run for run in runs if any(_matches(_facts(run), terms) for terms in wanted)]
    if not chosen:
        raise BenchError(f"--select matches none of the {len(runs)} runs; see them with --dry-run")
    return chosen


def _terms(expression: str) -> list[tuple[str, list[str]]]:
    terms = []
    for term in expression.split(","):
        key, equals, pattern = (part.strip() for part in term.partition("="))
        if not (key and equals and pattern):
            raise BenchError(f"--select: '{term.strip()}' is not of the form key=pattern, such as method=s4*,seed=0")
        terms.append((key, pattern.split("|")))
    return terms


def _facts(run: Run) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {}
    for params in (run.method_params, run.task_params):
        for key, value in params.items():
            facts.setdefault(key, []).append(_plain(value))
    return facts | {
        "run": [run.id], "family": [run.family], "method": [run.method], "task": [run.task], "seed": [str(run.seed)]
    }  # fmt: skip


def _plain(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _matches(facts: dict[str, list[str]], terms: list[tuple[str, list[str]]]) -> bool:
    return all(
        any(_alike(fact, pattern) for fact in facts.get(key, []) for pattern in patterns) for key, patterns in terms
    )


def _alike(fact: str, pattern: str) -> bool:
    try:
        return float(fact) == float(pattern)  # 1e-3 is 0.001
    except ValueError:
        return fnmatch.fnmatchcase(fact, pattern)


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
    cells = []
    for values in itertools.product(*entry.grid.values()):
        chosen = {**entry.params, **dict(zip(entry.grid, values, strict=True))}
        label = " ".join([spec.name, *(f"{name}={_plain(value)}" for name, value in chosen.items())])
        cells.append(_Cell(spec, label, version, bind(suite, kind, entry, known, chosen), metrics))
    return cells


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
            known = {run.method for run in runs} | {run.task for run in runs}
            wrong = [key for key in (number.method, number.task) if key.split(",")[0] not in known]
            hint = did_you_mean(wrong[0], known) if wrong else ""
            raise suite.document.error(
                f"the suite has no run of '{number.method}' on '{number.task}'{hint}", "published", i, "method"
            )
        metrics = {name for run in meant for name in run.metrics}
        if number.metric not in metrics:
            hint = did_you_mean(number.metric, metrics)
            raise suite.document.error(
                f"'{number.task}' is not scored by '{number.metric}'{hint}", "published", i, "metric"
            )


def _run(suite: Suite, catalog: Catalog, method: _Cell, task: _Cell, seed: int, hardware: str, lack: str) -> Run:
    method_spec: Method = method.spec
    task_spec: Task = task.spec
    metrics = {name: catalog.find("metric", name) for name in task.metrics}
    datasets = {name: catalog.find("dataset", name).target for name in task_spec.datasets}
    posed = [SCORING, task_spec.target, *(metric.target for metric in metrics.values()), *datasets.values()]
    targets = [method_spec.target, *posed]
    missing = sorted(task_spec.requires - method_spec.traits)
    facts: dict[str, Any] = {
        "family": method_spec.family.name,
        "method": method_spec.name,
        "method_target": method_spec.target,
        "method_params": method.params,
        "task": task_spec.name,
        "task_target": task_spec.target,
        "task_params": task.params,
        "metrics": {name: metric.target for name, metric in metrics.items()},
        "datasets": datasets,
        "seed": seed,
        "device": suite.hardware.device,
        "cpus": suite.hardware.cpus,
        "gpus": suite.hardware.gpus,
        "source": source.digest(*targets),
        "libraries": source.libraries(*targets),
        "skip": f"the task needs {', '.join(missing)}, which the method does not claim" if missing else lack,
    }
    return Run(
        **facts,
        id=hashlib.sha256(json.dumps([facts, hardware], sort_keys=True).encode()).hexdigest()[:12],
        label=f"{method.label} on {task.label}, seed {seed}",
        suite=suite.name,
        method_version=method.version,
        given=method_spec.family.given,
        task_version=task.version,
        task_source=source.digest(*posed),
        costs=frozenset(name for name, metric in metrics.items() if metric.role == "cost"),
        units={name: metric.unit for name, metric in metrics.items()},
    )
