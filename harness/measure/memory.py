"""How much memory a run takes, of its process or of the GPU."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path

import torch

MIB = 2**20


class PeakMemory:
    """Measure how much memory a run takes beyond what its process held when this object was made.

    On a GPU the peak of what torch allocated there. Elsewhere the peak of the process's own resident memory: the run's
    data, model, activations, gradients and optimiser state, but not the code of the libraries it executes.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._earlier = 0.0
        _give_back()
        self._before = _status("RssAnon")
        self._begin()

    def resume(self, earlier: float | None) -> None:
        """Go on from the peak of an earlier attempt, in place of what it took to come to where that one stood."""
        self._earlier = earlier or 0.0
        self._begin()

    def _begin(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            _reset_peak()

    @property
    def mib(self) -> float | None:
        """The peak so far in MiB; None where the system does not tell."""
        peak = self._peak()
        return None if peak is None else max(peak, self._earlier)

    def _peak(self) -> float | None:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / MIB
        peak, files = _status("VmHWM"), _status("RssFile")
        if peak is None or files is None or self._before is None:
            return None
        # The system keeps the peak of the sum only. Pages of library files come as they are first executed, and stay.
        return max(0, peak - files - self._before) / 1024


def _give_back() -> None:
    """Have the C library return what was freed to the system, or what is taken next would hide in it."""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def _status(field: str) -> int | None:
    """Return a field of Linux's account of this process in KiB; None on other systems."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(field + ":")), None)


def _reset_peak() -> None:
    """Ask Linux to begin the peak anew; a forked process inherits that of its parent."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # not permitted: the inherited peak is that of the warm server, which loads libraries only
