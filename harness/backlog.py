"""What of a suite is still to run, where several sessions may be at it: each run is done by one of them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness import store
from harness.checkpoint import Checkpoint
from harness.executors import EndedElsewhere
from harness.leases import Leases
from harness.ledger import Ledger
from harness.logs import log_path
from harness.plan import Run
from harness.worker import Attempt

RETRIED = ("killed", "out-of-memory")  # what may be luck; an exception of a method is none
POLL = 1.0  # seconds between two looks at the runs that other sessions hold


@dataclass
class Stop:
    """Set by whoever wants a session to end early."""

    is_requested: bool = False


class Backlog:
    """The runs that a session still has to do: the `Work` of an executor."""

    def __init__(
        self,
        runs: Iterable[Run],
        ledger: Ledger,
        leases: Leases,
        stop: Stop,
        *,
        retry: int,
        passed: Callable[[EndedElsewhere], None],
    ) -> None:
        """Args:
        ledger: what `runs` were chosen by.
        retry: how many more attempts a run gets whose process was killed or ran out of memory.
        passed: is told of each run that another session has ended.
        """
        self._runs = deque(runs)
        self._ledger, self._leases, self._stop, self._retry, self._passed = ledger, leases, stop, retry, passed
        self._first = {run.id: ledger.last(run.id).attempt + 1 for run in self._runs}
        self._mine: set[str] = set()
        self._held: list[Run] = []  # by other sessions
        self._polled_at = 0.0

    @property
    def stopping(self) -> bool:
        return self._stop.is_requested

    @property
    def waiting(self) -> int:
        return len(self._runs) + len(self._held)

    def take(self) -> Attempt | None:
        """Lease the next run; None where none is left, or the others are held by sessions that live.

        Where it is to write is absolute: a run may change its folder.
        """
        if self._held and time.monotonic() - self._polled_at > POLL:
            self._runs.extend(self._held)
            self._held.clear()
        while self._runs:
            run = self._runs.popleft()
            if run.id in self._mine or self._lease(run):
                number, folder = self._ledger.last(run.id).attempt + 1, self._ledger.folder.absolute()
                checkpoint = folder / store.CHECKPOINTS / f"{run.id}.pt"
                return Attempt(run, number, log_path(folder, run.id, number), checkpoint)
        return None

    def ended(self, attempt: Attempt, status: str) -> None:
        """Take in that an attempt of this session has ended, and is stored."""
        run = attempt.run
        self._ledger.refresh()
        if self._is_retried(run, attempt.number, status):
            self._runs.append(run)
            return
        if status not in (*RETRIED, "timed-out"):
            Checkpoint(attempt.checkpoint, 0).remove()
        self._mine.discard(run.id)
        self._leases.release(run.id)

    def _lease(self, run: Run) -> bool:
        if not self._leases.take(run.id):
            self._held.append(run)
            self._polled_at = time.monotonic()
            return False
        self._ledger.refresh()
        last = self._ledger.last(run.id)
        ended = last.attempt >= self._first[run.id]  # by another session, since this one began
        if ended and not self._is_retried(run, last.attempt, last.status):
            self._leases.release(run.id)
            self._passed(EndedElsewhere(run, last.status))
            return False
        self._mine.add(run.id)
        return True

    def _is_retried(self, run: Run, number: int, status: str) -> bool:
        return status in RETRIED and number < self._first[run.id] + self._retry
