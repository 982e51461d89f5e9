"""What every method scored on one task, seed by seed; a failed run counts as the worst value there is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.spec import Anchors
from harness.stats.anchors import normalised
from harness.stats.samples import Better

ENDED_WELL = ("done", "skipped")  # a skip is no failure: the pairing was not to be run


@dataclass(frozen=True)
class Scores:
    """The scores on one test split of a task, by the primary metric, on one device of one kind of hardware.

    `values` has every method that was run, by label, with its value for each seed. A run that failed, whose seed is in
    `failed`, counts as the metric's worst: it is never dropped. `anchors` is None where the task has none.
    """

    family: str
    task: str
    split: str
    metric: str
    better: Better
    hardware: str
    device: str
    values: Mapping[str, Mapping[int, float]]
    failed: Mapping[str, frozenset[int]]
    anchors: Anchors | None
    trials: int = 0  # how many each method's hyper-parameters were chosen by

    def normalised(self, method: str) -> dict[int, float]:
        """Return a method's scores on the scale of the anchors, by seed. Raises ValueError where there are none."""
        if self.anchors is None:
            raise ValueError(f"the task '{self.task}' has no anchors")
        seeds = self.values[method]
        return dict(zip(seeds, normalised(list(seeds.values()), self.anchors).tolist(), strict=True))

    def failures(self, a: str, b: str) -> tuple[int, int, int]:
        """Return how many runs of two methods failed on the seeds that both have, and how many seeds these are."""
        common = self.values[a].keys() & self.values[b].keys()
        return len(self.failed[a] & common), len(self.failed[b] & common), len(common)


def worst(metric: Mapping[str, Any]) -> float:
    """Return what a failed run counts as by a metric, described as in a results file's header."""
    given = metric.get("worst")
    if given is not None:
        return float(given)
    return -math.inf if metric["better"] == "higher" else math.inf


def by_seed(runs: pd.DataFrame, values: pd.DataFrame, failed_as: float) -> tuple[dict[str, dict[int, float]], Any]:
    """Return method -> seed -> value, and method -> the seeds whose run failed.

    `runs` has a row for each run, `values` the rows of one metric on one split. A method whose runs ended well without
    a value is not there.
    """
    done = values[values["status"] == "done"]
    found: dict[str, dict[int, float]] = {}
    for method, seed, value in zip(done["method_label"], done["seed"], done["value"], strict=True):
        found.setdefault(method, {})[int(seed)] = value
    bad = runs[~runs["status"].isin(ENDED_WELL)]
    well = set(runs.loc[runs["status"] == "done", "method_label"])
    failed: dict[str, set[int]] = {method: set() for method in found}
    for method, seed in zip(bad["method_label"], bad["seed"], strict=True):
        if method in found or method not in well:
            found.setdefault(method, {})[int(seed)] = failed_as
            failed.setdefault(method, set()).add(int(seed))
    return found, {method: frozenset(seeds) for method, seeds in failed.items()}


def on_all(scores: list[Scores], methods: list[str], seeds: list[int]) -> np.ndarray[Any, Any]:
    """Return normalised scores of methods on tasks, all of which have all the seeds: (methods, tasks, seeds)."""
    return np.array([[[one.normalised(m)[s] for s in seeds] for one in scores] for m in methods], dtype=np.float64)
