"""Runs on this machine: each in a process of its own, on its own share of the cores, memory and GPUs."""

from __future__ import annotations

import contextlib
import multiprocessing.connection
import os
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from harness import processes
from harness.errors import DeviceError
from harness.executors import Ended, Event, Proceeded, Setting, Started, Waiting, Work
from harness.executors.forkserver import Died, Forked, ForkServer
from harness.executors.slots import Share, Slots
from harness.scoring import Progress
from harness.units import show_duration, show_size
from harness.worker import SHOW_STACK, Assignment, Attempt, Outcome

TICK = 0.1  # seconds between two looks at limits, and at whether something new can start
GRACE = 5.0  # seconds that a run has to save its state when the user stops
LAST_WORDS = 0.3  # seconds that a run which hangs has to write where it is

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass
class _Process:
    """A process, and what it is to do: the first of `attempts` is what it does now."""

    number: int
    connection: Connection
    pid: int = 0  # not told yet
    share: Share | None = None
    attempts: deque[Attempt] = field(default_factory=deque)
    started_at: datetime = datetime.min
    start: float = 0.0
    kills_before: int = 0
    verdict: tuple[str, str] | None = None  # status and reason, where this executor ends it
    kill_at: float | None = None
    is_silent: bool = False  # it has closed its connection

    def begin_next(self) -> None:
        self.verdict = None  # was of the attempt before, which ended in time; this one, if it is ended, begins anew
        self.started_at, self.start = datetime.now(UTC), time.monotonic()
        self.kills_before = processes.out_of_memory_kills()


class Local:
    """The executor of this machine. `execute` raises DeviceError where it can make no locks or start no process."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._preloaded = setting.modules
        self._slots = Slots(setting.hardware)
        self._active: dict[int, _Process] = {}
        self._standby: list[_Process] = []  # forked, and waiting for what to do: forking takes time
        self._returned = deque[Attempt]()  # taken, but not begun when their process ended
        self._watched_at = 0.0
        self._is_waiting = False  # for other sessions

    @property
    def lack(self) -> str:
        return self._slots.lack

    @property
    def jobs(self) -> int:
        most = self._slots.most
        return max(1, most if self._setting.jobs is None else min(most, self._setting.jobs))

    def execute(self, work: Work) -> Generator[Event, None, None]:
        with self._slots:
            self._server = self._new_server()
            try:
                while work.waiting or self._returned or self._active:
                    yield from self._fill(work)
                    if work.stopping and not self._active:
                        return
                    yield from self._wait(work)
            finally:
                self._server.close()

    def _new_server(self) -> ForkServer:
        cpus = dict.fromkeys(_THREAD_VARIABLES, str(self._setting.hardware.cpus))  # read once, when libraries load
        # Without the last one some CUDA products differ from run to run.
        environment = {**os.environ, **cpus, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        return ForkServer(self._preloaded, environment)

    # Starting

    def _fill(self, work: Work) -> list[Event]:
        """Start what can start now."""
        started: list[Event] = []
        was_waiting, self._is_waiting = self._is_waiting, False
        while not work.stopping and len(self._active) < self.jobs:
            share = self._slots.take() if not self._next_is_alone else self._slots.take_alone()
            if share is None:
                self._is_waiting = not self._active
                started += [Waiting()] if self._is_waiting and not was_waiting else []
                break
            attempts = self._take(work, share.alone)
            if not attempts:
                self._slots.give_back(share)
                if self._next_is_alone:
                    continue
                break
            process = self._standby.pop() if self._standby else _Process(*self._server.fork())
            self._assign(process, attempts, share)
            started.append(Started(process.attempts[0]))
        wanted = min(len(self._active), work.waiting)  # they may all end at once
        if work.stopping or any(process.share and process.share.alone for process in self._active.values()):
            wanted = 0
        while len(self._standby) < wanted:
            self._standby.append(_Process(*self._server.fork()))
        return started

    @property
    def _next_is_alone(self) -> bool:
        """Whether nothing starts before a run that has been taken has the machine to itself."""
        return bool(self._returned) and self._returned[0].run.alone

    def _take(self, work: Work, alone: bool) -> list[Attempt]:
        """Take what one process is to do: several short runs where the suite packs, but some for each process.

        A run that is to be alone is taken only if `alone`, and otherwise is the next one.
        """
        most = 1 if alone else min(self._setting.pack, -(-(work.waiting + len(self._returned)) // self.jobs))
        taken: list[Attempt] = []
        while len(taken) < most:
            attempt = self._returned.popleft() if self._returned else work.take()
            if attempt is None:
                break
            if attempt.run.alone and not alone:
                self._returned.appendleft(attempt)
                break
            taken.append(attempt)
        return taken

    def _assign(self, process: _Process, attempts: list[Attempt], share: Share) -> None:
        limit = self._setting.hardware.gpu_memory
        fraction = None if limit is None else min((limit / gpu.memory for gpu in share.gpus), default=None)
        gpus = tuple(gpu.uuid for gpu in share.gpus)
        process.share, process.attempts = share, deque(attempts)
        self._active[process.number] = process
        process.begin_next()
        with contextlib.suppress(OSError):  # it is dead already, which its end will tell
            process.connection.send(Assignment(tuple(attempts), self._setting.checkpoint, share.cores, gpus, fraction))

    # Waiting

    def _wait(self, work: Work) -> list[Event]:
        """Wait until something happens, for a tick at most, and return what did."""
        talking = [process for process in self._active.values() if process.attempts and not process.is_silent]
        channels: list[Any] = [self._server, *(process.connection for process in talking)]
        ready = multiprocessing.connection.wait(channels, TICK)
        events: list[Event] = []
        for process in talking:
            if process.connection in ready:
                events += self._messages(process)
        if channels[0] in ready:
            for message in self._server.messages():
                events += self._forked(message) if isinstance(message, Forked) else self._died(message)
        if self._server.is_lost:
            events += self._lose_server()
        if time.monotonic() - self._watched_at >= TICK:
            self._watched_at = time.monotonic()
            self._server.give_up_starting()
            for process in self._active.values():
                self._watch(process, work.stopping)
        return events

    def _messages(self, process: _Process) -> Iterator[Event]:
        while process.attempts and (message := self._receive(process)) is not None:
            if isinstance(message, Progress):
                yield Proceeded(process.attempts[0], message)
                continue
            yield Ended(process.attempts.popleft(), message)
            if process.attempts:
                process.begin_next()
                yield Started(process.attempts[0])

    def _receive(self, process: _Process) -> Progress | Outcome | None:
        try:
            return process.connection.recv() if process.connection.poll() else None
        except (EOFError, OSError):  # it ended, maybe in the middle of a message
            process.is_silent = True
            return None

    def _forked(self, message: Forked) -> list[Event]:
        for process in (*self._standby, *self._active.values()):
            if process.number == message.number:
                process.pid = message.pid
                process.begin_next()  # the time until here was not its own
                if process.kill_at is not None:
                    processes.kill([process.pid])
        return []

    def _died(self, message: Died) -> list[Event]:
        process = self._active.pop(message.number, None)
        if process is None:  # one on standby, which nobody has given anything to do
            self._standby = [other for other in self._standby if other.number != message.number]
            return []
        events = list(self._messages(process))
        if process.attempts and not self._is_stopped(process):
            events.append(self._ended(process, *(process.verdict or _cause(process, message.status))))
        self._let_go(process)
        return events

    def _lose_server(self) -> list[Event]:
        """End what the server has left behind, and begin with a new one."""
        lost, self._active = list(self._active.values()), {}
        self._standby.clear()
        self._server.close()
        if not self._server.has_started:
            self._suspect_modules()
        self._server = self._new_server()
        events: list[Event] = []
        for process in lost:
            events += self._messages(process)
            if process.pid and process.attempts and not self._is_stopped(process):
                events.append(self._ended(process, "killed", "the process was lost: the server it came from was ended"))
            self._let_go(process)
        return events

    def _suspect_modules(self) -> None:
        """Leave it to each run to import what it needs, for one of these modules has ended or held up the server."""
        if not self._preloaded:
            raise DeviceError("the process that runs are forked from cannot start, or is killed again and again")
        self._preloaded = ()

    def _ended(self, process: _Process, status: str, reason: str) -> Ended:
        seconds = time.monotonic() - process.start
        return Ended(process.attempts.popleft(), Outcome(status, reason, [], process.started_at, seconds))

    def _let_go(self, process: _Process) -> None:
        process.connection.close()
        self._returned += process.attempts
        if process.share is not None:
            self._slots.give_back(process.share)

    # Limits

    def _watch(self, process: _Process, stopping: bool) -> None:
        """Begin to end a process that has reached a limit, or that the user wants to stop; end it where it is time."""
        now = time.monotonic()
        if not process.pid:  # it is ended as soon as it is there
            process.kill_at = now if stopping else None
            return
        if process.kill_at is not None:
            if now >= process.kill_at:
                processes.kill(processes.tree(process.pid))
        elif stopping:
            self._end(process, signal.SIGTERM, now + GRACE)
        elif self._setting.time_limit is not None and now - process.start > self._setting.time_limit:
            process.verdict = "timed-out", f"it reached the limit of {show_duration(self._setting.time_limit)}"
            self._end(process, SHOW_STACK, now + LAST_WORDS)
        elif (limit := self._setting.hardware.memory) is not None:
            taken = processes.resident(processes.tree(process.pid), limit)
            if taken > limit:
                process.verdict = "out-of-memory", f"it took {show_size(taken)}, and may take {show_size(limit)}"
                processes.kill(processes.tree(process.pid))
                process.kill_at = now

    def _end(self, process: _Process, with_signal: signal.Signals, kill_at: float) -> None:
        process.kill_at = kill_at
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, with_signal)

    def _is_stopped(self, process: _Process) -> bool:
        """Tell whether the user stopped it: then it has not ended, and goes on another time."""
        return process.kill_at is not None and process.verdict is None


def _cause(process: _Process, status: int) -> tuple[str, str]:
    """Return the status and reason of a run whose process ended without an outcome."""
    if not os.WIFSIGNALED(status):
        return "failed", f"the process exited with code {os.WEXITSTATUS(status)} before the run was over"
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL and processes.out_of_memory_kills() > process.kills_before:
        return "out-of-memory", "the system ended the process because there was no memory left"
    return "killed", f"the process was ended by {_name(number)}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have none
        return f"signal {number}"
