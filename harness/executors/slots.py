"""The cores, memory and GPUs of this machine, handed out so that all runs of all sessions of a user fit.

What is taken is a locked range of a file: a core is a byte of ``cpu``, a MiB a byte of ``memory``, a GPU a byte of
``gpu``. What is to have the machine to itself locks all of ``cpu``, and ``queue`` while it waits for that: nobody takes
a core meanwhile. The system lets go of the locks of a session that dies. $BENCH_LOCKS names another folder for these
files.
"""

from __future__ import annotations

import dataclasses
import fcntl
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness import provenance
from harness.errors import DeviceError
from harness.provenance import Gpu
from harness.suite import Hardware
from harness.units import show_size

MIB = 2**20


@dataclass(frozen=True)
class Share:
    """What one process gets: cores by number, GPUs, and where in memory's file its part begins."""

    cores: tuple[int, ...]
    gpus: tuple[Gpu, ...]
    memory: int
    alone: bool = False  # nobody else has a core


class Slots:
    """Hands out shares that are large enough for one run: ``with slots: slots.take()``."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self._cores, self._gpus = provenance.cores(), provenance.gpus() if hardware.gpus else []
        self._mib = provenance.memory() // MIB
        self._taken: set[tuple[str, int]] = set()  # a process does not exclude itself by its own locks
        self._files: dict[str, io.FileIO] = {}
        self._is_alone = False  # somebody that this session has given a share

    def __enter__(self) -> None:
        """Open the locks. Raises DeviceError where they cannot be made."""
        folder = Path(os.environ.get("BENCH_LOCKS") or Path(tempfile.gettempdir(), f"bench-locks-{os.getuid()}"))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = {name: io.FileIO(folder / name, "a+") for name in ("cpu", "memory", "gpu", "queue")}
        except OSError as error:
            raise DeviceError(f"cannot lock cores and memory: {error}; set BENCH_LOCKS to another folder") from error

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()  # which lets go of every lock
        self._taken.clear()
        self._is_alone = False

    @property
    def lack(self) -> str:
        """Why this machine cannot hold even one run; empty where it can."""
        wanted, total = self._hardware, self._mib * MIB
        if wanted.cpus > len(self._cores):
            return f"a run needs {wanted.cpus} cores, and this machine has {len(self._cores)}"
        if (wanted.memory or 0) > total:
            return f"a run needs {show_size(wanted.memory or 0)} of memory, and this machine has {show_size(total)}"
        if wanted.device == "cuda" and (why := provenance.why_no_cuda()):
            return f"device 'cuda' is not available on this machine: {why}"
        if wanted.gpus > len(self._fitting_gpus):
            size = f" of {show_size(wanted.gpu_memory)}" if wanted.gpu_memory else ""
            return f"a run needs {wanted.gpus} GPUs{size}, and this machine has {len(self._fitting_gpus)}"
        return ""

    @property
    def most(self) -> int:
        """How many shares there are in all, whether or not other sessions have some."""
        wanted = self._hardware
        limits = [len(self._cores) // wanted.cpus]
        limits += [self._mib // self._size] if wanted.memory else []
        limits += [len(self._fitting_gpus) // wanted.gpus] if wanted.gpus else []
        return min(limits)

    def take(self) -> Share | None:
        """Return a share, or None where there is none now, or someone waits to have the machine to itself."""
        if self._is_alone or not self._try("queue", fcntl.LOCK_SH):
            return None
        try:
            return self._take_share()
        finally:
            self._release("queue")

    def take_alone(self) -> Share | None:
        """Return a share while nobody has any other, or None where somebody has one now.

        Once this session has given all its own back, nobody is handed a new one until this one is taken.
        """
        if self._taken or not self._try("queue", fcntl.LOCK_EX) or not self._try("cpu", fcntl.LOCK_EX):
            return None
        share = self._take_share()
        if share is None:  # a GPU or memory that is just being given back
            self._release("cpu")
            return None
        self._release("queue")
        self._is_alone = True
        return dataclasses.replace(share, alone=True)

    def _take_share(self) -> Share | None:
        wanted = self._hardware
        cores = self._take("cpu", self._cores, wanted.cpus)
        gpus = self._take("gpu", [gpu.index for gpu in self._fitting_gpus], wanted.gpus)
        sizes = range(0, self._mib - self._size + 1, self._size) if wanted.memory else []
        memory = self._take("memory", list(sizes), 1 if wanted.memory else 0, self._size)
        if cores is None or gpus is None or memory is None:
            self._give_back("cpu", cores or [])
            self._give_back("gpu", gpus or [])
            self._give_back("memory", memory or [], self._size)
            return None
        return Share(tuple(cores), tuple(gpu for gpu in self._gpus if gpu.index in gpus), memory[0] if memory else -1)

    def give_back(self, share: Share) -> None:
        """Let others have a share."""
        self._give_back("cpu", share.cores)
        self._give_back("gpu", [gpu.index for gpu in share.gpus])
        self._give_back("memory", [share.memory] if share.memory >= 0 else [], self._size)
        if share.alone:
            self._release("cpu")
            self._is_alone = False

    @property
    def _size(self) -> int:
        return -(-(self._hardware.memory or MIB) // MIB)

    @property
    def _fitting_gpus(self) -> list[Gpu]:
        return [gpu for gpu in self._gpus if gpu.memory >= (self._hardware.gpu_memory or 0)]

    def _take(self, name: str, places: list[int], count: int, length: int = 1) -> list[int] | None:
        """Lock `count` of `places` in a file; None, and nothing locked, where fewer are free."""
        taken: list[int] = []
        for place in places:
            if len(taken) == count:
                break
            if (name, place) not in self._taken and self._lock(name, place, length):
                taken.append(place)
        if len(taken) == count:
            return taken
        self._give_back(name, taken, length)
        return None

    def _lock(self, name: str, place: int, length: int) -> bool:
        if not self._try(name, fcntl.LOCK_EX, length, place):
            return False
        self._taken.add((name, place))
        return True

    def _try(self, name: str, kind: int, length: int = 0, place: int = 0) -> bool:
        """Lock a range of a file, or all of it; False where another session has any of it."""
        try:
            fcntl.lockf(self._files[name], kind | fcntl.LOCK_NB, length, place)
        except OSError:
            return False
        return True

    def _release(self, name: str) -> None:
        """Let go of all of a file."""
        fcntl.lockf(self._files[name], fcntl.LOCK_UN)

    def _give_back(self, name: str, places: list[int] | tuple[int, ...], length: int = 1) -> None:
        for place in places:
            fcntl.lockf(self._files[name], fcntl.LOCK_UN, length, place)
            self._taken.discard((name, place))
