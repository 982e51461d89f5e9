"""The inside of a run's process: whatever happens to it becomes an Outcome, and the parent is told."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import operator
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from harness import artefacts, preparing, processes
from harness.checkpoint import Checkpoint
from harness.errors import Diverged, Skip, Stopped
from harness.plan import Run
from harness.scoring import Progress, RunContext, Value, score, seeds

SHOW_STACK = signal.SIGUSR1  # has a process write where it is into its log, for the reader of a run that hung


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a status, the reason where it is not "done", and what was measured before that.

    done           it scored all its metrics
    failed         it raised an exception, or its process exited
    killed         a signal ended its process, or the process was lost
    timed-out      it reached the limit of its time
    out-of-memory  it reached the limit of its memory, or there was no more to be had
    diverged       its loss or a metric of it was no longer finite
    skipped        it was not to be run: the pairing makes no sense, or the hardware is not there
    """

    status: str
    reason: str
    values: list[Value]
    started_at: datetime
    seconds: float
    data: str = ""


@dataclass(frozen=True)
class Attempt:
    """One try at a run: `number` counts from 1. What it prints goes to `log`, what it saves to `checkpoint`."""

    run: Run
    number: int
    log: Path
    checkpoint: Path

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.log.parent.parent


@dataclass
class _Context(RunContext):
    """The context of a run with a results folder, in which it can leave arrays: these shape none of its numbers."""

    folder: Path | None = None

    def keep(self, name: str, **arrays: Any) -> None:
        if self.folder is not None:
            artefacts.write(artefacts.path_of(self.folder, self.run.id, name), name, arrays)


@dataclass(frozen=True)
class Assignment:
    """What a process is to do, one after the other, and on what."""

    attempts: tuple[Attempt, ...]
    checkpoint: float  # seconds between two
    cores: tuple[int, ...]
    gpus: tuple[str, ...]  # UUIDs
    gpu_memory: float | None  # the share of each GPU's memory that torch may allocate


def main(connection: Connection, parent: int) -> None:
    """Be a process for runs: wait for an Assignment, and for each of its attempts send Progress and one Outcome."""
    os.setsid()  # out of the terminal's reach: Ctrl-C is the parent's to handle
    processes.die_with(parent)
    processes.adopt_orphans()
    warm_up()  # while it stands by: what is written to for the first time after a fork, the system copies
    try:
        assignment: Assignment = connection.recv()
    except EOFError:  # there was nothing more to do
        return
    _settle(assignment)
    process = os.getpid()
    for attempt in assignment.attempts:
        outcome = _make(attempt, assignment.checkpoint, connection.send)
        if os.getpid() != process:  # a copy that the run has forked, and that came back here as if it were the run
            os._exit(1)
        connection.send(outcome)


def warm_up() -> None:
    """Do what is slow the first time: in a server for all its processes, and in each, whose memory is a copy, again."""
    import random

    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)


def _settle(assignment: Assignment) -> None:
    """Keep this process, and all it starts, to its share of the machine."""
    faulthandler.enable()
    faulthandler.register(SHOW_STACK)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, assignment.cores)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(assignment.gpus)
    if assignment.gpus and assignment.gpu_memory is not None:
        import torch

        for device in range(len(assignment.gpus)):
            torch.cuda.set_per_process_memory_fraction(assignment.gpu_memory, device)


def _make(attempt: Attempt, seconds: float, send: Callable[[Progress], None]) -> Outcome:
    started_at = datetime.now(UTC)
    try:
        attempt.log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(attempt.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        return Outcome("failed", f"its log cannot be written: {error}", [], started_at, 0.0)
    for output in (1, 2):
        os.dup2(descriptor, output)
    os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):  # the last lines before a sudden end are those that tell
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    saved = Checkpoint(attempt.checkpoint, seconds)
    signal.signal(signal.SIGTERM, lambda *_: _stop(saved))
    try:
        return execute(attempt.run, send, saved, attempt.folder)
    except Stopped:
        _terminate()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # no more room for the log
                stream.flush()


def _stop(saved: Checkpoint) -> None:
    """End this process: at its next checkpoint, or at once where it makes none."""
    saved.stop = True
    if not saved.used:
        _terminate()


def _terminate() -> NoReturn:
    """End as a process does that does not handle SIGTERM: it may come from others than the user who stops."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)
    os._exit(1)


def execute(
    run: Run, send: Callable[[Progress], None], saved: Checkpoint | None = None, folder: Path | None = None
) -> Outcome:
    """Run `run` in this process, from what an earlier attempt has left in `saved` on.

    What it keeps goes into the results folder, or nowhere without one. Whatever the run raises becomes the status and
    reason of the outcome, but for Stopped.
    """
    started_at, start = datetime.now(UTC), time.perf_counter()
    status, reason = "done", ""
    context = _Context(run, seeds(run.seed), run.device, send, saved=saved, folder=folder)
    try:
        with preparing.heard_by(lambda done, total: send(Progress(done, total, {"prepared": done}))):
            score(run, context)
    except Skip as skip:
        status, reason = "skipped", str(skip)
    except Diverged as diverged:
        status, reason = "diverged", str(diverged)
    except Exception as error:
        traceback.print_exc()  # into the run's log
        said = _said(error)
        status = "out-of-memory" if _is_lack_of_memory(error, said) else "failed"
        reason = f"{type(error).__name__}: {said}"
    values = [plain for value in context.values if (plain := _plain(value)) is not None]
    if len(values) < len(context.values):
        status, reason = "failed", "TypeError: the step of its outputs is not always a whole number"
    seconds = time.perf_counter() - start
    return Outcome(status, _in_one_line(reason), values, started_at, seconds, _joined(context.digests))


def _plain(value: Value) -> Value | None:
    """Return a value with its step as Python's own number, or None where it is none that a file of results holds."""
    try:
        step = int(operator.index(value.step))
    except TypeError:
        return None
    return dataclasses.replace(value, step=step) if abs(step) < 2**63 else None


def _said(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # it is of a plugin, and as broken as what it is about may be
        return "without a message, for making it failed"


def _is_lack_of_memory(error: Exception, said: str) -> bool:
    # torch says so by a class of its own on a GPU, and only in words on a CPU.
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "DefaultCPUAllocator: can't allocate" in said


def _in_one_line(text: str) -> str:
    """Return a message that any screen and file takes: a file name in it may hold what is no character."""
    return " ".join(text.encode(errors="backslashreplace").decode().split())


def _joined(digests: Mapping[str, str]) -> str:
    return " ".join(f"{name}:{digest}" for name, digest in sorted(digests.items()))
