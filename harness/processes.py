"""What Linux offers to keep runs in hand: nothing that a run starts outlives it, and nothing outlives the harness.

On other systems the calls that have no counterpart do nothing; there a process that leaves its group can escape.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

_SET_PARENT_DEATH_SIGNAL, _SET_CHILD_SUBREAPER = 1, 36  # of prctl(2)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, daemons that left the session included."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Have the system kill this process when `parent`, which forked it, dies."""
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def children(pid: int) -> list[int]:
    """Return the children of a process, the dead ones that nobody has waited for included."""
    try:
        lists = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:  # it has just ended, or the system has no such files
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    return [int(child) for text in lists for child in text.split()]


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found, todo = list[int](), [pid]
    while todo:
        found.append(todo.pop())
        todo += children(found[-1])
    return found


def resident(pids: Iterable[int], enough: int) -> int:
    """Return how many bytes of memory processes occupy together; pages that several share count once.

    Counting shared pages once is slow, and left out where even the plain sum is not more than `enough`.
    """
    pids = list(pids)
    total = sum(_memory(pid, "rss") for pid in pids)
    return total if total <= enough else sum(_memory(pid, "pss") for pid in pids)


def _memory(pid: int, kind: str) -> int:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        plain = int(process.memory_info().rss)
        if kind == "rss":
            return plain
        with contextlib.suppress(psutil.AccessDenied):  # it keeps others from looking inside
            whole = process.memory_full_info()
            return int(getattr(whole, kind, whole.uss))
        return plain
    return 0  # it has just ended


def kill(pids: Iterable[int]) -> None:
    """Kill processes; those that are gone already do no harm."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if pid > 0:  # others mean groups, such as our own
                os.kill(pid, signal.SIGKILL)


def kill_children(but: Iterable[int] = (), within: float = 1.0) -> dict[int, int]:
    """Kill and reap the children of this process, and what they leave behind; return each one's wait status.

    Those in `but` are spared, and reaped only where they have died. A process that the system cannot end within
    `within` seconds, such as one that waits for a broken disk, is left to it.
    """
    spared, reaped, end = set(but), dict[int, int](), time.monotonic() + within
    while True:
        reaped |= _reap()
        strays = [pid for pid in children(os.getpid()) if pid not in spared]
        if not strays or time.monotonic() > end:
            return reaped
        kill(strays)
        time.sleep(0.001)


def _reap() -> dict[int, int]:
    reaped = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            reaped[found[0]] = found[1]
            if sys.platform != "linux":  # there its descendants are ours now
                with contextlib.suppress(OSError):
                    os.killpg(found[0], signal.SIGKILL)
    return reaped


def kill_marked(name: str, value: str, within: float = 1.0) -> None:
    """Kill all processes that have inherited this value of an environment variable, and those that they still start."""
    end = time.monotonic() + within
    while (found := _marked(name, value)) and time.monotonic() < end:
        kill(found)
        time.sleep(0.001)


def _marked(name: str, value: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has just ended, or is another user's
            found += [process.pid] if process.environ().get(name) == value else []
    return found


def out_of_memory_kills() -> int:
    """Return how many processes this system has killed for want of memory, as far as it tells."""
    counts = [_field(Path("/proc/vmstat"), "oom_kill"), *(_field(path, "oom_kill") for path in _memory_events())]
    return sum(counts)


def _memory_events() -> list[Path]:
    """Return the event files of the control group that this process is in."""
    try:
        groups = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return []
    return [
        Path(f"/sys/fs/cgroup{path}/memory.events")
        if number == "0"
        else Path(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
        for number, controllers, path in groups
        if number == "0" or "memory" in controllers.split(",")
    ]


def _field(path: Path, name: str) -> int:
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(line[1]) for line in lines if line[:1] == [name]), 0)
