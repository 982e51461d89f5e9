"""Runs on this machine: each in a process of its own, forked from a server that is warm but has never touched CUDA."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from harness import worker
from harness.executors import Ended, Event, Proceeded, Started
from harness.plan import Run
from harness.scoring import Progress
from harness.worker import Outcome

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class _Active:
    run: Run
    process: ForkServerProcess
    connection: multiprocessing.connection.Connection
    started_at: datetime
    start: float
    outcome: Outcome | None = None


def execute(runs: Iterable[Run], *, jobs: int, logs: Path) -> Iterator[Event]:
    """Run all of `runs`, at most `jobs` at a time, each with its output in ``logs/<id>.log``.

    Yields Started, any number of Proceeded, and exactly one Ended for each run, however its process ends. When the
    caller stops early, by an exception or by closing the iterator, the processes that still run are killed.
    """
    waiting, active = deque(runs), list[_Active]()
    server = _warm_server(waiting)
    try:
        while waiting or active:
            while waiting and len(active) < jobs:
                active.append(_start(server, waiting.popleft(), logs))
                yield Started(active[-1].run)
            yield from _events(active)
    finally:
        for one in active:
            _kill(one.process)


def _warm_server(runs: Iterable[Run]) -> ForkServerContext:
    server = multiprocessing.get_context("forkserver")
    modules = sorted({target.partition(":")[0] for run in runs for target in (run.method_target, run.task_target)})
    os.environ["BENCH_PRELOAD"] = " ".join(modules)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it some CUDA products differ from run to run
    cpus = str(max((run.cpus for run in runs), default=1))
    os.environ.update({name: cpus for name in _THREAD_VARIABLES})  # numerical libraries read these once, when loaded
    server.set_forkserver_preload(["__main__", "harness.preload"])
    return server


def _start(server: ForkServerContext, run: Run, logs: Path) -> _Active:
    ours, theirs = server.Pipe(duplex=False)
    process = server.Process(target=worker.main, args=(run, logs / f"{run.id}.log", theirs), name=f"bench {run.id}")
    process.start()
    theirs.close()
    return _Active(run, process, ours, datetime.now(UTC), time.perf_counter())


def _events(active: list[_Active]) -> Iterator[Event]:
    """Wait until a run says something or ends, and yield what happened; ended runs leave `active`."""
    channels = {one.connection: one for one in active} | {one.process.sentinel: one for one in active}
    ready = multiprocessing.connection.wait(list(channels))
    for one in {id(channels[channel]): channels[channel] for channel in ready}.values():  # type: ignore[index]
        has_ended = one.process.sentinel in ready
        for message in _messages(one):
            if isinstance(message, Progress):
                yield Proceeded(one.run, message)
            else:
                one.outcome = message
        if has_ended or one.outcome is not None:
            outcome = one.outcome or _without_outcome(one)
            _kill(one.process)  # whatever the run has left behind
            one.connection.close()
            active.remove(one)
            yield Ended(one.run, outcome)


def _messages(one: _Active) -> Iterator[Progress | Outcome]:
    with contextlib.suppress(EOFError, OSError):  # the process closed its end, or died in the middle of a message
        while one.connection.poll():
            yield one.connection.recv()


def _without_outcome(one: _Active) -> Outcome:
    one.process.join()
    code = one.process.exitcode or 0
    if code < 0:
        status, reason = "killed", f"the process was ended by {signal.Signals(-code).name}"
    else:
        status, reason = "failed", f"the process exited with code {code} before the run was over"
    return Outcome(status, reason, [], one.started_at, time.perf_counter() - one.start)


def _kill(process: ForkServerProcess) -> None:
    """Kill a run's process group. Its process makes the group itself, so for an instant there may be none."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
