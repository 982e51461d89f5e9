"""Merging into a model that may be wider or deeper than the base: the same access, and a ratio of sizes instead of
lines between models of one shape.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench_merging import evaluation, tasks
from bench_merging.pool import Pool
from bench_merging.result import Reshaped, Routed
from bench_merging.state import StateDict
from bench_merging.tasks import Evaluations, UnlabelledTrain
from harness import Build, Context, Outputs, Skip


@dataclass(frozen=True)
class ResizedUnlabelledTrain(UnlabelledTrain):
    """Merge with the training inputs of every task, without labels, into a model of any size."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield validation and test accuracies, the size of the merge and what it has cost."""
        pool = tasks.pool_of(self.pool, context)
        yield from merge(pool, *tasks.measured(pool, self.access(pool), build, context))


@dataclass(frozen=True)
class ResizedEvaluations(Evaluations):
    """Merge with a number of evaluations on validation data, into a model of any size."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield validation and test accuracies, the size of the merge and what it has cost."""
        pool = tasks.pool_of(self.pool, context)
        yield from merge(pool, *tasks.measured(pool, self.access(pool), build, context))


def merge(pool: Pool, merged: StateDict | Routed | Reshaped, costs: dict[str, float]) -> Iterator[Outputs]:
    """Yield what a merge of any size scores. Raises Skip for one model per task."""
    if isinstance(merged, Routed):
        raise Skip("one model of any size is asked for, and this method gives one per task")
    state = merged.state if isinstance(merged, Reshaped) else merged
    tasks.check_result(state, state)
    yield Outputs(split="val", step=0, accuracies=evaluation.accuracies(pool, lambda _: state, "val"))
    test = evaluation.accuracies(pool, lambda _: state, "test")
    yield Outputs(
        split="test",
        step=0,
        accuracies=test,
        expert_accuracies=evaluation.accuracies(pool, lambda task: pool.experts[task], "test"),
        base_accuracies=evaluation.accuracies(pool, lambda _: pool.base, "test"),
    )
    for task, value in enumerate(test):
        yield Outputs(split=f"test-task-{task}", step=0, task_accuracy=value)
    yield Outputs(split="train", step=0, sizes=(size(state), size(pool.base)), **costs)


def size(state: StateDict) -> int:
    """Return how many parameters a model has."""
    return sum(tensor.numel() for tensor in state.values() if tensor.is_floating_point())
