"""A third party's executor in one file: one process at a time, which makes attempts until it dies, and then another."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Generator
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from harness import Executor, hookimpl, processes
from harness.executors import Ended, Event, Proceeded, Setting, Started, Work
from harness.scoring import Progress
from harness.worker import Assignment, Attempt, Outcome

TICK = 0.05


@hookimpl
def bench_executors():
    yield Executor("serial", "bench_serial:Serial", summary="one process at a time")


class Serial:
    jobs = 1
    lack = ""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def execute(self, work: Work) -> Generator[Event, None, None]:
        processes.adopt_orphans()
        while work.waiting and not work.stopping:
            attempts = deque[Attempt]()
            while attempt := work.take():
                attempts.append(attempt)
            while attempts and not work.stopping:
                yield from self._make(attempts, work)
            time.sleep(0 if work.waiting == 0 else TICK)  # others may be at what is left

    def _make(self, attempts: deque[Attempt], work: Work) -> Generator[Event, None, None]:
        """Make attempts, and take away those that have ended, until the process that makes them dies."""
        connection, process = self._start(tuple(attempts))
        try:
            yield Started(attempts[0])
            start, begun_at = time.monotonic(), datetime.now(UTC)
            is_over = False
            while attempts and not is_over and not work.stopping:
                is_over = process.poll() is not None  # before it is listened to: its last words may be still to come
                for message in _messages(connection):
                    if isinstance(message, Progress):
                        yield Proceeded(attempts[0], message)
                        continue
                    yield Ended(attempts.popleft(), message)
                    start, begun_at = time.monotonic(), datetime.now(UTC)
                    if attempts:
                        yield Started(attempts[0])
            if work.stopping:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                return
        finally:
            status = _end(process)
            connection.close()
        if attempts:
            seconds = time.monotonic() - start
            yield Ended(attempts.popleft(), Outcome(*_cause(status), [], begun_at, seconds))

    def _start(self, attempts: tuple[Attempt, ...]) -> tuple[Connection, subprocess.Popen]:
        ours, theirs = socket.socketpair()
        program = (
            f"import gc, os, sys; sys.path[:] = {sys.path!r}\nfrom multiprocessing.connection import Connection\n"
            "gc.disable()\nimport torch._dynamo\nfrom harness.worker import main\ngc.enable()\n"  # the quicker so
            f"try:\n    main(Connection({theirs.fileno()}), {os.getpid()})\n"
            "finally:\n    os._exit(1)  # without waiting for threads that runs have left"
        )
        with theirs:
            process = subprocess.Popen([sys.executable, "-c", program], pass_fds=[theirs.fileno()])
        connection = Connection(ours.detach())
        hardware = self._setting.hardware
        cores = tuple(sorted(os.sched_getaffinity(0)))[: hardware.cpus]
        connection.send(Assignment(attempts, self._setting.checkpoint, cores, (), None))
        return connection, process


def _messages(connection: Connection):
    try:
        while connection.poll(TICK):
            yield connection.recv()
    except (EOFError, OSError):  # it has closed its connection, and may go on
        time.sleep(TICK)


def _end(process: subprocess.Popen) -> int:
    """End a process and all that it has left; return how it ended."""
    process.kill()
    status = process.wait()
    processes.kill_children()
    return status


def _cause(status: int) -> tuple[str, str]:
    if status < 0:
        return "killed", f"signal {-status} ended it"
    return "failed", f"it exited with code {status}"
