"""Where runs go. An executor takes attempts at runs and yields events as they start, proceed and end.

A plugin contributes one with the hook `bench_executors`; `harness.testing.executor_cases` puts it to the test.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.plan import Run
from harness.scoring import Progress
from harness.suite import Hardware
from harness.worker import Attempt, Outcome


@dataclass(frozen=True)
class Started:
    attempt: Attempt


@dataclass(frozen=True)
class Proceeded:
    attempt: Attempt
    progress: Progress


@dataclass(frozen=True)
class Ended:
    attempt: Attempt
    outcome: Outcome


@dataclass(frozen=True)
class EndedElsewhere:
    """Another session that shares the results folder has ended a run for which this one was waiting too."""

    run: Run
    status: str


@dataclass(frozen=True)
class Waiting:
    """Nothing of this session runs, for other sessions have what it takes of the machine."""


Event = Started | Proceeded | Ended | EndedElsewhere | Waiting


@dataclass(frozen=True)
class Setting:
    """What holds for all runs of a job."""

    hardware: Hardware  # what each gets and may not exceed; its device is "cpu" or "cuda"
    time_limit: float | None  # seconds
    jobs: int | None  # at most so many at a time
    pack: int  # so many share a process, one after the other
    checkpoint: float  # seconds between two checkpoints of a run
    folder: Path  # of the results, on a disk that all machines see
    modules: tuple[str, ...]  # that the runs import


class Work(Protocol):
    """The attempts that an executor is to make."""

    @property
    def stopping(self) -> bool:
        """Whether to take nothing more, let what runs save its state, and return: the user wants to stop."""
        ...

    @property
    def waiting(self) -> int:
        """How many attempts there may still be to take, now or later."""
        ...

    def take(self) -> Attempt | None:
        """Return the next attempt, which is then this session's to make; None where there is none at the moment."""
        ...


class Executor(Protocol):
    """The shape of an executor's target, which is called with a `Setting`. Raises BenchError where it cannot work."""

    @property
    def lack(self) -> str:
        """Why no run can get its hardware here; empty where it can. Such runs are skipped with this reason."""
        ...

    @property
    def jobs(self) -> int:
        """How many runs go at a time."""
        ...

    def execute(self, work: Work) -> Generator[Event, None, None]:
        """Make all attempts: for each yield Started, any number of Proceeded, and one Ended, however its process ends.

        Waiting comes once, whenever nothing runs any more because other sessions have what it takes.

        Returns when nothing is waiting. Where the caller stops early, by an exception or by closing the iterator, and
        where `work.stopping` turns true, no process is left behind; what had not ended then gets no Ended.
        """
        ...
