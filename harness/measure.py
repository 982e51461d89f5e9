"""Time, memory and size, measured honestly: the device synchronised, warm-up apart, absent rather than zero."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch
from torch import nn

MIB = 2**20
WARM_UP_STEPS = 3  # the first steps allocate buffers and choose algorithms


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable real numbers in a model; a complex one counts as two."""
    return sum(p.numel() * (2 if p.is_complex() else 1) for p in model.parameters() if p.requires_grad)


class StepTimer:
    """Time the steps of a loop: ``with timer: step()``. Work between two steps is not counted.

    `state` and `load` carry the times over to another process, which has a warm-up of its own.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._warm_up: list[float] = []
        self._seconds: list[float] = []
        self._warm_up_left = WARM_UP_STEPS

    def __enter__(self) -> None:
        self._synchronize()
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._synchronize()
        (self._warm_up if self._warm_up_left else self._seconds).append(time.perf_counter() - self._start)
        self._warm_up_left = max(0, self._warm_up_left - 1)

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    @property
    def seconds_per_step(self) -> float:
        """The median over the steps after warm-up, in seconds."""
        return statistics.median(self._seconds or self._warm_up)

    def state(self) -> dict[str, list[float]]:
        return {"warm_up": self._warm_up, "seconds": self._seconds}

    def load(self, state: dict[str, list[float]]) -> None:
        self._warm_up, self._seconds = state["warm_up"], state["seconds"]


class PeakMemory:
    """Measure how much memory a run takes beyond what its process held when this object was made.

    On a GPU the peak of what torch allocated there. Elsewhere the peak of the process's own resident memory: the run's
    data, model, activations, gradients and optimiser state, but not the code of the libraries it executes.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._earlier = 0.0
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
