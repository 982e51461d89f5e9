"""Whether measured ratios can be believed: a model against one that does twice its work, and against itself.

Prints the ratio with its interval, the noise floor, and what the same calls timed one after the other would have said,
several times over. On a busy machine the first stays near 2, and the last strays.

    .venv/bin/python benchmarks/ratios.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from harness.measure import interleaved, ratio

ROUNDS = 20


def one_after_the_other(calls: list[Callable[[], object]]) -> float:
    """Return the ratio of medians, each over so many calls in a row."""
    medians = []
    for call in calls:
        seconds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
        medians.append(statistics.median(seconds))
    return medians[0] / medians[1]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer, x = nn.Linear(512, 512), torch.randn(512, 512)

    @torch.no_grad()
    def once() -> None:
        layer(x)

    def twice() -> None:
        once()
        once()

    for attempt in range(1, 6):
        times = interleaved({"twice": twice, "once": once, "again": once}, "cpu", rounds=ROUNDS, seed=attempt)
        found, floor = ratio(times["twice"], times["once"]), ratio(times["again"], times["once"])
        print(
            f"twice the work: {found.median:.3f} [{found.low:.3f}, {found.high:.3f}]; "
            f"itself: {floor.median:.3f} [{floor.low:.3f}, {floor.high:.3f}]; "
            f"one after the other: {one_after_the_other([twice, once]):.3f}"
        )


if __name__ == "__main__":
    main()
