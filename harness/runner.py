"""The loop: what of a suite is still to run, running it, storing each run as it ends."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pluggy

from harness import provenance, store
from harness.catalog import Catalog
from harness.executors import Ended, Event, Started, local
from harness.plan import Run, plan, select
from harness.scoring import Value
from harness.suite import Suite
from harness.worker import Outcome

_log = logging.getLogger("bench")

Observe = Callable[[Event], None]


@dataclass(frozen=True)
class Job:
    """A planned suite and where its results go."""

    suite: Suite
    catalog: Catalog
    runs: list[Run]
    folder: Path
    jobs: int

    def ended(self) -> dict[str, tuple[str, int]]:
        """Return the status and number of the last stored attempt of each run."""
        if not self.folder.exists():
            return {}
        table = store.read(self.folder).select(["run", "status", "attempt"]).to_pydict()
        attempts = sorted(zip(table["run"], table["attempt"], table["status"], strict=True))
        return {run: (status, attempt) for run, attempt, status in attempts}

    def waiting(self) -> list[Run]:
        """Return the runs that are not done: those never run, and those whose last attempt did not succeed."""
        ended = self.ended()
        return [run for run in self.runs if ended.get(run.id, ("", 0))[0] not in ("done", "skipped")]


def prepare(
    suite: Suite,
    catalog: Catalog,
    *,
    results: Path,
    jobs: int | None = None,
    device: str | None = None,
    selected: Iterable[str] = (),
) -> Job:
    """Plan a suite on this machine.

    Args:
        results: the folder under which the suite has its own.
        jobs: how many runs at a time; by default as many as the cores allow, and one where a GPU does the work.
        device: overrides the suite's device.
        selected: expressions as `harness.plan.select` takes them.

    Raises BenchError (SuiteError, DeviceError) before anything is written.
    """
    resolved = provenance.resolve_device(device or suite.hardware.device)
    hardware = provenance.fingerprint(provenance.hardware())
    runs = select(plan(suite, catalog, device=resolved, hardware=hardware), selected)
    cores = provenance.hardware()["cores"]
    fitting = 1 if resolved == "cuda" else max(1, cores // suite.hardware.cpus)
    return Job(suite, catalog, runs, results / suite.name, jobs or fitting)


def run(job: Job, observe: Observe) -> None:
    """Publish what dead sessions have left, run what is still to run, and tell `observe` of every event.

    Each run is on disk before its Ended is observed. When this is interrupted, by Ctrl-C or an error, running
    processes are ended, what is finished is published, and the exception goes on.
    """
    store.publish_abandoned(job.folder)
    waiting = job.waiting()
    if not waiting:
        return
    session = store.open_session(job.folder, _header(job))
    try:
        _run_all(job, waiting, session, observe)
    finally:
        session.close()


def _run_all(job: Job, waiting: list[Run], session: store.Session, observe: Observe) -> None:
    ended, hooks = job.ended(), job.catalog.manager.hook
    for event in _events(job, waiting):
        if isinstance(event, Started):
            _tell(hooks.bench_run_started, run=event.run)
        elif isinstance(event, Ended):
            attempt = ended.get(event.run.id, ("", 0))[1] + 1
            rows = session.append(_common(event.run, event.outcome, attempt), _values(event.run, event.outcome.values))
            told = {"status": event.outcome.status, "reason": event.outcome.reason, "rows": rows}
            _tell(hooks.bench_run_finished, run=event.run, **told)
        observe(event)


def _tell(hook: pluggy.HookCaller, **what: Any) -> None:
    """Call an observing hook; a plugin that fails there must not end the suite."""
    try:
        hook(**what)
    except Exception as error:
        _log.warning("a plugin failed in %s: %s: %s", hook.name, type(error).__name__, error)


def _events(job: Job, waiting: list[Run]) -> Iterable[Event]:
    for run in (run for run in waiting if run.skip):
        yield Ended(run, Outcome("skipped", run.skip, [], datetime.now(UTC), 0.0))
    yield from local.execute([run for run in waiting if not run.skip], jobs=job.jobs, logs=job.folder / store.LOGS)


def _common(run: Run, outcome: Outcome, attempt: int) -> dict[str, Any]:
    """Return the columns that all rows of a run share."""
    return {
        "suite": run.suite,
        "run": run.id,
        "family": run.family,
        "method": run.method,
        "method_params": json.dumps(run.method_params, sort_keys=True),
        "method_version": run.method_version,
        "task": run.task,
        "task_params": json.dumps(run.task_params, sort_keys=True),
        "task_version": run.task_version,
        "seed": run.seed,
        "status": outcome.status,
        "reason": outcome.reason,
        "attempt": attempt,
        "started_at": outcome.started_at.isoformat(),
        "seconds": outcome.seconds,
        "device": run.device,
        "hardware": provenance.fingerprint(provenance.hardware()),
        "environment": provenance.fingerprint(provenance.environment()),
        "source": run.source,
        "task_source": run.task_source,
        "libraries": json.dumps(run.libraries, sort_keys=True),
        "data": outcome.data,
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
        "schema_version": store.SCHEMA_VERSION,
        "suite": job.suite.name,
        "title": job.suite.title,
        "suite_text": job.suite.document.text,
        "plan": [run.id for run in job.runs],
        "metrics": {
            name: {"better": m.better, "unit": m.unit, "role": m.role, "summary": m.summary}
            for name, m in metrics.items()
        },
        "primary": {
            f"{run.task} {json.dumps(run.task_params, sort_keys=True)}": next(iter(run.metrics)) for run in job.runs
        },
        "hardware": {provenance.fingerprint(hardware): hardware},
        "environment": {provenance.fingerprint(environment): environment},
    }
