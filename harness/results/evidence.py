"""What claims and comparisons rest on: numbers by seed, for each method on each task of one device."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.claims import Cell
from harness.results.scores import ENDED_WELL, Scores, worst
from harness.selection import facts
from harness.stats.samples import Better


@dataclass(frozen=True)
class Sample:
    """One number for each seed, and the seeds of which a run failed; their numbers are the metric's worst."""

    values: Mapping[int, float]
    failed: frozenset[int]


@dataclass(frozen=True)
class Evidence:
    """What the results of one device tell, a method on a task at a time; `place` names it where there are several."""

    cells: tuple[Cell, ...]
    place: str
    _metrics: Mapping[str, Mapping[str, Any]]
    _runs: Mapping[tuple[str, str], pd.DataFrame]
    _scores: Mapping[tuple[str, str, int], Scores]  # by task, metric and tuning budget
    _measured: Mapping[str, pd.DataFrame]

    @classmethod
    def gather(
        cls,
        runs: pd.DataFrame,
        telling: pd.DataFrame,
        scores: Iterable[Scores],
        metrics: Mapping[str, Mapping[str, Any]],
        primary: Mapping[str, str],
        place: str,
    ) -> Evidence:
        """Sort out the rows of one device.

        Args:
            runs: a row for each run.
            telling: the rows of test scores and costs, of other devices too.
            scores: those of the device; of several splits of a task the first counts, and "test" before all.
            metrics, primary: as in a results file's header.
        """
        ordered = sorted(scores, key=lambda one: one.split != "test", reverse=True)
        anchored = {one.task for one in ordered if one.anchors is not None}
        by_cell: dict[Any, pd.DataFrame] = {}
        for key, there in runs[runs["status"] != "skipped"].groupby(["method_label", "task_label"], sort=False):
            by_cell[key] = there
        return cls(
            cells=tuple(_cell(there.iloc[0], metrics, primary, anchored) for there in by_cell.values()),
            place=place,
            _metrics=metrics,
            _runs=by_cell,
            _scores={(one.task, one.metric, one.trials): one for one in ordered},
            _measured={str(name): rows for name, rows in telling[telling["status"] == "done"].groupby("metric")},
        )

    def better(self, metric: str) -> Better:
        """Return which way a metric improves."""
        found: Better = self._metrics[metric]["better"]
        return found

    def trials(self, cell: Cell) -> int:
        """Return how many trials the hyper-parameters of a cell were chosen by; 0 where they were not tuned."""
        return int(self._runs[cell.method, cell.task]["trials"].max())

    def normalised(self, cell: Cell) -> Sample:
        """Return the scores of a cell by its task's primary metric, on the scale of the anchors."""
        scores = self._scores[cell.task, cell.metrics[0], self.trials(cell)]
        known = cell.method in scores.values
        return Sample(scores.normalised(cell.method) if known else {}, scores.failed.get(cell.method, frozenset()))

    def sample(self, cell: Cell, metric: str) -> Sample:
        """Return what a cell measured by a metric: its test score or, of one that does not rank, the run's mean."""
        if scores := self._scores.get((cell.task, metric, self.trials(cell))):
            return Sample(scores.values.get(cell.method, {}), scores.failed.get(cell.method, frozenset()))
        runs = self._runs[cell.method, cell.task]
        rows = self._measured.get(metric)
        values: Any = {} if rows is None else rows[rows["run"].isin(runs["run"])].groupby("run")["value"].mean()
        found = {int(seed): values.get(run, math.nan) for seed, run in zip(runs["seed"], runs["run"], strict=True)}
        failed = frozenset(int(seed) for seed in runs.loc[~runs["status"].isin(ENDED_WELL), "seed"])
        found |= dict.fromkeys(failed, worst(self._metrics[metric]))
        return Sample({seed: value for seed, value in found.items() if not math.isnan(value)}, failed)

    def seconds(self, cell: Cell) -> list[float]:
        """Return how long the runs of a cell took that succeeded."""
        runs = self._runs[cell.method, cell.task]
        return [float(seconds) for seconds in runs.loc[runs["status"] == "done", "seconds"]]


def _cell(run: Any, metrics: Mapping[str, Mapping[str, Any]], primary: Mapping[str, str], anchored: set[str]) -> Cell:
    method_params, task_params = json.loads(run["variant"]), json.loads(run["task_params"])
    first = primary[f"{run['task']} {run['task_params']}"]
    return Cell(
        method=run["method_label"],
        task=run["task_label"],
        facts=facts(run["family"], run["method"], method_params, run["task"], task_params),
        method_params=method_params,
        task_params=task_params,
        metrics=(first, *(metric for metric in metrics if metric != first)),
        costs=frozenset(metric for metric, described in metrics.items() if described["role"] == "cost"),
        has_anchors=run["task_label"] in anchored,
    )
