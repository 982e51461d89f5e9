"""Merging a pool. One task for each level of access; it grants that and nothing else."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.pool import Pool, read
from bench_merging.pools.registry import POOLS
from bench_merging.result import Reshaped, Routed
from bench_merging.state import StateDict
from harness import Build, Context, Outputs, Skip
from harness.measure import PeakMemory


@dataclass(frozen=True)
class DataFree:
    """Merge from weights and architecture alone.

    The pool is drawn from the run's stream of data, so that with equal seeds all methods get the same experts.
    """

    pool: Literal[
        "procedural",
        "procedural-adamw",
        "procedural-cnn",
        "procedural-residual",
        "procedural-lora",
        "black-box",
        "tokens",
        "handwriting",
        "images",
        "corrupted",
        "shuffled",
        "two-bases",
        "independent",
        "independent-cnn",
        "independent-halves",
        "independent-narrow",
        "tiny",
        "tiny-pair",
        "tiny-layered",
    ] = "procedural"

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield validation and test accuracies and what the merge has cost."""
        yield from merge(pool_of(self.pool, context), self.access, build, context)

    def access(self, pool: Pool) -> Access:
        """Return what this level of access grants."""
        return Access(pool.network)


@dataclass(frozen=True)
class UnlabelledTrain(DataFree):
    """Merge with the training inputs of every task, without labels."""

    def access(self, pool: Pool) -> Access:
        return Access(pool.network, inputs=[inputs for inputs, _ in pool.splits["train"]])


@dataclass(frozen=True)
class UnlabelledTest(DataFree):
    """Merge with the test inputs of every task, without labels."""

    def access(self, pool: Pool) -> Access:
        return Access(pool.network, inputs=[inputs for inputs, _ in pool.splits["test"]])


@dataclass(frozen=True)
class Evaluations(DataFree):
    """Merge with a number of evaluations on validation data, one model on one task each."""

    budget: int = 5000

    def access(self, pool: Pool) -> Access:
        return Access(
            pool.network,
            evaluate=lambda model, task: evaluation.accuracy(pool, model, "val", task),
            budget=self.budget,
        )


@dataclass(frozen=True)
class Labelled(DataFree):
    """Merge with validation inputs and labels of every task."""

    def access(self, pool: Pool) -> Access:
        return Access(pool.network, examples=pool.splits["val"])


@dataclass(frozen=True)
class Training(DataFree):
    """Train with the training data of every task: an upper bound, no merge."""

    def access(self, pool: Pool) -> Access:
        return Access(pool.network, examples=pool.splits["train"])


def pool_of(name: str, context: Context) -> Pool:
    """Return the pool of that name that the run's stream of data draws."""
    kind = POOLS[name]
    arrays = context.data(kind.dataset, **kind.params, seed=context.seeds.data % 2**31)
    return read(arrays, kind.trunk())


def merge(pool: Pool, grant: Callable[[Pool], Access], build: Build, context: Context) -> Iterator[Outputs]:
    """Merge a pool with what is granted of it, and yield validation and test accuracies and what the merge has cost.

    Raises Skip for a model of other shapes than the base's: there is no line between them.
    """
    merged, costs = measured(pool, grant(pool), build, context)
    if isinstance(merged, Reshaped):
        raise Skip("the merge has other shapes than the base; the tasks merge-<level>-resized measure such models")
    yield from _scores(pool, merged)
    costs["extra_parameters"] = merged.extra_parameters if isinstance(merged, Routed) else 0
    yield Outputs(split="train", step=0, **costs)


def measured(
    pool: Pool, access: Access, build: Build, context: Context
) -> tuple[StateDict | Routed | Reshaped, dict[str, Any]]:
    """Return a merge and what it has cost, by name.

    Raises Skip where methods see examples of each expert's task and some experts have none.
    """
    if access.shows_examples and len(pool.experts) > len(pool.tasks):
        raise Skip(f"{len(pool.experts)} experts have {len(pool.tasks)} tasks, and this level needs one for each")
    memory = PeakMemory(context.device)
    start = time.perf_counter()
    merged = build(base=pool.base, experts=pool.experts, access=access)
    costs: dict[str, Any] = {"merge_seconds": time.perf_counter() - start, "evaluations": access.evaluations}
    if (peak := memory.mib) is not None:
        costs["peak_memory"] = peak
    return merged, costs


def _scores(pool: Pool, merged: StateDict | Routed) -> Iterator[Outputs]:
    models = [merged.model(task) for task in pool.tasks] if isinstance(merged, Routed) else [merged]

    def model(task: int) -> StateDict:
        return models[task % len(models)]

    for one in models:
        check_result(pool.base, one)
    yield Outputs(split="val", step=0, accuracies=evaluation.accuracies(pool, model, "val"))
    test = evaluation.accuracies(pool, model, "test")
    values: dict[str, Any] = {
        "accuracies": test,
        "expert_accuracies": evaluation.accuracies(pool, lambda task: pool.experts[task], "test"),
        "base_accuracies": evaluation.accuracies(pool, lambda _: pool.base, "test"),
        "barriers": evaluation.barriers(pool, model),
    }
    if "train" in pool.splits:
        values["prototype_accuracies"] = evaluation.prototype_accuracies(pool, model)
    if corrupted := evaluation.corrupted_accuracies(pool, model):
        values["corrupted_accuracies"] = corrupted
    if pool.unseen:
        values["unseen_accuracies"] = evaluation.unseen_accuracies(pool, models)
    yield Outputs(split="test", step=0, **values)
    for task, value in enumerate(test):
        yield Outputs(split=f"test-task-{task}", step=0, task_accuracy=value)


def check_result(base: StateDict, model: Mapping[str, Any]) -> None:
    """Raise ValueError unless a merged model has the base's names, shapes and types, and finite values."""
    if set(model) != set(base):
        differing = min(set(model) ^ set(base))
        raise ValueError(f"the merged model and the base do not have the same tensors: '{differing}' is in one only")
    for name, tensor in base.items():
        merged = model[name]
        if merged.shape != tensor.shape or merged.dtype != tensor.dtype:
            got, wanted = (f"{tuple(t.shape)} {t.dtype}" for t in (merged, tensor))
            raise ValueError(f"the merged '{name}' is {got}, in the base {wanted}")
        if not torch.isfinite(merged).all():
            raise ValueError(f"the merged '{name}' holds NaN or infinity")
