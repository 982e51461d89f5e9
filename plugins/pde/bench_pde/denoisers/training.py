"""The training of denoisers: clean samples, noise drawn anew, a loss that changes on the way."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench_pde.denoisers.losses import Stage, loss
from harness import Context, Diverged
from harness.measure import PeakMemory, StepTimer, parameter_count

Draw = Callable[[int, torch.Generator], Tensor]


class Training:
    """Adam on batches of clean samples, each with noise of standard deviation `noise`, stage by stage."""

    def __init__(
        self, model: nn.Module, draw: Draw, noise: float, stages: list[Stage], batch_size: int, lr: float
    ) -> None:
        self.model, self._draw, self._noise, self._stages = model, draw, noise, stages
        self._batch_size, self._lr = batch_size, lr
        self._optimiser = torch.optim.Adam(model.parameters(), lr)
        self._generator = torch.Generator()
        self.step = 0

    def run(self, context: Context, memory: PeakMemory) -> dict[str, float]:
        """Train, and return the costs. Raises Diverged where the loss is not finite."""
        timer, steps = StepTimer(context.device), self._stages[-1].until
        self._generator.manual_seed(context.seeds.order)
        torch.manual_seed(context.seeds.method)
        self.model.to(context.device).train()
        if (state := context.resume()) is not None:
            self._load(state)
            timer.load(state["timer"])
            memory.resume(state["peak_memory"])
        while self.step < steps:
            with timer:
                value = self._advance(context.device)
            self.step += 1
            if not math.isfinite(value):
                raise Diverged(f"the loss is {value} at step {self.step}")
            context.report(self.step, steps, loss=value)
            context.checkpoint(lambda: {**self._state(), "timer": timer.state(), "peak_memory": memory.mib})
        self.model.eval()
        costs = {"parameters": parameter_count(self.model), "seconds_per_step": timer.seconds_per_step}
        if (peak := memory.mib) is not None:
            costs["peak_memory"] = peak
        return costs

    def _advance(self, device: str) -> float:
        stage = next(stage for stage in self._stages if self.step < stage.until)
        self._optimiser.param_groups[0]["lr"] = self._lr * stage.factor
        clean = self._draw(self._batch_size, self._generator)
        noisy = clean + self._noise * torch.randn(clean.shape, generator=self._generator)
        clean, noisy = clean.to(device), noisy.to(device)
        self._optimiser.zero_grad()
        value = loss(stage, self.model(noisy), clean)
        value.backward()
        self._optimiser.step()
        return value.item()

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
        }

    def _load(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
