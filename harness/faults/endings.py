"""The ways in which a run can end: each a function that brings it about, or sets it up and returns.

They are produced, not imitated: memory is touched, signals are sent, a pointer is followed to nowhere.
"""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from harness.errors import Skip

MIB = 2**20
CEILING = 3072  # MiB: what hogs take where nobody ends them
OUTLIVES = 300  # seconds that a child lasts where nobody ends it
NOTICED = 30  # seconds within which what watches over memory sees what is taken, on a machine that is busy


def done() -> None:
    """Go on, and end well."""


def raises() -> None:
    raise ValueError("no such\nluck")


def raises_unprintably() -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("an exception that has no message")

    raise UnprintableError


def quits() -> None:
    """Raise what no `except Exception` catches."""
    sys.exit("enough")


def declines() -> None:
    raise Skip("it is not to its liking")


def exits() -> None:
    """Leave without a word."""
    os._exit(3)


def segfaults() -> None:
    ctypes.string_at(0)


def aborts() -> None:
    """End as a failed assertion of C code does."""
    os.abort()


def killed() -> None:
    """End as if by `kill -9`, or by the system for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def terminated() -> None:
    """End as if by `kill`: at the next checkpoint."""
    os.kill(os.getpid(), signal.SIGTERM)


def ended_by_a_nameless_signal() -> None:
    """End by one of the many signals for which Python has no name."""
    os.kill(os.getpid(), signal.SIGRTMIN + 5)


def hangs() -> None:
    print("from here on it hangs")
    while True:
        time.sleep(0.01)


def hangs_in_c() -> None:
    """Hold the interpreter: no other thread runs, and no handler of a signal that is written in Python."""
    print("from here on it hangs")
    collections.deque(itertools.repeat(None), maxlen=0)


def stopped() -> None:
    """Stand still, as after Ctrl-Z."""
    os.kill(os.getpid(), signal.SIGSTOP)
    hangs()


def ends_when_shown() -> None:
    """Go on, and end well, as soon as anybody asks where it hangs: just too late."""
    is_shown = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: is_shown.set())
    while not is_shown.is_set():
        time.sleep(0.001)


def eats_memory() -> None:
    """Take more and more of it, and use it."""
    held = []
    for _ in range(CEILING // 16):
        held.append(b"x" * (16 * MIB))
        time.sleep(0.005)
    time.sleep(NOTICED)
    raise RuntimeError(f"nothing keeps it from taking {CEILING} MiB")


def eats_memory_in_children() -> None:
    """Take it in processes of its own, each of which takes little."""
    program = f"import time\nheld = b'x' * {96 * MIB}\ntime.sleep({OUTLIVES})"
    for _ in range(CEILING // 96):
        subprocess.Popen([sys.executable, "-S", "-c", program])
        time.sleep(0.05)
    time.sleep(NOTICED)
    raise RuntimeError(f"nothing keeps its children from taking {CEILING} MiB")


def memory_error() -> None:
    """Ask for more memory than there is."""
    bytearray(2**60)


def allocator_error() -> None:
    """Ask torch for more memory than there is."""
    import torch

    torch.empty(2**50)


def leaves_children() -> None:
    """Go on, and end well, and leave behind a child, one in a group of its own, and a daemon."""
    sleep = [sys.executable, "-S", "-c", f"import time; time.sleep({OUTLIVES})"]
    subprocess.Popen(sleep)
    subprocess.Popen(sleep, process_group=0)
    daemonise = f"import subprocess, sys; subprocess.Popen({sleep!r}, start_new_session=True)"
    subprocess.run([sys.executable, "-S", "-c", daemonise], check=True)


def ignores_signals() -> None:
    """Hang with children, deaf to all that can be ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    leaves_children()
    hangs_in_c()


def leaves_children_and_hangs() -> None:
    leaves_children()
    hangs()


def kills_its_parent() -> None:
    """End the process that started this one, and leave behind what else it has started."""
    leaves_children()
    os.kill(os.getppid(), signal.SIGKILL)
    hangs()


def leaves_a_thread() -> None:
    """Go on, and end well, but for a thread that never ends."""
    threading.Thread(target=hangs).start()


def has_many_children() -> None:
    """Go on, and end well, after many processes have come and gone."""
    running: list[subprocess.Popen[bytes]] = []
    for _ in range(400):
        running.append(subprocess.Popen(["true"]))
        running = [process for process in running if process.poll() is None]
    for process in running:
        process.wait()


def forks() -> None:
    """Go on, and end well, after a copy of this process has failed."""
    copy = os.fork()
    if copy == 0:
        raise RuntimeError("this is the copy")
    os.waitpid(copy, 0)


def closes_descriptors() -> None:
    """Close all files, whosever they are."""
    os.closerange(3, 4096)


def changes_folder() -> None:
    os.chdir("/")


def prints_much() -> None:
    for number in range(100):
        print(f"{number:3} " + "x" * 100_000)


def prints_no_text() -> None:
    os.write(1, bytes(range(256)))


ALL: dict[str, Callable[[], None]] = {
    function.__name__.replace("_", "-"): function
    for function in list(globals().values())
    if getattr(function, "__module__", "") == __name__ and callable(function)
}
