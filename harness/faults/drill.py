"""A training of some milliseconds, in the middle of which the method meets its end."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from harness.faults import endings
from harness.measure import PeakMemory
from harness.spec import Build, Context, Outputs
from harness.train import Recipe, splits, supervised


def points(*, count: int = 64) -> dict[str, np.ndarray[Any, Any]]:
    """Return noisy points of a line in the plane, as inputs (count, 1) and targets (count, 1) of three splits."""
    generator = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        inputs = generator.normal(size=(count, 1)).astype(np.float32)
        arrays[f"{split}_inputs"] = inputs
        arrays[f"{split}_targets"] = 2 * inputs + generator.normal(size=(count, 1), scale=0.1).astype(np.float32)
    return arrays


def fault(
    *,
    width: int,
    ending: Literal[
        "done",
        "raises",
        "raises-unprintably",
        "quits",
        "declines",
        "diverges",
        "exits",
        "segfaults",
        "aborts",
        "killed",
        "terminated",
        "ended-by-a-nameless-signal",
        "kills-its-parent",
        "hangs",
        "hangs-in-c",
        "ignores-signals",
        "stopped",
        "ends-when-shown",
        "eats-memory",
        "eats-memory-in-children",
        "memory-error",
        "allocator-error",
        "leaves-children",
        "leaves-children-and-hangs",
        "leaves-a-thread",
        "has-many-children",
        "forks",
        "closes-descriptors",
        "changes-folder",
        "prints-much",
        "prints-no-text",
    ] = "done",
    at: int = 3,
    once: str = "",
) -> Fault:
    """Args:
    ending: how the run ends, see `harness.faults.endings`.
    at: the training step of an attempt in which it does.
    once: a file that is made right before, and in whose presence the run ends well.
    """
    return Fault(width, ending, at, once)


class Fault(nn.Module):
    """A linear layer that in training prints a line for each step, and meets its end in one of them."""

    def __init__(self, width: int, ending: str, at: int, once: str) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self._ending, self._at, self._once = ending, at, once
        self._steps = 0

    def forward(self, x: Tensor) -> Tensor:
        factor = self._advance() if self.training else 1.0
        return factor * self.linear(x)  # type: ignore[no-any-return]

    def _advance(self) -> float:
        self._steps += 1
        print(f"step {self._steps} of this attempt")
        if self._steps != self._at or not self._is_first():
            return 1.0
        if self._ending == "diverges":
            return math.nan
        endings.ALL[self._ending]()
        return 1.0

    def _is_first(self) -> bool:
        with contextlib.suppress(FileExistsError):
            if self._once:
                Path(self._once).touch(exist_ok=False)
            return True
        return False


@dataclass(frozen=True)
class FaultDrill:
    """Fit a line by a layer, the method, dropout and another layer. Each step takes `pause` seconds, for spectators."""

    steps: int = 8
    pause: float = 0.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = splits(context.data("fault-points"))
        torch.manual_seed(context.seeds.init)
        model = nn.Sequential(nn.Linear(1, 8), build(width=8), _Pause(self.pause), nn.Dropout(0.2), nn.Linear(8, 1))
        recipe = Recipe(steps=self.steps, batch_size=16, lr=0.01)
        yield from supervised(model, data, nn.functional.mse_loss, recipe, context, memory)


class _Pause(nn.Module):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            time.sleep(self._seconds)
        return x
