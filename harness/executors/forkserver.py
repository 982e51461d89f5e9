"""The server that runs are forked from: it has imported what they need, and has never touched CUDA.

Like multiprocessing's own, which it replaces for what that lacks: when a run's process ends, all that it has started
is ended before anyone is told, daemons that left its session included; and when the harness dies, everything dies.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from harness import processes, worker

PRELOADED = (
    "torch",
    "torch._dynamo",  # building the first optimiser imports it: over a second, were it left to each run
    "harness.train",
    "harness.worker",
)

PATIENCE = 120.0  # seconds that a server has to import what it is to
MARK = "BENCH_SERVER"  # the variable by which a server's processes are known, wherever they have gone


@dataclass(frozen=True)
class Forked:
    """The server has forked the process that was asked for with this number."""

    number: int
    pid: int


@dataclass(frozen=True)
class Died:
    """A process has ended, and so has all that it had started. `status` is as `os.waitpid` gives it."""

    number: int
    status: int


class ForkServer:
    """The harness's end. A server that is lost, killed by somebody, takes its processes with it."""

    def __init__(self, modules: Iterable[str], environment: Mapping[str, str]) -> None:
        """Start a server that imports `modules`, those of methods and tasks, and runs in `environment`."""
        self._socket, theirs = socket.socketpair()
        self._mark = secrets.token_hex(8)
        # Found as they are found here, whatever folder the program was started in.
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from harness.executors import forkserver; forkserver.serve({theirs.fileno()}, {list(modules)!r})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=[theirs.fileno()],
            env={**environment, MARK: self._mark},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self._rest = b""
        self._count = 0
        self._asked_at: float | None = None  # for the first process
        self._has_forked = False
        self.is_lost = False

    def fileno(self) -> int:
        """Return what becomes readable when there are messages."""
        return self._socket.fileno()

    def fork(self) -> tuple[int, Connection]:
        """Ask for a process and return its number, by which messages call it, and the connection to `worker.main`."""
        self._count += 1
        self._asked_at = self._asked_at or time.monotonic()
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):  # a lost server is noticed in messages()
            socket.send_fds(self._socket, [b"%d\n" % self._count], [theirs.fileno()])
        return self._count, Connection(ours.detach())

    def messages(self) -> list[Forked | Died]:
        """Return what the server has said since the last time, waiting for it. Sets `is_lost` where it is gone."""
        try:
            new = self._socket.recv(65536)
        except OSError:
            new = b""
        self.is_lost = self.is_lost or not new
        *lines, self._rest = (self._rest + new).split(b"\n")
        parsed = [json.loads(line) for line in lines]
        self._has_forked = self._has_forked or bool(parsed)
        return [Forked(number, fact) if kind == "forked" else Died(number, fact) for kind, number, fact in parsed]

    @property
    def has_started(self) -> bool:
        """Whether it has come as far as to fork a process, and so has survived its imports."""
        return self._has_forked

    def give_up_starting(self) -> None:
        """End a server that has not answered after a time in which any should have started."""
        if self._asked_at and not self._has_forked and time.monotonic() - self._asked_at > PATIENCE:
            self._process.kill()

    def close(self) -> None:
        """End the server and, with it, all its processes."""
        self._socket.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # it was stopped, or waits for a broken disk
            self._process.kill()
            self._process.wait()
        if self._process.returncode:  # then what it was to end may be left
            processes.kill_marked(MARK, self._mark)


def serve(descriptor: int, modules: Iterable[str]) -> None:
    """Be the server: fork a process for each request, tell of its end, and end with the harness."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    wake, waken = os.pipe()
    for end in (wake, waken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waken, warn_on_full_buffer=False)
    processes.adopt_orphans()
    gc.disable()  # what imports make stays: looking through it again and again takes a quarter of their time
    for module in (*PRELOADED, *modules):
        with contextlib.suppress(Exception, SystemExit):  # fails again, with its reason, in each run that needs it
            importlib.import_module(module)
    worker.warm_up()
    gc.enable()
    gc.collect()
    gc.freeze()  # else the first collection in each process would copy every page that holds an object
    with socket.socket(fileno=descriptor) as harness:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            _Server(harness).run(wake)
        processes.kill_children()


class _Server:
    def __init__(self, harness: socket.socket) -> None:
        self._harness = harness
        self._numbers: dict[int, int] = {}  # of the processes that run, by pid

    def run(self, wake: int) -> None:
        while True:
            ends: list[Any] = [self._harness, wake]
            ready, _, _ = select.select(ends, [], [])
            if wake in ready:
                os.read(wake, 4096)
                self._reap()
            if self._harness in ready:
                text, descriptors, _, _ = socket.recv_fds(self._harness, 4096, 64)
                if not text:
                    return
                for number, connection in zip(text.split(), descriptors, strict=True):
                    self._fork(int(number), connection)

    def _fork(self, number: int, connection: int) -> None:
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(connection, server)
        os.close(connection)
        self._numbers[pid] = number
        self._say("forked", number, pid)

    def _become_worker(self, connection: int, server: int) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._harness.close()
            worker.main(Connection(connection), server)
            code = 0
        except OSError:
            pass  # the harness has closed the connection, or died
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _reap(self) -> None:
        # What a dead process leaves behind is this one's child now, and no number is known for it.
        for pid, status in processes.kill_children(but=self._numbers).items():
            if pid in self._numbers:
                self._say("died", self._numbers.pop(pid), status)

    def _say(self, *message: str | int) -> None:
        self._harness.sendall(json.dumps(message).encode() + b"\n")
