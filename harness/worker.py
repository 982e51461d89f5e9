"""One Run inside one process: whatever happens to it becomes an Outcome, and the parent is told."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import Diverged, Skip
from harness.plan import Run
from harness.scoring import Progress, RunContext, Value, score, seeds


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a status, the reason where it is not "done", and what was measured before that."""

    status: str
    reason: str
    values: list[Value]
    started_at: datetime
    seconds: float
    data: str = ""


def main(run: Run, log: Path, connection: multiprocessing.connection.Connection) -> None:
    """Be the process of one run: send any number of Progress and one Outcome over `connection`."""
    os.setsid()  # a group of its own, so that all it starts can be ended with it, and Ctrl-C reaches only the parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    outcome = execute(run, connection.send)
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(outcome)  # the parent may end this process as soon as it has this


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def execute(run: Run, send: Callable[[Progress], None]) -> Outcome:
    """Run `run` in this process. Whatever it raises becomes the status and reason of the outcome."""
    started_at, start = datetime.now(UTC), time.perf_counter()
    values: list[Value] = []
    status, reason = "done", ""
    context = RunContext(run, seeds(run.seed), run.device, send)
    try:
        for value in score(run, context):
            values.append(value)
    except Skip as skip:
        status, reason = "skipped", str(skip)
    except Diverged as diverged:
        status, reason = "diverged", str(diverged)
    except Exception as error:
        traceback.print_exc()  # into the run's log
        status, reason = "failed", " ".join(f"{type(error).__name__}: {error}".split())
    return Outcome(status, reason, values, started_at, time.perf_counter() - start, _joined(context.digests))


def _joined(digests: Mapping[str, str]) -> str:
    return " ".join(f"{name}:{digest}" for name, digest in sorted(digests.items()))
