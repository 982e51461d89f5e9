"""The loop: what of a suite is still to run, running it, storing each run as it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pluggy

from harness import provenance, schema, store
from harness.backlog import Backlog, Stop
from harness.catalog import Catalog
from harness.errors import DeviceError
from harness.executors import Ended, Event, Executor, Setting, Started
from harness.leases import Leases
from harness.ledger import Ledger, is_settled
from harness.plan import Run, plan, select
from harness.scoring import Value
from harness.suite import Hardware, Suite
from harness.targets import resolved
from harness.text import one_line
from harness.tuning import chooser
from harness.worker import Attempt, Outcome

_log = logging.getLogger("bench")

Observe = Callable[[Event], None]
Events = Generator[Event, None, None]


@dataclass(frozen=True)
class Options:
    """What a user may say beside the suite; what is None is as the suite says.

    Args:
        results: the folder under which each suite has its own.
        executor: the name of the executor.
        jobs: at most so many runs at a time; None for as many as there is room for.
        device, memory (bytes), gpu_memory (bytes), time_limit (seconds): of one run.
        selected: expressions as `harness.plan.select` takes them.
        retry: how many more attempts a run gets whose process was killed or ran out of memory.
        checkpoint: seconds between two checkpoints of a run.
    """

    results: Path = Path("results")
    executor: str = "local"
    jobs: int | None = None
    device: str | None = None
    memory: int | None = None
    gpu_memory: int | None = None
    time_limit: float | None = None
    selected: tuple[str, ...] = ()
    retry: int = 0
    checkpoint: float = 60.0


@dataclass(frozen=True)
class Job:
    """A planned suite, what runs it, and where its results go."""

    suite: Suite
    catalog: Catalog
    runs: list[Run]
    folder: Path
    executor: Executor
    ledger: Ledger
    retry: int
    expand: Callable[[], list[Run]]  # what of the suite can be planned by now, as selected
    tried: frozenset[str] = frozenset()  # runs that an earlier wave has had its go at

    def left(self) -> list[Run]:
        """Return the runs that are not done: those never run, and those whose last attempt did not succeed."""
        self.ledger.refresh()
        return [run for run in self.runs if not is_settled(self.ledger.last(run.id).status, is_trial=run.trial > 0)]

    def waiting(self) -> list[Run]:
        """Return the runs to do now: those that are left, but what trials have chosen not while a trial waits."""
        left = [run for run in self.left() if run.id not in self.tried]
        return [run for run in left if not run.trials] if any(run.trial for run in left) else left


def waves(job: Job) -> Iterator[Job]:
    """Yield a job to be run; then, as long as there is more to do, the job as it is after that.

    Where a suite tunes, the trials are the first wave, and the runs of the winners the second, planned by what is
    stored then. The last job yielded holds all runs of the suite, and where it waits for none, there is nothing to do.
    """
    while True:
        wave = frozenset(run.id for run in job.waiting())
        yield job
        if job.suite.tune is None or not wave:
            return
        job = dataclasses.replace(job, runs=job.expand(), tried=job.tried | wave)


def prepare(suite: Suite, catalog: Catalog, options: Options) -> Job:
    """Plan a suite, and find out whether it can be run here.

    Raises BenchError (SuiteError, CatalogError, DeviceError) before anything is written.
    """
    given = {"device": options.device, "memory": options.memory, "gpu_memory": options.gpu_memory}
    asked: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    hardware = _resolved(dataclasses.replace(suite.hardware, **asked))
    limit = suite.time_limit if options.time_limit is None else options.time_limit
    suite, folder = dataclasses.replace(suite, hardware=hardware, time_limit=limit), options.results / suite.name
    executor = _executor(suite, catalog, options, folder)
    lack = executor.lack
    if lack and asked:
        raise DeviceError(f"{lack}; give another {' or '.join('--' + key.replace('_', '-') for key in asked)}")
    ledger = Ledger(folder)
    expand = partial(_expand, suite, catalog, ledger, lack, options.selected)
    return Job(suite, catalog, expand(), folder, executor, ledger, options.retry, expand)


def _expand(suite: Suite, catalog: Catalog, ledger: Ledger, lack: str, selected: tuple[str, ...]) -> list[Run]:
    fingerprint = provenance.fingerprint(provenance.hardware())
    choose = chooser(suite, catalog, ledger)
    return select(plan(suite, catalog, hardware=fingerprint, lack=lack, choose=choose), selected)


def _resolved(hardware: Hardware) -> Hardware:
    """Return hardware with a device that is not "auto", and with GPUs just where that device is "cuda"."""
    device = provenance.resolve_device(hardware.device)
    gpus, gpu_memory = (max(1, hardware.gpus), hardware.gpu_memory) if device == "cuda" else (0, None)
    return dataclasses.replace(hardware, device=device, gpus=gpus, gpu_memory=gpu_memory)


def _executor(suite: Suite, catalog: Catalog, options: Options, folder: Path) -> Executor:
    targets = [catalog.find("method", entry.name).target for entry in suite.methods if entry.name in catalog.methods]
    targets += [catalog.find("task", entry.name).target for entry in suite.tasks if entry.name in catalog.tasks]
    setting = Setting(
        hardware=suite.hardware,
        time_limit=suite.time_limit,
        jobs=options.jobs,
        pack=suite.pack,
        checkpoint=options.checkpoint,
        folder=folder,
        modules=tuple(sorted({target.partition(":")[0] for target in targets})),
    )
    executor: Executor = resolved(catalog.find("executor", options.executor).target)(setting)
    return executor


def guard(job: Job) -> None:
    """Let tasks look at the parameters that runs are waiting with. Raises BenchError before anything is written."""
    waiting = {(run.task, json.dumps(run.task_params, sort_keys=True)): run for run in job.waiting() if not run.skip}
    for run in waiting.values():
        if target := job.catalog.find("task", run.task).guard:
            resolved(target)(**run.task_params)


def run(job: Job, observe: Observe, stop: Stop) -> None:
    """Publish what dead sessions have left, run what is still to run, and tell `observe` of every event.

    Each run is on disk before its Ended is observed. Once `stop` is requested, and where an error ends this, running
    processes are ended, and what is finished is published.
    """
    store.publish_abandoned(job.folder)
    waiting = job.waiting()
    if not waiting:
        return
    session = store.open_session(job.folder, _header(job))
    try:
        leases = Leases(job.folder, session.journal)
        backlog = partial(Backlog, ledger=job.ledger, leases=leases, stop=stop, retry=job.retry, passed=observe)
        # Both before anything runs: what other sessions end from here on is not to be done again.
        skips, others = (backlog([run for run in waiting if bool(run.skip) == is_skip]) for is_skip in (True, False))
        _follow(job, _skip(skips), skips, session, observe)
        if others.waiting:
            _follow(job, job.executor.execute(others), others, session, observe)
    finally:
        session.close()


def _skip(backlog: Backlog) -> Events:
    while not backlog.stopping and (attempt := backlog.take()):
        yield Ended(attempt, Outcome("skipped", attempt.run.skip, [], datetime.now(UTC), 0.0))


def _follow(job: Job, events: Events, backlog: Backlog, session: store.Session, observe: Observe) -> None:
    """Store what ends, and tell everyone."""
    hooks = job.catalog.manager.hook
    with contextlib.closing(events):
        for event in events:
            if isinstance(event, Started):
                _tell(hooks.bench_run_started, run=event.attempt.run)
            elif isinstance(event, Ended):
                run, outcome = event.attempt.run, event.outcome
                rows = session.append(_common(event.attempt, outcome), _values(run, outcome.values))
                backlog.ended(event.attempt, outcome.status)
                told = {"status": outcome.status, "reason": outcome.reason, "rows": rows}
                _tell(hooks.bench_run_finished, run=run, **told)
            observe(event)


def _tell(hook: pluggy.HookCaller, **what: Any) -> None:
    """Call an observing hook; a plugin that fails there must not end the suite."""
    try:
        hook(**what)
    except Exception as error:
        _log.warning("a plugin failed in %s: %s: %s", hook.name, type(error).__name__, one_line(str(error)))


def _common(attempt: Attempt, outcome: Outcome) -> dict[str, Any]:
    """Return the columns that all rows of an attempt share."""
    run = attempt.run
    return {
        "suite": run.suite,
        "run": run.id,
        "family": run.family,
        "method": run.method,
        "method_params": json.dumps(run.method_params, sort_keys=True),
        "method_version": run.method_version,
        "variant": json.dumps(run.variant, sort_keys=True),
        "recipe": json.dumps(run.recipe, sort_keys=True),
        "origin": run.origin,
        "trials": run.trials,
        "trial": run.trial,
        "task": run.task,
        "task_params": json.dumps(run.task_params, sort_keys=True),
        "task_version": run.task_version,
        "seed": run.seed,
        "status": outcome.status,
        "reason": outcome.reason,
        "attempt": attempt.number,
        "started_at": outcome.started_at.isoformat(),
        "seconds": outcome.seconds,
        "device": run.device,
        **_here(),
        "source": run.source,
        "task_source": run.task_source,
        "libraries": json.dumps(run.libraries, sort_keys=True),
        "data": outcome.data,
    }


@cache
def _here() -> dict[str, str]:
    return {
        "hardware": provenance.fingerprint(provenance.hardware()),
        "environment": provenance.fingerprint(provenance.environment()),
        "host": socket.gethostname(),
    }


def _values(run: Run, values: Iterable[Value]) -> list[dict[str, Any]]:
    return [{**dataclasses.asdict(value), "unit": run.units[value.metric]} for value in values]


def _header(job: Job) -> dict[str, Any]:
    """Return what the rows refer to, spelled out: it makes a results file readable without the plugins."""
    names = dict.fromkeys(name for run in job.runs for name in run.metrics)
    metrics = {name: job.catalog.find("metric", name) for name in names}
    hardware, environment = provenance.hardware(), provenance.environment()
    return {
        "schema_version": schema.SCHEMA_VERSION,
        "suite": job.suite.name,
        "title": job.suite.title,
        "description": job.suite.description,
        "suite_text": job.suite.document.text,
        "plan": [run.id for run in job.runs],
        "metrics": {
            name: {"better": m.better, "unit": m.unit, "role": m.role, "summary": m.summary, "worst": m.worst}
            for name, m in metrics.items()
        },
        "primary": {_posed(run): next(iter(run.metrics)) for run in job.runs},
        "select": {_posed(run): run.select for run in job.runs if run.select},
        "published": [number.plain() for number in job.suite.published],
        "field": list(job.suite.field),
        "anchors": {_posed(run): dataclasses.asdict(run.anchors) for run in job.runs if run.anchors},
        "hardware": {provenance.fingerprint(hardware): hardware},
        "environment": {provenance.fingerprint(environment): environment},
    }


def _posed(run: Run) -> str:
    """Return a task with its parameters, as headers name it."""
    return f"{run.task} {json.dumps(run.task_params, sort_keys=True)}"
