"""The results of one suite."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from harness import store
from harness.errors import ResultsError
from harness.results.labels import labelled, labels_of
from harness.results.leaderboard import Leaderboard, standings
from harness.results.newest import BOARD, is_newest, numbered_attempts
from harness.results.overview import Overview, overviews
from harness.results.scores import Scores, by_seed, worst
from harness.results.searches import Search, searches
from harness.selection import Facts, Selection, facts
from harness.spec import Anchors
from harness.stats import Interval, t_interval

_CELL = ("family", "method", "method_params", "task", "task_params")


class Results:
    """The results of one suite.

    `rows` is the whole table (see `harness.schema.SCHEMA`), one row per measured value, with the columns
    `method_label` and `task_label`: the name, and the parameters in which the variants at hand differ. `runs` has one
    row for each run, its last attempt. Where code or library versions changed between sessions, both hold for each cell
    (method, task, device) the newest state only; `history` holds everything. `damages` names what could not be read.
    The trials of tuned methods are neither in `rows` nor in `runs`, but in `all_rows`, `all_runs` and `searches`.
    """

    def __init__(
        self, history: pd.DataFrame, headers: Iterable[Mapping[str, Any]], damages: Iterable[str] = ()
    ) -> None:
        self._headers = headers = list(headers)
        self.history, self.damages = history, list(damages)
        number, attempts = numbered_attempts(history)
        counts = is_newest(attempts)
        chosen = counts[number]
        self._labels = labels_of(attempts[counts])
        #: As `rows` and `runs`, with the trials of tuned methods, which the two leave out.
        self.all_rows = labelled(history[chosen], self._labels)
        self.all_runs = labelled(attempts[counts], self._labels).reset_index(drop=True)
        self.rows = self.all_rows[self.all_rows["trial"] == 0]
        self.runs = self.all_runs[self.all_runs["trial"] == 0].reset_index(drop=True)
        self.metrics: dict[str, dict[str, Any]] = _merged(headers, "metrics")
        self.hardware: dict[str, dict[str, Any]] = _merged(headers, "hardware")
        self.environments: dict[str, dict[str, str]] = _merged(headers, "environment")
        self.title: str = headers[-1].get("title", "") if headers else ""
        self.suite_text: str = headers[-1].get("suite_text", "") if headers else ""
        self._primary: dict[str, str] = _merged(headers, "primary")
        self._anchors = {task: Anchors(**given) for task, given in _merged(headers, "anchors").items()}
        self._field: list[str] = headers[-1].get("field", []) if headers else []

    @classmethod
    def load(cls, folder: Path) -> Results:
        """Read a results folder; what is damaged is left out. Raises ResultsError where there is no such folder."""
        stored = store.read(folder)
        return cls(stored.rows.to_pandas(), stored.headers, stored.damages)

    def only(self, runs: Iterable[str]) -> Results:
        """Return these results with only the runs of these ids."""
        return Results(self.history[self.history["run"].isin(set(runs))], self._headers, self.damages)

    def counts(self) -> dict[str, int]:
        """Return how many runs ended in each status."""
        return {str(status): int(n) for status, n in self.all_runs["status"].value_counts().items()}

    def leaderboards(self) -> list[Leaderboard]:
        """Return a leaderboard for each task, test split, device and tuning budget."""
        return [self._leaderboard(*found) for found in self._boards]

    @cached_property
    def searches(self) -> list[Search]:
        """How methods were tuned: one search for each method and task, none where the suite does not tune."""
        return searches(self.all_runs, self.all_rows, _merged(self._headers, "select"), self.metrics)

    @property
    def scores(self) -> list[Scores]:
        """What every method scored, seed by seed: one for each task, test split, device and tuning budget."""
        return [scores for scores, _, _ in self._boards]

    def overviews(self) -> list[Overview]:
        """Return the methods over all tasks that have anchors, for each family and device."""
        field = {label for expression in self._field for label in self.select(expression, "method")["method_label"]}
        return overviews(self.scores, field, self._has_several_places)

    def select(self, expression: str, plain: str = "") -> pd.DataFrame:
        """Return the runs that an expression chooses (see `harness.selection`), as rows of `runs`.

        Raises ResultsError for a malformed expression and an unknown key.
        """
        try:
            selection = Selection.parse(expression, plain)
        except ValueError as error:
            raise ResultsError(str(error)) from None
        if unknown := selection.unknown({key for facts in self._cells.values() for key in facts}):
            raise ResultsError(f"'{expression}': {unknown}")
        chosen = {cell for cell, facts in self._cells.items() if selection.matches(facts)}
        return self.runs[[cell in chosen for cell in zip(*(self.runs[key] for key in _CELL), strict=True)]]

    @cached_property
    def _cells(self) -> dict[tuple[str, ...], Facts]:
        """What is known of each cell of the runs."""
        cells = set(zip(*(self.runs[key] for key in _CELL), strict=True))
        return {cell: facts(cell[0], cell[1], json.loads(cell[2]), cell[3], json.loads(cell[4])) for cell in cells}

    @cached_property
    def _boards(self) -> list[tuple[Scores, pd.DataFrame, pd.DataFrame]]:
        """The scores of each task, test split, device and tuning budget, with its runs and its telling rows."""
        found, keys = [], [*BOARD, "trials"]
        values = dict(list(self._telling.groupby(keys, sort=False)))
        for key, runs in self.runs.groupby(keys, sort=False):
            told, metric = values.get(key, self._telling.iloc[:0]), self._primary[f"{key[0]} {key[1]}"]
            splits = sorted(told[(told["metric"] == metric) & told["split"].str.startswith("test")]["split"].unique())
            found += [(self._scores(runs, told, str(split), metric), runs, told) for split in splits or ["test"]]
        return found

    def _scores(self, runs: pd.DataFrame, told: pd.DataFrame, split: str, metric: str) -> Scores:
        described, first = self.metrics[metric], runs.iloc[0]
        chosen = told[(told["metric"] == metric) & (told["split"] == split)]
        values, failed = by_seed(runs, chosen, worst(described))
        return Scores(
            family=first["family"],
            task=first["task_label"],
            split=split,
            metric=metric,
            better=described["better"],
            hardware=first["hardware"],
            device=first["device"],
            values=values,
            failed=failed,
            anchors=self._anchors.get(f"{first['task']} {first['task_params']}"),
            trials=int(first["trials"]),
        )

    @cached_property
    def _has_several_places(self) -> bool:
        return len(self.runs[["hardware", "device"]].drop_duplicates()) > 1

    @cached_property
    def _telling(self) -> pd.DataFrame:
        """The rows that leaderboards are made of: test scores, and all of costs; learning curves are left out."""
        roles = {name: metric["role"] for name, metric in self.metrics.items()}
        costs = self.rows["metric"].isin([name for name, role in roles.items() if role == "cost"])
        split = self.rows["split"]
        tests = split.isin([name for name in split.dropna().unique() if str(name).startswith("test")])
        return self.rows[costs | tests]

    def _leaderboard(self, scores: Scores, runs: pd.DataFrame, told: pd.DataFrame) -> Leaderboard:
        scored = {method for method, seeds in scores.values.items() if len(scores.failed[method]) < len(seeds)}
        return Leaderboard(
            task=scores.task,
            split=scores.split,
            metric=scores.metric,
            better=scores.better,
            hardware=scores.hardware,
            device=scores.device,
            place=f"{scores.device} of {scores.hardware}" if self._has_several_places else "",
            standings=standings(scores, scored, self._costs(told), _origins(runs)),
            unscored=_reasons(runs[~runs["method_label"].isin(scored)]),
            baselines=self._baselines(told, scores.split),
            family=scores.family,
            anchors=scores.anchors,
            trials=scores.trials,
            searches=self._searches(scores),
            budget=_budget(scores.trials) if (self.runs["trials"] > 0).any() else "",
        )

    def _searches(self, scores: Scores) -> dict[str, Search]:
        """Return how the methods of a leaderboard were tuned."""
        where = scores.task, scores.hardware, scores.device, scores.trials
        return {one.method: one for one in self.searches if where == (one.task, one.hardware, one.device, one.budget)}

    def _costs(self, told: pd.DataFrame) -> dict[str, dict[str, float]]:
        """Return the mean of each cost over seeds, by method."""
        names = [name for name, metric in self.metrics.items() if metric["role"] == "cost"]
        chosen = told[told["metric"].isin(names) & (told["status"] == "done")]
        costs: dict[str, dict[str, float]] = defaultdict(dict)
        means = chosen.groupby(["method_label", "metric"], as_index=False)["value"].mean()
        for method, name, value in zip(means["method_label"], means["metric"], means["value"], strict=True):
            costs[method][name] = value
        return costs

    def _baselines(self, told: pd.DataFrame, split: str) -> dict[str, Interval]:
        """Return each baseline over seeds; within a seed every method's run has computed the same value."""
        names = [name for name, metric in self.metrics.items() if metric["role"] == "baseline"]
        chosen = told[told["metric"].isin(names) & (told["split"] == split)]
        by_seed = chosen.groupby(["metric", "seed"])["value"].mean()
        return {str(name): t_interval(list(values)) for name, values in by_seed.groupby(level=0)}


def _budget(trials: int) -> str:
    return f"tuned with {trials} trial{'s' * (trials > 1)} each" if trials else "not tuned"


def _origins(runs: pd.DataFrame) -> dict[str, str]:
    """Return for each method where its hyper-parameters come from."""
    told = runs[runs["origin"].notna()]
    return {str(method): "; ".join(sorted(set(group))) for method, group in told.groupby("method_label")["origin"]}


def _reasons(runs: pd.DataFrame) -> dict[str, str]:
    """Return for each method what became of its runs: statuses with their reasons."""
    reason = runs["reason"].where(runs["status"] != "done", "no value on this split")
    told = runs["status"] + ": " + reason
    return {str(method): "; ".join(sorted(set(group))) for method, group in told.groupby(runs["method_label"])}


def _merged(headers: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return {name: value for header in headers for name, value in header.get(key, {}).items()}
