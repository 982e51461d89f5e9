"""Everything stored about a suite, and the only place that groups, ranks and compares."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness import store
from harness.stats import Interval, holm, paired_p, t_interval

BOARD = ["task", "task_params", "hardware", "device"]
CELL = ["method", "method_params", *BOARD]
SIGNIFICANCE = 0.05
FEW_SEEDS = 5


@dataclass(frozen=True)
class Standing:
    """One line of a leaderboard. `like_best`: paired tests over seeds cannot tell it from the best."""

    method: str
    score: Interval
    like_best: bool
    failures: int
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Leaderboard:
    """The methods on one task, one test split and one device of one kind of hardware, best first by the primary metric.

    `place` names device and hardware where the results hold several.
    """

    task: str
    split: str
    metric: str
    better: str
    hardware: str
    device: str
    place: str
    standings: tuple[Standing, ...]
    unscored: Mapping[str, str]  # method -> why it has no value at all
    baselines: Mapping[str, Interval]  # metric of role "baseline" -> its value over seeds

    @property
    def like_best(self) -> list[str]:
        """The best method and those that cannot be told from it."""
        return [standing.method for standing in self.standings if standing.like_best]

    @property
    def verdict(self) -> str:
        """Say in one sentence how far the task tells its methods apart."""
        alike, count = len(self.like_best), len(self.standings)
        if count < 2:
            return ""
        seeds = min(standing.score.n for standing in self.standings)
        if seeds < 2:
            return "One seed: nothing here says which differences are more than chance."
        test = f"paired t-tests over {seeds} seeds, Holm, {100 * SIGNIFICANCE:.0f} %"
        if seeds < FEW_SEEDS:
            test += f"; fewer than {FEW_SEEDS} seeds can tell little apart"
        if alike == 1:
            return f"The best can be told from all others ({test})."
        told = "none of the others" if alike == count else f"only {count - alike} of the {count - 1} others"
        if alike > count / 2:
            return f"Little is separated at this budget and n: {told} can be told from the best ({test})."
        return f"* cannot be told from the best ({test})."


class Results:
    """The results of one suite.

    `rows` is the whole table (see `harness.schema.SCHEMA`), one row per measured value, with the columns
    `method_label` and `task_label`: the name, and the parameters in which the variants at hand differ. `runs` has one
    row for each run, its last attempt. Where code or library versions changed between sessions, both hold for each cell
    (method, task, device) the newest state only; `history` holds everything. `damages` names what could not be read.
    """

    def __init__(
        self, history: pd.DataFrame, headers: Iterable[Mapping[str, Any]], damages: Iterable[str] = ()
    ) -> None:
        self._headers = headers = list(headers)
        self.history, self.damages = history, list(damages)
        number, attempts = _attempts(history)
        counts = _is_newest(attempts)
        chosen = counts[number]
        self._labels = _labels_of(attempts[counts])
        self.rows = _labelled(history[chosen], self._labels)
        #: One row per run: its last attempt.
        self.runs = _labelled(attempts[counts], self._labels).reset_index(drop=True)
        self.metrics: dict[str, dict[str, Any]] = _merged(headers, "metrics")
        self.hardware: dict[str, dict[str, Any]] = _merged(headers, "hardware")
        self.environments: dict[str, dict[str, str]] = _merged(headers, "environment")
        self.title: str = headers[-1].get("title", "") if headers else ""
        self.suite_text: str = headers[-1].get("suite_text", "") if headers else ""
        self._primary: dict[str, str] = _merged(headers, "primary")

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
        return {str(status): int(n) for status, n in self.runs["status"].value_counts().items()}

    def leaderboards(self) -> list[Leaderboard]:
        """Return a leaderboard for each task, test split and device."""
        boards = []
        values = dict(list(self._telling.groupby(BOARD, sort=False)))
        for key, runs in self.runs.groupby(BOARD, sort=False):
            told, metric = values.get(key, self._telling.iloc[:0]), self._primary[f"{key[0]} {key[1]}"]
            splits = sorted(told[(told["metric"] == metric) & told["split"].str.startswith("test")]["split"].unique())
            boards += [self._leaderboard(runs, told, str(split), metric) for split in splits or ["test"]]
        return boards

    @cached_property
    def _telling(self) -> pd.DataFrame:
        """The rows that leaderboards are made of: test scores, and all of costs; learning curves are left out."""
        roles = {name: metric["role"] for name, metric in self.metrics.items()}
        costs = self.rows["metric"].isin([name for name, role in roles.items() if role == "cost"])
        split = self.rows["split"]
        tests = split.isin([name for name in split.dropna().unique() if str(name).startswith("test")])
        return self.rows[costs | tests]

    def _leaderboard(self, runs: pd.DataFrame, told: pd.DataFrame, split: str, metric: str) -> Leaderboard:
        better = self.metrics[metric]["better"]
        scored = told[(told["status"] == "done") & (told["metric"] == metric) & (told["split"] == split)]
        by_seed = {
            str(method): dict(zip(group["seed"], group["value"], strict=True))
            for method, group in scored.groupby("method_label")
        }
        alike, costs = _like_best(by_seed, better), self._costs(told)
        failures = (runs["status"] != "done").groupby(runs["method_label"]).sum()
        standings = [
            Standing(method, t_interval(list(seeds.values())), method in alike, int(failures[method]), costs[method])
            for method, seeds in by_seed.items()
        ]
        standings.sort(key=lambda s: -s.score.mean if better == "higher" else s.score.mean)
        first, several = runs.iloc[0], len(self.runs[["hardware", "device"]].drop_duplicates()) > 1
        return Leaderboard(
            task=first["task_label"],
            split=split,
            metric=metric,
            better=better,
            hardware=first["hardware"],
            device=first["device"],
            place=f"{first['device']} of {first['hardware']}" if several else "",
            standings=tuple(standings),
            unscored=_reasons(runs[~runs["method_label"].isin(by_seed)]),
            baselines=self._baselines(told, split),
        )

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


def _attempts(history: pd.DataFrame) -> tuple[np.ndarray[Any, Any], pd.DataFrame]:
    """Return for each row of the table the number of its attempt, and a row for each attempt, numbered from 0."""
    runs, sessions = (pd.factorize(history[name])[0] for name in ("run", "session"))
    attempts = history["attempt"].to_numpy(dtype=np.int64)
    keys = (runs * (sessions.max(initial=0) + 1) + sessions) * (attempts.max(initial=0) + 1) + attempts
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return number, history.iloc[first].reset_index(drop=True)


def _is_newest(attempts: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Tell which attempts count: of each cell the newest state, of each seed in it the newest run's last attempt.

    A state is the code and the libraries. Of a task only what ran with its newest code counts, whatever the method.
    """
    # Two sessions may have made the same attempt of a run: the first one counts.
    left = attempts.sort_values(["started_at", "session"], kind="stable")
    left = left.drop_duplicates(["run", "attempt"])
    left = left[left["attempt"] == left.groupby("run")["attempt"].transform("max")]
    for keys, state in ((BOARD, ["task_source"]), (CELL, ["source", "libraries"]), ([*CELL, "seed"], ["run"])):
        newest = left.groupby(keys)[state].transform("last")
        left = left[(left[state] == newest).all(axis=1)]
    counts = np.zeros(len(attempts), dtype=bool)
    counts[left.index] = True
    return counts


_Labels = dict[tuple[str, str, str], str]  # kind, name, parameters -> label


def _labels_of(runs: pd.DataFrame) -> _Labels:
    """Return a label for each method and task at hand."""
    return {
        (kind, str(name), text): label
        for kind in ("method", "task")
        for name, variants in runs.groupby(kind)[kind + "_params"].unique().items()
        for text, label in _labels(str(name), list(variants)).items()
    }


def _labelled(rows: pd.DataFrame, labels: _Labels) -> pd.DataFrame:
    """Return rows with the columns `method_label` and `task_label`."""
    return rows.assign(**{f"{kind}_label": _label_column(rows, kind, labels) for kind in ("method", "task")})


def _label_column(rows: pd.DataFrame, kind: str, labels: _Labels) -> Any:
    """Return the labels of rows, looked up once for each pair of a name and parameters."""
    (names, name), (texts, text) = pd.factorize(rows[kind]), pd.factorize(rows[kind + "_params"])
    pairs, inverse = np.unique(names * max(len(text), 1) + texts, return_inverse=True)
    found = [labels[kind, name[pair // len(text)], text[pair % len(text)]] for pair in pairs]
    return pd.array(found, dtype="str").take(inverse)


def _labels(name: str, variants: list[str]) -> dict[str, str]:
    """Return a label for each set of parameters (JSON): the name, and the parameters that not all have alike."""
    parsed = {text: json.loads(text) for text in variants}
    spelled = {text: {key: json.dumps(value) for key, value in params.items()} for text, params in parsed.items()}
    keys = dict.fromkeys(key for params in spelled.values() for key in params)
    varying = [key for key in keys if len({params.get(key) for params in spelled.values()}) > 1]

    def label(text: str, quoted: bool) -> str:
        words = {
            k: v if quoted or not isinstance(parsed[text][k], str) else parsed[text][k]
            for k, v in spelled[text].items()
        }
        return " ".join([name, *(f"{key}={words[key]}" for key in varying if key in words)])

    plain = {text: label(text, quoted=False) for text in variants}
    # A text may read like a number: then it keeps its quotes, since two variants must not share a label.
    return plain if len(set(plain.values())) == len(plain) else {text: label(text, quoted=True) for text in variants}


def _reasons(runs: pd.DataFrame) -> dict[str, str]:
    """Return for each method what became of its runs: statuses with their reasons."""
    reason = runs["reason"].where(runs["status"] != "done", "no value on this split")
    told = runs["status"] + ": " + reason
    return {str(method): "; ".join(sorted(set(group))) for method, group in told.groupby(runs["method_label"])}


def _merged(headers: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return {name: value for header in headers for name, value in header.get(key, {}).items()}


def _like_best(by_seed: Mapping[str, Mapping[int, float]], better: str) -> set[str]:
    """Return the best method and those that paired tests over their common seeds cannot tell from it."""
    if not by_seed:
        return set()
    means = {method: sum(seeds.values()) / len(seeds) for method, seeds in by_seed.items()}
    best = (max if better == "higher" else min)(means, key=lambda method: means[method])
    p_values = {}
    for method in by_seed.keys() - {best}:
        common = sorted(by_seed[best].keys() & by_seed[method].keys())
        p_values[method] = paired_p([by_seed[best][s] for s in common], [by_seed[method][s] for s in common])
    return {best, *(method for method, p in holm(p_values).items() if p >= SIGNIFICANCE)}
