"""What shapes the numbers of a run: seeds, determinism, how the method is built and the metrics are computed.

The code of this file counts in the id of every run; the process around it is in `harness.worker`.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np

from harness import data
from harness.checkpoint import Checkpoint
from harness.errors import DataError, Diverged, Stopped
from harness.plan import Run
from harness.spec import JSON, Build, Outputs, Seeds


@dataclass(frozen=True)
class Progress:
    """How far a run is, with the latest numbers worth showing."""

    step: int
    steps: int
    latest: Mapping[str, float]


@dataclass(frozen=True)
class Value:
    """One measured value of a run."""

    split: str
    step: int
    metric: str
    value: float


@dataclass
class RunContext:
    """The `harness.spec.Context` of a run, and what of the run has to outlast its process."""

    run: Run
    seeds: Seeds
    device: str
    send: Callable[[Progress], None]
    saved: Checkpoint | None = None
    values: list[Value] = field(default_factory=list)  # scored so far
    builds: int = 0  # of the method, so far
    digests: dict[str, str] = field(default_factory=dict)
    latest: dict[str, float] = field(default_factory=dict)
    reported_at: float = 0.0

    @property
    def reference(self) -> Build:
        if not self.run.reference_target:
            raise LookupError(f"task '{self.run.task}' asks for a reference, and does not declare one")
        described: Any = self.run.task_params["reference"]
        return _builder(self.run.reference_target, described["params"], self)

    def data(self, name: str, **params: JSON) -> Mapping[str, Any]:
        if name not in self.run.datasets:
            raise DataError(f"task '{self.run.task}' asks for the data set '{name}', which it does not declare")
        prepared = data.load(name, self.run.datasets[name], params)
        self.digests[name] = prepared.digest
        return prepared.arrays

    def report(self, step: int, steps: int, **latest: float) -> None:
        self.latest.update(latest)
        now = time.monotonic()
        if step == steps or now - self.reported_at > 0.2:  # a screen needs no more, and a step may take a millisecond
            self.reported_at = now
            self.send(Progress(step, steps, dict(self.latest)))

    def resume(self) -> Any | None:
        record = None if self.saved is None else self.saved.load()
        if record is None:
            return None
        if not self._owns(record):
            print("bench: the run begins anew, for its checkpoint is that of another run or data", file=sys.stderr)
            return None
        self.values = []
        for value in record["values"]:
            self.add(Value(*value))
        self.digests = record["digests"] | self.digests
        self.builds = record["builds"]
        set_random_streams(record["random"])
        return record["state"]

    def checkpoint(self, state: Callable[[], Any]) -> None:
        if self.saved is None:
            return
        self.saved.used, stop = True, self.saved.stop  # which a signal may set at any time: a stop follows a save
        if self.saved.due():
            values = [astuple(value) for value in self.values]
            record = {"run": self.run.id, "values": values, "digests": self.digests, "builds": self.builds}
            self.saved.save(record | {"random": random_streams(), "state": state()})
        if stop:
            raise Stopped

    def add(self, value: Value) -> None:
        """Take in a value that was scored."""
        self.values.append(value)
        if value.split == "val" and value.metric == next(iter(self.run.metrics)):
            self.latest[f"val {value.metric}"] = value.value

    def _owns(self, record: Any) -> bool:
        """Tell whether a checkpoint's record is of this run, and of the data that the task has read by now."""
        if not isinstance(record, dict) or record.get("run") != self.run.id:
            return False
        return all(self.digests.get(name, digest) == digest for name, digest in record["digests"].items())


def seeds(seed: int) -> Seeds:
    """Return the four streams of a run's seed."""
    names = ("data", "init", "order", "method")
    return Seeds(*(int.from_bytes(hashlib.sha256(f"{name} {seed}".encode()).digest()[:8]) >> 1 for name in names))


def _seed(stream: int) -> None:
    """Seed every global generator that a method or task may draw from."""
    import torch

    random.seed(stream)
    np.random.seed(stream % 2**32)
    torch.manual_seed(stream)


def random_streams() -> dict[str, Any]:
    """Return where every global generator stands, as plain data and tensors."""
    import torch

    numpy: Any = np.random.get_state()
    touched = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return {
        "python": random.getstate(),
        "numpy": (numpy[0], numpy[1].tolist(), *numpy[2:]),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if touched else [],
    }


def set_random_streams(streams: Mapping[str, Any]) -> None:
    """Put every global generator back to where it stood when `random_streams` returned `streams`."""
    import torch

    random.setstate(streams["python"])
    np.random.set_state(streams["numpy"])
    torch.set_rng_state(streams["torch"])
    if streams["cuda"]:
        torch.cuda.set_rng_state_all(streams["cuda"])


def _prepare_torch(run: Run) -> None:
    import torch

    torch.set_num_threads(run.cpus)
    torch.set_flush_denormal(True)  # kept, they slow LSSL down: benchmarks/denormals.py
    torch.use_deterministic_algorithms(True, warn_only=run.device != "cpu")  # a few CUDA kernels have no such form
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined] # a debugging aid that costs time


def _resolve(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _builder(target: str, params: Mapping[str, JSON], context: RunContext) -> Build:
    """Return a method with its parameters bound.

    Each call draws from the method's own random stream and leaves the surrounding one as it was, so that what
    surrounds the method begins alike for every method.
    """
    run, method = context.run, _resolve(target)

    def build(**given: Any) -> Any:
        import torch

        unknown = set(given) - run.given
        if unknown:
            raise TypeError(f"task '{run.task}' gives '{min(unknown)}', which the family '{run.family}' does not know")
        stream, context.builds = context.seeds.method + context.builds, context.builds + 1
        around = random.getstate(), np.random.get_state()
        try:
            with torch.random.fork_rng(devices=[] if run.device == "cpu" else [torch.cuda.current_device()]):
                _seed(stream % 2**63)
                return method(**given, **params)
        finally:
            random.setstate(around[0])
            np.random.set_state(around[1])

    return build


def score(run: Run, context: RunContext) -> None:
    """Run the task; `context.values` gets a value for each metric on each outputs that hold what the metric needs."""
    _prepare_torch(run)
    _seed(context.seeds.init)
    metrics = {name: _resolve(target) for name, target in run.metrics.items()}
    needs = {name: _required(metric) for name, metric in metrics.items()}
    params = {**run.task_params, **run.recipe}
    if run.reference_target:
        del params["reference"]  # which the context has
    task = _resolve(run.task_target)(**params)
    for outputs in task.run(_builder(run.method_target, run.method_params, context), context):
        for name in (name for name in metrics if needs[name] <= outputs.values.keys()):
            if outputs.split.startswith("test") and _is_scored(context, outputs.split, name):
                raise RuntimeError(f"the task scores '{name}' on '{outputs.split}' twice; test data is scored once")
            context.add(_value(name, metrics[name], outputs))
    for name in metrics.keys() - run.costs:  # a system may not tell a cost
        if not any(name == value.metric for value in context.values):
            raise RuntimeError(
                f"metric '{name}' needs {', '.join(sorted(needs[name]))}, which the task never yields together"
            )


def _is_scored(context: RunContext, split: str, metric: str) -> bool:
    return any((value.split, value.metric) == (split, metric) for value in context.values)


def _required(metric: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(metric).parameters.values()
    return {parameter.name for parameter in parameters if parameter.default is parameter.empty}


def _value(name: str, metric: Callable[..., Any], outputs: Outputs) -> Value:
    wanted = inspect.signature(metric).parameters.keys() & outputs.values.keys()
    number = float(metric(**{key: outputs.values[key] for key in wanted}))
    if not math.isfinite(number):
        raise Diverged(f"{name} on {outputs.split} is {number} at step {outputs.step}")
    return Value(outputs.split, outputs.step, name, number)
