"""Making networks narrower: every expert of a pool by itself, from its weights alone."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bench_merging import evaluation, tasks
from bench_merging.resized_tasks import size
from harness import Build, Context, Outputs


@dataclass(frozen=True)
class Compress:
    """Compress each expert of a pool, and measure it on its own task; the pool's base plays no part."""

    pool: Literal["procedural", "procedural-cnn", "independent", "independent-narrow", "tiny-pair"] = "procedural"

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Yield the accuracy of the compressed experts, each on its task, and how small they are."""
        pool = tasks.pool_of(self.pool, context)
        start = time.perf_counter()
        models = [build(model=expert, network=pool.network).state for expert in pool.experts]
        seconds = time.perf_counter() - start
        for split in ("val", "test"):
            yield Outputs(
                split=split,
                step=0,
                accuracies=evaluation.accuracies(pool, models.__getitem__, split),
                expert_accuracies=evaluation.accuracies(pool, lambda task: pool.experts[task], split),
            )
        sizes = sum(map(size, models)), sum(map(size, pool.experts))
        yield Outputs(split="train", step=0, merge_seconds=seconds, sizes=sizes)
