"""How much energy a call takes, where the machine tells."""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from harness.measure.timing import Call, Clock, synchronize

POWERCAP = Path("/sys/class/powercap")
LEAST_SECONDS = 2.0  # counters move every millisecond (RAPL) to every 0.1 s (NVML)


class EnergyMeter:
    """The energy that a device takes: `begin`, and later `joules`.

    Of an NVIDIA GPU, its board's counter, by NVML (the extra ``gpu`` installs its bindings). Of the CPU, RAPL's
    counters of all packages and their memory, which Linux mostly lets only root read; whatever else runs on the machine
    is in it. `tells` is false where there is neither.
    """

    def __init__(self, device: str, powercap: Path = POWERCAP) -> None:
        self._counters = _nvml(device) if torch.device(device).type == "cuda" else _rapl(powercap)
        self.tells = bool(self._counters)
        self.begin()

    def begin(self) -> None:
        self._start = [counter.read() for counter in self._counters]

    @property
    def joules(self) -> float | None:
        """The energy since `begin`; None where the machine does not tell."""
        if not self.tells:
            return None
        now = [counter.read() for counter in self._counters]
        return sum(c.joules(a, b) for c, a, b in zip(self._counters, self._start, now, strict=True))


def joules_per_call(
    call: Call, device: str, *, powercap: Path = POWERCAP, clock: Clock = time.perf_counter
) -> float | None:
    """Return the mean energy of a call, over as many as take `LEAST_SECONDS`; None where the machine does not tell."""
    meter = EnergyMeter(device, powercap)
    if not meter.tells:
        return None
    synchronize(device)
    meter.begin()
    start, calls = clock(), 0
    while clock() - start < LEAST_SECONDS:
        call()
        synchronize(device)
        calls += 1
    joules = meter.joules
    return None if joules is None else joules / calls


class _Counter:
    """A counter that only rises, in units of `unit` joules, and begins anew after `span` of them."""

    def __init__(self, read: Callable[[], int], unit: float, span: float = math.inf) -> None:
        self.read, self._unit, self._span = read, unit, span

    def joules(self, before: int, after: int) -> float:
        return (after - before + (self._span if after < before else 0)) * self._unit


def _rapl(powercap: Path) -> list[_Counter]:
    """Return the counters of packages and memory; those of parts of a package are in the package's."""
    try:
        zones = [
            zone for zone in sorted(powercap.glob("intel-rapl:*"))
            if (name := (zone / "name").read_text().strip()).startswith("package") or name == "dram"
        ]  # fmt: skip
        counters = [_zone(zone) for zone in zones]
        for counter in counters:
            counter.read()
    except (OSError, ValueError):  # mostly for lack of permission
        return []
    return counters


def _zone(zone: Path) -> _Counter:
    largest = int((zone / "max_energy_range_uj").read_text())
    return _Counter(lambda: int((zone / "energy_uj").read_text()), 1e-6, largest)


def _nvml(device: str) -> list[_Counter]:
    try:
        nvml: Any = importlib.import_module(
            "pynvml"
        )  # by name: what is optional does not count among a run's libraries
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except nvml.NVMLError:  # before Volta, or a driver that does not let us
        return []
    return [_Counter(lambda: int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)), 1e-3)]
