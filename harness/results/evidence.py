"""What claims and comparisons rest on: numbers by seed, for each method on each task of one device."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.claims import Cell, Unresolved
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
    hardware: str
    device: str
    place: str
    _metrics: Mapping[str, Mapping[str, Any]]
    _runs: Mapping[tuple[str, str], pd.DataFrame]
    _scores: Mapping[tuple[str, int], Mapping[str, Scores]]  # task and tuning budget -> split -> scores
    _measured: Mapping[str, pd.DataFrame]
    _none: pd.DataFrame

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
            runs: a row for each run, at least one.
            telling: the rows of test scores and costs, of other devices too.
            scores: those of the device.
            metrics, primary: as in a results file's header.
        """
        by_task: dict[tuple[str, int], dict[str, Scores]] = {}
        for one in scores:
            by_task.setdefault((one.task, one.trials), {})[one.split] = one
        anchored = {task for (task, _), splits in by_task.items() if any(one.anchors for one in splits.values())}
        by_cell: dict[Any, pd.DataFrame] = {}
        for key, there in runs[runs["status"] != "skipped"].groupby(["method_label", "task_label"], sort=False):
            by_cell[key] = there
        return cls(
            cells=tuple(_cell(there.iloc[0], metrics, primary, anchored) for there in by_cell.values()),
            hardware=str(runs["hardware"].iloc[0]),
            device=str(runs["device"].iloc[0]),
            place=place,
            _metrics=metrics,
            _runs=by_cell,
            _scores=by_task,
            _measured={str(name): rows for name, rows in telling[telling["status"] == "done"].groupby("metric")},
            _none=telling.iloc[:0],
        )

    def better(self, metric: str) -> Better:
        """Return which way a metric improves."""
        found: Better = self._metrics[metric]["better"]
        return found

    def trials(self, cell: Cell) -> int:
        """Return how many trials the hyper-parameters of a cell were chosen by; 0 where they were not tuned."""
        return int(self._runs[cell.method, cell.task]["trials"].max())

    def normalised(self, cell: Cell, split: str) -> Sample:
        """Return the scores of a cell by its task's primary metric, on the scale of the anchors.

        Raises Unresolved like `sample`.
        """
        scores = self._of_split(cell, split)
        known = cell.method in scores.values
        return Sample(scores.normalised(cell.method) if known else {}, scores.failed.get(cell.method, frozenset()))

    def sample(self, cell: Cell, metric: str, split: str) -> Sample:
        """Return what a cell measured by a metric.

        `split` may be empty: then "test" or, where there is only one split, that one. Raises Unresolved where that
        does not choose one number for each run.
        """
        if metric == cell.metrics[0] and (cell.task, self.trials(cell)) in self._scores:
            scores = self._of_split(cell, split)
            return Sample(scores.values.get(cell.method, {}), scores.failed.get(cell.method, frozenset()))
        rows = self.rows(cell, metric, split)
        if rows["run"].duplicated().any():
            raise Unresolved("metric", f"'{metric}' has several values in a run on '{cell.task}', one for each step")
        values = dict(zip(rows["seed"].astype(int), rows["value"].astype(float), strict=True))
        failed = self.failed(cell)
        return Sample({**values, **dict.fromkeys(failed, worst(self._metrics[metric]))}, failed)

    def failed(self, cell: Cell) -> frozenset[int]:
        """Return the seeds whose run failed."""
        runs = self._runs[cell.method, cell.task]
        return frozenset(int(seed) for seed in runs.loc[~runs["status"].isin(ENDED_WELL), "seed"])

    def rows(self, cell: Cell, metric: str, split: str) -> pd.DataFrame:
        """Return the rows of a cell and a metric on one split, of runs that ended well. Raises Unresolved."""
        runs = self._runs[cell.method, cell.task]
        rows = self._measured.get(metric, self._none)
        rows = rows[rows["run"].isin(runs["run"])]
        return rows if rows.empty else rows[rows["split"] == _chosen(cell, set(rows["split"]), split)]

    def _of_split(self, cell: Cell, split: str) -> Scores:
        splits = self._scores[cell.task, self.trials(cell)]
        if not any(
            one.values[method].keys() - failed for one in splits.values() for method, failed in one.failed.items()
        ):
            return next(iter(splits.values()))  # every run failed, before it told what it measures on
        return splits[_chosen(cell, set(splits), split)]


def _chosen(cell: Cell, splits: set[str], split: str) -> str:
    """Return the split that is meant."""
    if split in splits:
        return split
    if not split and (len(splits) == 1 or "test" in splits):
        return "test" if "test" in splits else min(splits)
    raise Unresolved("split", f"'{cell.task}' measures on {', '.join(sorted(splits))}; give one of them as 'split'")


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
        spent=frozenset(metric for metric, described in metrics.items() if described["better"] == "lower"),
        has_anchors=run["task_label"] in anchored,
    )
