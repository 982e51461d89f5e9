"""Matching the units of two models. The method is a merge half-way between them, which says where the second one is."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench_merging import evaluation, matching, tasks
from bench_merging.pool import Pool
from bench_merging.result import Reshaped, Routed
from bench_merging.tasks import DataFree, Labelled, UnlabelledTrain
from harness import Build, Context, Outputs, Skip


@dataclass(frozen=True)
class MatchDataFree(DataFree):
    """Match two models by their weights."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield what is half-way between the models and how they lie to each other."""
        yield from match(tasks.pool_of(self.pool, context), self, build, context)


@dataclass(frozen=True)
class MatchUnlabelledTrain(UnlabelledTrain):
    """Match two models by what they give for training inputs."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield what is half-way between the models and how they lie to each other."""
        yield from match(tasks.pool_of(self.pool, context), self, build, context)


@dataclass(frozen=True)
class MatchLabelled(Labelled):
    """Match two models by the loss half-way between them, on validation data."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Merge, and yield what is half-way between the models and how they lie to each other."""
        yield from match(tasks.pool_of(self.pool, context), self, build, context)


def match(pool: Pool, task: DataFree, build: Build, context: Context) -> Iterator[Outputs]:
    """Yield the scores of a matching. Raises Skip where the pool does not hold two models."""
    if len(pool.experts) != 2:
        raise Skip(f"two models are matched, and the pool '{task.pool}' holds {len(pool.experts)}")
    merged, costs = tasks.measured(pool, task.access(pool), build, context)
    if isinstance(merged, Routed | Reshaped):
        raise Skip("a matching is one model half-way between two")
    tasks.check_result(pool.base, merged)
    a, b = pool.experts
    placed = matching.matched(merged, a)
    for split in ("val", "test"):
        values = {"accuracies": evaluation.accuracies(pool, lambda _: merged, split)}
        if split == "test":
            values["expert_accuracies"] = evaluation.accuracies(pool, lambda k: pool.experts[k], "test")
            yield Outputs(split=split, step=0, line=matching.losses(pool, a, placed), models=(a, b, placed), **values)
        else:
            yield Outputs(split=split, step=0, **values)
    yield Outputs(split="train", step=0, **costs)
