"""Every installed method of every family that declares how a member is exercised (`Family.exercise`), at its defaults.

On one thread of the CPU, at the small size that the family has chosen. A method that is installed later, by whomever,
is measured from then on; a commit at which it is not there is a gap in its history.
"""

import gc
import importlib
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch  # here, and not in each benchmark's own process: they are forked from one that has it

try:
    from harness.catalog import load_catalog

    METHODS = {name: m for name, m in load_catalog().methods.items() if getattr(m.family, "exercise", None)}
except ImportError:  # before there were catalogs
    METHODS = {}


def resolved(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def exercised(name: str) -> Mapping[str, Callable[[], object]]:
    """Return the calls "training" and "inference" of a method, built by its family."""
    from harness import scoring

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as in a run
    method, seeds = METHODS[name], scoring.seeds(0)
    torch.manual_seed(seeds.method)
    context = SimpleNamespace(device="cpu", seeds=seeds)
    calls: Mapping[str, Callable[[], object]] = resolved(method.family.exercise)(resolved(method.target), context)
    return calls


class Speed:
    version = "1"
    params = (sorted(METHODS),)
    param_names = ("method",)
    timeout = 120
    repeat = (4, 10, 0.5)
    warmup_time = 0.1

    def setup(self, method: str) -> None:
        self.calls = exercised(method)

    def time_training_step(self, method: str) -> None:
        self.calls["training"]()

    def time_inference(self, method: str) -> None:
        self.calls["inference"]()


def peak_memory(name: str) -> float | None:
    """Return the peak in MiB while a method is built and each call made, beyond what the process held before."""
    from harness.measure import PeakMemory

    gc.collect()  # what an earlier call has left in circles would count as held before
    memory = PeakMemory("cpu")
    for call in exercised(name).values():
        call()
    return memory.mib


class Memory:
    version = "2"
    params = (sorted(METHODS),)
    param_names = ("method",)
    timeout = 120
    unit = "MiB"

    def track_peak_memory(self, method: str) -> float:
        peak_memory(method)  # what libraries allocate once in a process is none of the method's
        peak = peak_memory(method)
        if peak is None:
            raise NotImplementedError("this system does not tell")
        return peak
