"""One plain training loop, for tasks that want it.

Every method of a task gets the same optimiser, schedule, batches and budget. Only parameters that a method names in
``param_groups()`` may have a lower learning rate and a weight decay of their own.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import Diverged
from harness.measure import PeakMemory, StepTimer, parameter_count
from harness.spec import Context, Outputs

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Examples:
    """One split: the tensors that the model is called with, and the targets. All share their first dimension."""

    inputs: tuple[Tensor, ...]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: str) -> Examples:
        return Examples(tuple(tensor.to(device) for tensor in self.inputs), self.targets.to(device))

    def __getitem__(self, index: Tensor | slice) -> Examples:
        return Examples(tuple(tensor[index] for tensor in self.inputs), self.targets[index])


def splits(data: Mapping[str, Any], *, inputs: tuple[str, ...] = ("inputs",)) -> dict[str, Examples]:
    """Return the splits "train", "val" and "test" of a data set whose arrays are named "<split>_<part>".

    The part "targets" and each of `inputs` become tensors. Those of inputs share the memory of the arrays, and are
    not to be written to: runs at the same time then share one copy. Whole numbers as targets become 64-bit, as indices
    have to be; as inputs they keep their type, for a model to convert batch by batch.
    """

    def targets(split: str) -> Tensor:
        values = torch.tensor(data[f"{split}_targets"])
        return values if values.is_floating_point() or values.is_complex() else values.long()

    return {
        split: Examples(tuple(_shared(data[f"{split}_{part}"]) for part in inputs), targets(split))
        for split in ("train", "val", "test")
    }


def _shared(array: Any) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nor is it written to
        return torch.from_numpy(array)


@dataclass(frozen=True)
class Recipe:
    """AdamW with linear warm-up and cosine decay to zero; `evaluations` validations at equal distances."""

    steps: int
    batch_size: int
    lr: float
    weight_decay: float = 0.01
    warmup: float = 0.1  # the share of the steps that the learning rate rises for
    evaluations: int = 4


def supervised(
    model: nn.Module, splits: Mapping[str, Examples], loss: Loss, recipe: Recipe, context: Context, memory: PeakMemory
) -> Iterator[Outputs]:
    """Train on "train", choose the checkpoint with the lowest loss on "val", score "test" once with it.

    Yields outputs with `prediction` and `target` for "val" at each evaluation and for "test" at the end, and then
    outputs for "train" with `parameters`, `seconds_per_step` and, where the system tells it, `peak_memory` (MiB
    beyond what was held when `memory` was made).

    A run that was broken off goes on after the last step that `context` has saved. What training changes in `model`
    has to be in its state_dict(), or it does not end as it would have.

    Raises Diverged when the training loss is no longer finite, or the validation loss never was.
    """
    model = model.to(context.device).train()
    splits = {name: split.to(context.device) for name, split in splits.items()}
    training = _Training(model, splits["train"], recipe, context, memory)
    torch.manual_seed(context.seeds.method)  # dropout and the like
    training.resume(context)
    while training.step < recipe.steps:
        value = training.advance(loss)
        if not math.isfinite(value):
            raise Diverged(f"the training loss is {value} at step {training.step}")
        context.report(training.step, recipe.steps, loss=value)
        if _is_evaluation(training.step, recipe):
            prediction = predict(model, splits["val"], recipe.batch_size)
            yield Outputs(split="val", step=training.step, prediction=prediction, target=splits["val"].targets)
            training.choose(float(loss(prediction, splits["val"].targets)))
        context.checkpoint(training.state)
    if training.best_step == 0:
        raise Diverged(f"the validation loss was not finite at any of {recipe.evaluations} evaluations")
    model.load_state_dict(training.best_model)
    prediction = predict(model, splits["test"], recipe.batch_size)
    yield Outputs(split="test", step=training.best_step, prediction=prediction, target=splits["test"].targets)
    costs: dict[str, Any] = {"parameters": parameter_count(model), "seconds_per_step": training.timer.seconds_per_step}
    if (peak := memory.mib) is not None:
        costs["peak_memory"] = peak
    yield Outputs(split="train", step=recipe.steps, **costs)


class _Training:
    """A model in training, with all that changes from step to step: what a checkpoint has to hold."""

    def __init__(self, model: nn.Module, split: Examples, recipe: Recipe, context: Context, memory: PeakMemory) -> None:
        self.model = model
        self.optimiser = torch.optim.AdamW(parameter_groups(model, recipe), lr=recipe.lr)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: _learning_rate_factor(step, recipe)
        )
        self.batches = _Batches(split, recipe.batch_size, context)
        self.timer = StepTimer(context.device)
        self.memory = memory
        self.step = 0
        self.best_loss, self.best_step, self.best_model = math.inf, 0, copy.deepcopy(model.state_dict())

    def advance(self, loss: Loss) -> float:
        """Take the next step and return its loss."""
        batch = next(self.batches)
        with self.timer:
            value = train_step(self.model, batch, loss, self.optimiser)
            self.schedule.step()
        self.step += 1
        return value

    def choose(self, loss: float) -> None:
        """Keep the model as it is now, where its loss on held-out data is the lowest so far."""
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.best_model = loss, self.step, copy.deepcopy(self.model.state_dict())

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "best": (self.best_loss, self.best_step, self.best_model),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "batches": self.batches.state(),
            "timer": self.timer.state(),
            "peak_memory": self.memory.mib,
        }

    def resume(self, context: Context) -> None:
        """Become what an earlier attempt of the run was, if there was one."""
        state = context.resume()
        if state is None:
            return
        self.step = state["step"]
        self.best_loss, self.best_step, best_model = state["best"]
        self.model.load_state_dict(best_model)
        self.best_model = copy.deepcopy(self.model.state_dict())  # on the model's device
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.batches.load(state["batches"])
        self.timer.load(state["timer"])
        peak = state["peak_memory"]
        del state, best_model  # not part of what the run takes
        self.memory.resume(peak)


class _Batches:
    """Batches for ever, each epoch in a new random order; what does not fill a batch waits for the next epoch."""

    def __init__(self, split: Examples, size: int, context: Context) -> None:
        if len(split) < size:
            raise ValueError(f"batch_size {size} is more than the {len(split)} training examples")
        self._split, self._size, self._device = split, size, context.device
        self._generator = torch.Generator().manual_seed(context.seeds.order)
        self._begin_epoch()

    def __next__(self) -> Examples:
        if self._position + self._size > len(self._split):
            self._begin_epoch()
        chosen = self._order[self._position : self._position + self._size]
        self._position += self._size
        return self._split[chosen.to(self._device)]

    def _begin_epoch(self) -> None:
        self._at_beginning = self._generator.get_state()
        self._order = torch.randperm(len(self._split), generator=self._generator)
        self._position = 0

    def state(self) -> dict[str, Any]:
        return {"generator": self._at_beginning, "position": self._position}

    def load(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self._begin_epoch()
        self._position = state["position"]


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return optimiser groups: those that modules of `model` ask for in ``param_groups()``, and all the rest.

    A group that a module asks for has `params`, and may have `max_lr`, a ceiling on its learning rate, and
    `weight_decay`. A parameter that several modules name is in the group of the outermost.
    """
    groups: list[dict[str, Any]] = []
    taken: set[int] = set()
    for module in model.modules():
        ask = getattr(module, "param_groups", None)
        for group in ask() if callable(ask) else []:
            params = [parameter for parameter in group["params"] if id(parameter) not in taken]
            taken.update(map(id, params))
            lr = min(recipe.lr, group.get("max_lr", recipe.lr))
            groups.append({"params": params, "lr": lr, "weight_decay": group.get("weight_decay", recipe.weight_decay)})
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
    return [
        {"params": rest, "lr": recipe.lr, "weight_decay": recipe.weight_decay},
        *filter(lambda g: g["params"], groups),
    ]


@torch.no_grad()
def predict(model: nn.Module, split: Examples, batch_size: int) -> Tensor:
    """Return the model's outputs on a whole split, in evaluation mode, batch by batch."""
    model.eval()
    outputs = [model(*split[slice(i, i + batch_size)].inputs) for i in range(0, len(split), batch_size)]
    model.train()
    return torch.cat(outputs)


def train_step(model: nn.Module, batch: Examples, loss: Loss, optimiser: torch.optim.Optimizer) -> float:
    """Take one step on a batch and return its loss."""
    optimiser.zero_grad(set_to_none=True)
    value = loss(model(*batch.inputs), batch.targets)
    value.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return value.item()


def _learning_rate_factor(step: int, recipe: Recipe) -> float:
    warm = max(1, round(recipe.warmup * recipe.steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))


def _is_evaluation(step: int, recipe: Recipe) -> bool:
    """Tell whether `step` completes one of `evaluations` equal parts of the budget."""
    return step * recipe.evaluations // recipe.steps > (step - 1) * recipe.evaluations // recipe.steps
