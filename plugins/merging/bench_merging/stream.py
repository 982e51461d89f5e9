"""Continual merging: experts come one at a time, in a random order, and each state of the merge is measured.

The merge after t experts is the method's merge of the first t. A method that keeps to the stream (OPCM) computes it
from the one before; one that does not sees all earlier experts again, and is an upper reference. Where a method needs
more than one expert, the first state is that expert.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.pool import Pool, read
from bench_merging.pools.registry import POOLS
from bench_merging.result import Routed
from bench_merging.tasks import check_result
from harness import Build, Context, Outputs, Skip


@dataclass(frozen=True)
class Stream:
    """Merge a pool's experts in the order that the run's stream of order draws, from weights alone."""

    pool: Literal["procedural", "procedural-adamw", "procedural-cnn", "tokens", "handwriting", "images", "tiny"] = (
        "procedural"
    )

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Yield, on "test", the accuracies at the end and when each task's expert had just been merged."""
        kind = POOLS[self.pool]
        arrays = context.data(kind.dataset, **kind.params, seed=context.seeds.data % 2**31)
        pool = read(arrays, kind.trunk())
        generator = torch.Generator().manual_seed(context.seeds.order)
        order = torch.randperm(len(pool.experts), generator=generator).tolist()
        pool = _ordered(pool, order)
        when_merged, seconds = list[float](), 0.0
        for count in range(1, len(order) + 1):
            start = time.perf_counter()
            try:
                merged = build(
                    base=pool.base, experts=pool.experts[:count], access=Access(pool.network.of_tasks(range(count)))
                )
            except Skip:
                if count > 1:
                    raise
                merged = pool.experts[0]
            seconds += time.perf_counter() - start
            if isinstance(merged, Routed):
                raise Skip("a stream is merged into one model, and this method gives one per task")
            check_result(pool.base, merged)
            when_merged.append(evaluation.accuracy(pool, merged, "test", count - 1))
            context.report(count, len(order))
        yield Outputs(split="val", step=0, accuracies=evaluation.accuracies(pool, lambda _: merged, "val"))
        yield Outputs(
            split="test",
            step=0,
            accuracies=evaluation.accuracies(pool, lambda _: merged, "test"),
            expert_accuracies=evaluation.accuracies(pool, lambda task: pool.experts[task], "test"),
            when_merged=when_merged,
        )
        yield Outputs(split="train", step=0, merge_seconds=seconds)


def _ordered(pool: Pool, order: list[int]) -> Pool:
    network = pool.network.of_tasks(order)
    splits = {split: [examples[i] for i in order] for split, examples in pool.splits.items()}
    return Pool(network, pool.base, [pool.experts[i] for i in order], splits, pool.unseen, pool.unseen_heads)
