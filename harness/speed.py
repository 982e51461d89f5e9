"""How fast a method is: against a reference, and as its problem grows. For the tasks of any family.

A task says how to make a `Subject` of a method; `compared` and `scaled` measure it and the reference that the context
has, in turns and in one process, and yield the outputs that the metrics of `harness.speed_metrics` read. Such a task is
`alone`, so that nothing of ours disturbs it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from harness.conditions import enough_sizes
from harness.measure import PeakMemory, Timing, count_flops, first_call, interleaved, joules_per_call, size
from harness.spec import Build, Context, Outputs
from harness.train import Examples, Loss, Recipe, parameter_groups, train_step


@dataclass(frozen=True)
class Subject:
    """A model, and what of it is timed, by name; a call goes through `items`, such as the positions of its batch."""

    model: nn.Module
    calls: Mapping[str, Callable[[], object]]
    items: int


@dataclass(frozen=True)
class Times:
    """A call of a method, the same of the reference, and the reference's once more: all timed in turns."""

    method: Timing
    reference: Timing
    again: Timing


def trained(model: nn.Module, examples: Examples, loss: Loss, items: int, context: Context) -> Subject:
    """Return a model with the calls "training", a step of `harness.train` on one batch, and "inference" on it."""
    model, batch = model.to(context.device), examples.to(context.device)
    recipe = Recipe(steps=1, batch_size=len(examples), lr=1e-4)
    optimiser = torch.optim.AdamW(parameter_groups(model, recipe), lr=recipe.lr)

    def train() -> object:
        if not model.training:
            model.train()
        return train_step(model, batch, loss, optimiser)

    @torch.no_grad()
    def infer() -> object:
        if model.training:
            model.eval()
        return model(*batch.inputs)

    return Subject(model, {"training": train, "inference": infer}, items)


def compared(
    make: Callable[[Build], Subject],
    build: Build,
    context: Context,
    *,
    rounds: int,
    limit: float,
    split: str = "test",
    step: int = 0,
) -> Iterator[Outputs]:
    """Measure a method, and each of its calls against that of the reference.

    Yields, for "<split>-<call>": `times` (Times), `first` (seconds of the first call, before any other), `items`,
    `flops`, and `joules` where the machine tells; then, for "train", or for `split` where that is "size": `size`
    (harness.measure.Size), `parameters` and, where the system tells, `peak_memory` (MiB, over the first call of each,
    before the reference is built).

    Args:
        make: makes the subject of the method that it is given.
        rounds, limit: as `harness.measure.interleaved` takes them, for each call.
        split, step: see `harness.Outputs`.
    """
    memory = PeakMemory(context.device)
    subject = make(build)
    first = {name: first_call(call, context.device) for name, call in subject.calls.items()}
    counted = size(subject.model)
    costs: dict[str, Any] = {"parameters": counted.trainable, "size": counted}
    if (peak := memory.mib) is not None:
        costs["peak_memory"] = peak
    reference = make(context.reference)
    for name, call in subject.calls.items():
        other = reference.calls[name]
        turns = interleaved(
            {"method": call, "reference": other, "again": other},
            context.device,
            rounds=rounds,
            limit=limit,
            seed=context.seeds.order,
        )
        found: dict[str, Any] = {"times": Times(**turns), "first": first[name], "items": subject.items}
        if (joules := joules_per_call(call, context.device)) is not None:
            found["joules"] = joules
        yield Outputs(split=f"{split}-{name}", step=step, flops=count_flops(call), **found)
    yield Outputs(split=split if split == "size" else "train", step=step, **costs)


def scaled(
    make: Callable[[Build, int], Subject],
    build: Build,
    context: Context,
    sizes: Sequence[int],
    *,
    rounds: int,
    limit: float,
) -> Iterator[Outputs]:
    """Measure a method and the reference at several sizes, and how their costs grow.

    Yields what `compared` does for the split "size" and each size as the step, so that cost can be drawn against size.
    Then, for "test-<call>": `sizes`, `costs` and `reference_costs` (seconds of a call), each of shape (sizes,); and for
    "test-memory" `sizes` and `costs` (MiB), where the system tells and every size takes any.

    Args:
        make: makes the subject of a method at a size.
        sizes: at least three, without which an exponent has no interval; best in rising order.

    Raises ValueError for fewer.
    """
    enough_sizes(sizes)
    for once in make(build, sizes[0]).calls.values():
        once()  # what libraries allocate once in a process is none of the first size's memory
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for done, n in enumerate(sizes):
        context.report(done, len(sizes), size=n)
        subject = partial(_made, make, n)
        for outputs in compared(subject, build, context, rounds=rounds, limit=limit, split="size", step=n):
            for call, kind, cost in _spent(outputs):
                found[call][kind].append(cost)
            yield outputs
    context.report(len(sizes), len(sizes))
    for call, spent in found.items():
        if len(spent["costs"]) == len(sizes):
            yield Outputs(split=f"test-{call}", step=0, sizes=list(sizes), **spent)


def _made(make: Callable[[Build, int], Subject], n: int, build: Build) -> Subject:
    return make(build, n)


def _spent(outputs: Outputs) -> Iterator[tuple[str, str, float]]:
    """Yield what was spent on what: the call or "memory", whose it is, and how much."""
    if times := outputs.values.get("times"):
        call = outputs.split.removeprefix("size-")
        yield call, "costs", times.method.median
        yield call, "reference_costs", times.reference.median
    elif peak := outputs.values.get("peak_memory"):
        yield "memory", "costs", peak
