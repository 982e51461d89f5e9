"""The values of stored results as asv's alarms need them: of each method by seed, and such that more is worse."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.claims import Unresolved
from harness.results import Results
from harness.results.evidence import Evidence
from harness.results.labels import Labels
from harness.stats import t_interval
from harness.tracking.records import Measured

ASV_UNITS = {"s": "seconds", "B": "bytes"}  # those that asv shows with a prefix


@dataclass(frozen=True)
class Value:
    """What a method scored by a metric on a split of a task; infinite for seeds whose run failed without a worst value.

    `task` and `method` are labels that hold for the whole history. `trials` is how many the method was tuned by.
    """

    hardware: str
    device: str
    task: str
    trials: int
    split: str
    metric: str
    method: str
    by_seed: Mapping[int, float]


@dataclass(frozen=True)
class Falling:
    """How a metric is exported so that less is better: as it is, as its distance from 1, or with the other sign.

    What is `paired` by seed at two commits is what the seed and the code decide. A cost, such as a time, depends on
    what else the machine did as well, and that may have been the same for all seeds.
    """

    name: str
    words: str
    sign: int
    offset: float = 0.0
    unit: str = ""
    paired: bool = True

    def measured(self, by_seed: Mapping[int, float]) -> Measured:
        """Return the mean over seeds with its 99 % interval, and the seeds' own values; failed where it is infinite.

        A cost has its seeds where it is the same for all of them: a count, such as of parameters.
        """
        seeds = sorted(by_seed)
        values = [self.offset + self.sign * by_seed[seed] for seed in seeds]
        found = t_interval(values, 0.99)
        samples = tuple(value if math.isfinite(value) else None for value in values)
        mean = found.mean if math.isfinite(found.mean) else None
        is_paired = self.paired or (len(values) > 1 and len(set(values)) == 1)
        return Measured(mean, found.low, found.high, samples, tuple(seeds) if is_paired else ())


def falling(metric: str, described: Mapping[str, Any], highest: float) -> Falling:
    """Return how to export a metric, described as in a results file's header; `highest` is its largest stored value.

    What counts as 0 where a run fails, has no unit and is never above 1 is a share, such as an accuracy.
    """
    unit = ASV_UNITS.get(described["unit"], described["unit"])
    paired = described["role"] != "cost"
    if described["better"] == "lower":
        return Falling(metric, metric, 1, unit=unit, paired=paired)
    if described.get("worst") == 0 and not described["unit"] and highest <= 1:
        return Falling(f"{metric}-error", f"1 - {metric}", -1, 1.0, paired=paired)
    return Falling(f"negative-{metric}", f"-{metric}", -1, unit=unit, paired=paired)


def values(found: Results, labels: Labels) -> Iterator[Value]:
    """Yield all that results tell of quality and cost, seed by seed; what has a value at each step is left out.

    `labels` are those of the whole history, of which the results are a part.
    """
    methods, tasks = (_translated(found.runs, kind, labels) for kind in ("method", "task"))
    for evidence in found.evidence() if len(found.runs) else []:
        for cell in evidence.cells:
            trials = evidence.trials(cell)
            for metric, split in _measured(found, evidence, cell.method, cell.task):
                try:
                    sample = evidence.sample(cell, metric, split)
                except Unresolved:  # a value for each step
                    continue
                if sample.values:
                    place = evidence.hardware, evidence.device, tasks[cell.task], trials
                    yield Value(*place, split, metric, methods[cell.method], sample.values)


def _translated(runs: pd.DataFrame, kind: str, labels: Labels) -> dict[str, str]:
    """Return for each label of a part of the history the one of the whole."""
    parameters = {"method": "variant", "task": "task_params"}[kind]
    columns = zip(runs[f"{kind}_label"], runs[kind], runs[parameters], strict=True)
    return {label: labels[kind, name, text] for label, name, text in columns}


def _measured(found: Results, evidence: Evidence, method: str, task: str) -> list[tuple[str, str]]:
    """Return the metrics of quality and cost that a method has on a task, with their splits: of quality only tests.

    Where every run has failed, it is the primary metric.
    """
    rows = found.rows
    rows = rows[(rows["hardware"] == evidence.hardware) & (rows["device"] == evidence.device)]
    rows = rows[(rows["task_label"] == task)]
    own = rows[(rows["method_label"] == method) & rows["metric"].notna()]
    pairs = sorted({(str(m), str(s)) for m, s in zip(own["metric"], own["split"], strict=True)})
    kept = [(m, s) for m, s in pairs if _counts(found.metrics.get(m, {}), s)]
    if kept:
        return kept
    boards = [one for one in found.scores if one.task == task and method in one.values]
    return sorted({(one.metric, one.split) for one in boards})


def _counts(described: Mapping[str, Any], split: str) -> bool:
    role = described.get("role")
    return role == "cost" or (role == "quality" and split.startswith("test"))
