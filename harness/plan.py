"""Suite x Catalog -> Runs: every pair of a method and a task with every seed, each run with its id."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness import source
from harness.catalog import Catalog
from harness.claims import Cell, Unresolved, resolve
from harness.claims.resolving import spelled
from harness.errors import BenchError, SuiteError, did_you_mean
from harness.hyperparameters import Setup
from harness.pairing import Pair, pairs
from harness.selection import Facts, Selection, facts
from harness.spec import JSON, Anchors
from harness.suite import Suite

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
    met = pairs(suite, catalog)
    run = partial(_run, suite, catalog, hardware=hardware, lack=lack)
    tuned = [pair for pair in met if pair.points]
    trials = _trials(suite, tuned, run)
    winners = {id(pair): choose([row[i] for row in trials]) for i, pair in enumerate(tuned)}
    runs = [one for row in trials for one in row]
    for seed, pair in itertools.product(suite.seeds, met):
        if not pair.points:
            runs.append(run(pair, pair.setup, seed))
        elif winner := winners[id(pair)]:
            setup = pair.points[winner.trial - 1] if winner.trial else replace(pair.setup, skip=winner.lack)
            runs.append(run(pair, setup, seed, trials=len(pair.points)))
    _check_distinct(suite, runs)
    each = [run(pair, pair.setup, suite.seeds[0]) for pair in met]
    _check_published(suite, each)
    _check_field(suite, each)
    _check_claims(suite, catalog, each)
    return runs


def _trials(suite: Suite, tuned: list[Pair], run: Callable[..., Run]) -> list[list[Run]]:
    """Return for each number of a trial and each of its seeds the runs of all pairs that are tuned."""
    if suite.tune is None:
        return []
    order = itertools.product(range(1, suite.tune.trials + 1), suite.tune.seeds)
    return [[run(pair, pair.points[n - 1], seed, trial=n) for pair in tuned] for n, seed in order]


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
    found = facts(run.family, run.method, run.method_params, run.task, {**run.task_params, **run.recipe})
    seeds = [str(run.seed), *map(str, run.fresh_seeds)]  # what the winner's runs wait for is meant with them
    return found | {"run": [run.id], "seed": seeds, "trial": [str(run.trial)] if run.trial else []}


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
        method=spelled(run.method, run.variant),
        task=spelled(run.task, run.task_params),
        facts=facts(run.family, run.method, run.variant, run.task, run.task_params),
        method_params=run.variant,
        task_params=run.task_params,
        metrics=tuple(run.metrics),
        spent=spent,
        has_anchors=run.anchors is not None,
    )


def _run(
    suite: Suite,
    catalog: Catalog,
    pair: Pair,
    setup: Setup,
    seed: int,
    *,
    hardware: str,
    lack: str,
    trial: int = 0,
    trials: int = 0,
) -> Run:
    """Return a run of a pair: an ordinary one, one of its trials by its number, or one of what was best of `trials`."""
    method, posed = pair.contender.method, pair.posed
    metrics = {name: catalog.find("metric", name) for name in posed.metrics}
    known = _known(suite, catalog, pair, setup, seed, lack)
    select = (suite.tune.select if suite.tune else "") or posed.metrics[0]
    # A run that was tuned is none that was not, whose parameters may be the same: what is stored tells of its budget.
    tuning = [trial, trials, select if trials else "", suite.tune.seeds if trials and suite.tune else ()]
    what = f", trial {trial}" if trial else f", best of {trials} trials" if trials else ""
    return Run(
        **known,
        id=hashlib.sha256(json.dumps([known, hardware, tuning], sort_keys=True).encode()).hexdigest()[:12],
        label=f"{setup.label}{what} on {posed.label}, seed {seed}",
        suite=suite.name,
        method_version=catalog.owners["methods", method.name].version,
        given=method.family.given,
        task_version=catalog.owners["tasks", posed.task.name].version,
        task_source=source.digest(*_code_of_task(catalog, pair)),
        costs=frozenset(name for name, metric in metrics.items() if metric.role == "cost"),
        units={name: metric.unit for name, metric in metrics.items()},
        variant=setup.variant,
        origin=_origin(setup, trial, trials),
        trials=trials,
        trial=trial,
        anchors=posed.anchors,
        select=select if trial or trials else "",
        fresh_seeds=suite.seeds if trial else (),
    )


def _known(suite: Suite, catalog: Catalog, pair: Pair, setup: Setup, seed: int, lack: str) -> dict[str, Any]:
    """Return the fields of a run of which its id is a digest, beside the hardware and the tuning."""
    method, task, posed = pair.contender.method, pair.posed.task, pair.posed
    code, missing = _code_of_task(catalog, pair), sorted(task.requires - method.traits)
    lacking = f"the task needs {', '.join(missing)}, which the method does not claim" if missing else ""
    return {
        "family": method.family.name,
        "method": method.name,
        "method_target": method.target,
        "method_params": setup.params,
        "task": task.name,
        "task_target": task.target,
        "task_params": posed.params,
        "reference_target": posed.reference_target,
        "recipe": setup.recipe,
        "metrics": {name: catalog.find("metric", name).target for name in posed.metrics},
        "datasets": _datasets(catalog, pair),
        "seed": seed,
        "device": suite.hardware.device,
        "cpus": suite.hardware.cpus,
        "gpus": suite.hardware.gpus,
        "alone": task.alone,
        "source": source.digest(method.target, *code),
        "libraries": source.libraries(method.target, *code),
        "skip": lacking or setup.skip or lack,
    }


def _code_of_task(catalog: Catalog, pair: Pair) -> list[str]:
    """Return the targets whose code decides what a run measures, but for the method's."""
    posed = pair.posed
    metrics = [catalog.find("metric", name).target for name in posed.metrics]
    reference = [posed.reference_target] if posed.reference_target else []
    return [SCORING, posed.task.target, *metrics, *_datasets(catalog, pair).values(), *reference]


def _datasets(catalog: Catalog, pair: Pair) -> dict[str, str]:
    return {name: catalog.find("dataset", name).target for name in pair.posed.task.datasets}


def _origin(setup: Setup, trial: int, trials: int) -> str:
    if trial:
        return "drawn for a trial"
    if not trials:
        return setup.origin
    others = f"; others: {setup.origin}" if setup.origin != "default" else ""
    return f"tuned with {trials} trial{'s' * (trials > 1)}{others}"
