"""What a solver is given to spend, and what it has spent."""

import math
import time

import numpy as np
import torch
from torch import nn

from bench_pde.problems.problem import Budget
from harness import Context, Diverged
from harness.measure import PeakMemory, parameter_count


class Spending:
    """A budget that is watched. Raises ValueError where the device is not the CPU, where all solvers are."""

    def __init__(self, context: Context, steps: int, points: int, face_points: int) -> None:
        if context.device != "cpu":
            raise ValueError(f"solvers work on the CPU only: set `hardware: {{device: cpu}}`, not {context.device}")
        self._context, self._steps = context, steps
        self._memory = PeakMemory(context.device)
        self._clock = [time.perf_counter()]
        generator = torch.Generator().manual_seed(context.seeds.order)
        self.budget = Budget(steps, points, face_points, generator, self._report)

    def costs(self, solution: nn.Module) -> dict[str, float]:
        """Return `parameters`, `seconds_per_step` (the median) and, where the system tells it, `peak_memory`."""
        costs = {"parameters": parameter_count(solution), "seconds_per_step": float(np.median(np.diff(self._clock)))}
        if (peak := self._memory.mib) is not None:
            costs["peak_memory"] = peak
        return costs

    def _report(self, step: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {step}")
        self._clock.append(time.perf_counter())
        self._context.report(step, self._steps, loss=loss)
