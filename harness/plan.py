"""Suite x Catalog -> Runs: every name looked up, every parameter checked, every cell with its id."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness import source
from harness.binding import bind
from harness.catalog import Catalog
from harness.document import Place
from harness.errors import CatalogError, SuiteError, did_you_mean
from harness.hyperparameters import Contender, Setup, drawn, labelled, set_up
from harness.source import Parameter
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
    recipe: Mapping[str, JSON] = field(default_factory=dict)  # of the task's parameters, those that the method brings
    variant: Mapping[str, JSON] = field(default_factory=dict)  # see harness.hyperparameters.Setup
    origin: str = ""  # where the hyper-parameters come from
    trials: int = 0  # how many trials they were chosen by
    trial: int = 0  # of a trial, its number from 1
    select: str = ""  # the metric that chooses among the trials
    fresh_seeds: tuple[int, ...] = ()  # of a trial: those that the winner is run with


@dataclass(frozen=True)
class Winner:
    """Which trial of a method on a task is the best, by its number from 1; 0 where none can be chosen, and why."""

    trial: int
    lack: str = ""


Choose = Callable[[Sequence[Run]], Winner | None]


def undecided(trials: Sequence[Run]) -> None:
    """Choose no winner: the trials have not ended."""


@dataclass(frozen=True)
class _Posed:
    """A task as a suite poses it."""

    task: Task
    label: str  # the name, with the parameters that the suite gives
    params: dict[str, JSON]
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class _Pair:
    """A method on a task. `points` are the setups of its trials, where it is tuned."""

    contender: Contender
    posed: _Posed
    setup: Setup
    points: list[Setup]


def plan(suite: Suite, catalog: Catalog, *, hardware: str, lack: str = "", choose: Choose = undecided) -> list[Run]:
    """Expand a suite, seeds outermost, so that a suite that is cut short holds whole seeds first.

    Where the suite tunes, the trials come first; of a method whose winner is known, its runs on the suite's seeds are
    among the others.

    Args:
        suite: its device is "cpu" or "cuda", no longer "auto".
        hardware: the fingerprint of this machine.
        lack: the reason for which nothing of the suite can be run here, if there is one.
        choose: is given all trials of a method on a task, and returns the winner, or None where they have not ended.

    Raises SuiteError, with file and line, for an unknown name or parameter, a wrong type, a method or task that meets
    nothing, and a suite that tunes nothing.
    """
    pairs = _pairs(suite, catalog)
    run = partial(_run, suite, catalog, hardware=hardware, lack=lack)
    trials, count = list[list[Run]](), 0 if suite.tune is None else suite.tune.trials
    for number, seed in itertools.product(range(1, count + 1), () if suite.tune is None else suite.tune.seeds):
        trials.append([run(pair, pair.points[number - 1], seed, trial=number) for pair in pairs if pair.points])
    tuned = [pair for pair in pairs if pair.points]
    winners = {id(pair): choose([runs[i] for runs in trials]) for i, pair in enumerate(tuned)}
    runs = [one for part in trials for one in part]
    for seed, pair in itertools.product(suite.seeds, pairs):
        if not pair.points:
            runs.append(run(pair, pair.setup, seed))
        elif winner := winners[id(pair)]:
            setup = pair.points[winner.trial - 1] if winner.trial else replace(pair.setup, skip=winner.lack)
            runs.append(run(pair, setup, seed, trials=count))
    _check_distinct(suite, runs)
    return runs


def _pairs(suite: Suite, catalog: Catalog) -> list[_Pair]:
    """Return every method of a suite on every task of its family, all names and parameters looked up."""
    tasks = [posed for entry in suite.tasks for posed in _posed(suite, catalog, entry)]
    contenders = [contender for entry in suite.methods for contender in _contenders(suite, catalog, entry)]
    _check_pairing(suite, catalog)
    pairs = []
    for posed, contender in itertools.product(tasks, contenders):
        if posed.task.family == contender.method.family:
            setup = set_up(suite, contender, posed.task)
            count = suite.tune.trials if suite.tune and setup.ranges else 0
            points = drawn(suite, contender, posed.task, setup, count) if count else []
            pairs.append(_Pair(contender, posed, setup, points))
    _check_presets(suite, pairs)
    _check_tuning(suite, catalog, pairs)
    return pairs


def _posed(suite: Suite, catalog: Catalog, entry: Entry) -> list[_Posed]:
    task: Task = _look_up(suite, catalog, "task", entry.name, entry.place)
    metrics = entry.metrics or task.metrics
    for metric in metrics:
        _look_up(suite, catalog, "metric", metric, (*entry.place[:2], "metrics"))
    known = source.parameters(task.target)
    return [
        _Posed(task, labelled(task.name, chosen), bind(suite, "task", entry, known, chosen), metrics)
        for chosen in _combinations(suite, "task", entry, known)
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


def _check_presets(suite: Suite, pairs: list[_Pair]) -> None:
    """Raise SuiteError for a preset that is for none of the tasks that its method meets."""
    for entry in suite.methods:
        skips = [pair.setup.skip for pair in pairs if pair.contender.entry is entry]
        if all(skips):
            raise suite.document.error(f"{skips[0]}, and none of these is in the suite", *entry.place[:2], "preset")


def _check_tuning(suite: Suite, catalog: Catalog, pairs: list[_Pair]) -> None:
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


def _check_distinct(suite: Suite, runs: list[Run]) -> None:
    seen: set[str] = set()
    for run in runs:
        if run.id in seen:
            raise SuiteError(f"the run '{run.label}' stands twice in it", path=suite.document.path)
        seen.add(run.id)


def _run(
    suite: Suite,
    catalog: Catalog,
    pair: _Pair,
    setup: Setup,
    seed: int,
    *,
    hardware: str,
    lack: str,
    trial: int = 0,
    trials: int = 0,
) -> Run:
    """Return a run of a pair: an ordinary one, one of its trials by its number, or one of what was best of `trials`."""
    method, task, posed = pair.contender.method, pair.posed.task, pair.posed
    metrics = {name: catalog.find("metric", name) for name in posed.metrics}
    datasets = {name: catalog.find("dataset", name).target for name in task.datasets}
    code = [SCORING, task.target, *(metric.target for metric in metrics.values()), *datasets.values()]
    missing = sorted(task.requires - method.traits)
    facts: dict[str, Any] = {
        "family": method.family.name,
        "method": method.name,
        "method_target": method.target,
        "method_params": setup.params,
        "task": task.name,
        "task_target": task.target,
        "task_params": posed.params,
        "recipe": setup.recipe,
        "metrics": {name: metric.target for name, metric in metrics.items()},
        "datasets": datasets,
        "seed": seed,
        "device": suite.hardware.device,
        "cpus": suite.hardware.cpus,
        "gpus": suite.hardware.gpus,
        "source": source.digest(method.target, *code),
        "libraries": source.libraries(method.target, *code),
        "skip": f"the task needs {', '.join(missing)}, which the method does not claim" if missing else
        setup.skip or lack,
    }  # fmt: skip
    select = (suite.tune.select if suite.tune else "") or posed.metrics[0]
    # A run that was tuned is none that was not, whose parameters may be the same: what is stored tells of its budget.
    tuning = [trial, trials, select if trials else "", suite.tune.seeds if trials and suite.tune else ()]
    what = f", trial {trial}" if trial else f", best of {trials} trials" if trials else ""
    return Run(
        **facts,
        id=hashlib.sha256(json.dumps([facts, hardware, tuning], sort_keys=True).encode()).hexdigest()[:12],
        label=f"{setup.label}{what} on {posed.label}, seed {seed}",
        suite=suite.name,
        method_version=catalog.owners["methods", method.name].version,
        given=method.family.given,
        task_version=catalog.owners["tasks", task.name].version,
        task_source=source.digest(*code),
        costs=frozenset(name for name, metric in metrics.items() if metric.role == "cost"),
        units={name: metric.unit for name, metric in metrics.items()},
        variant=setup.variant,
        origin=_origin(setup, trial, trials),
        trials=trials,
        trial=trial,
        select=select if trial or trials else "",
        fresh_seeds=suite.seeds if trial else (),
    )


def _origin(setup: Setup, trial: int, trials: int) -> str:
    if trial:
        return "drawn for a trial"
    if not trials:
        return setup.origin
    others = f"; others: {setup.origin}" if setup.origin != "default" else ""
    return f"tuned with {trials} trial{'s' * (trials > 1)}{others}"
