"""Everything stored about a suite, and the only place that groups, ranks and compares."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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

    `rows` is the whole table (see `harness.store.SCHEMA`), one row per measured value, with the columns
    `method_label` and `task_label`: the name, and the parameters in which the variants at hand differ. `runs` has one
    row for each run, its last attempt. Where code or library versions changed between sessions, both hold for each cell
    (method, task, device) the newest state only; `history` holds everything.
    """

    def __init__(self, history: pd.DataFrame, headers: Iterable[Mapping[str, Any]]) -> None:
        self._headers = headers = list(headers)
        self.history = history
        self.rows = _labelled(_newest(history))
        self.metrics: dict[str, dict[str, Any]] = _merged(headers, "metrics")
        self.hardware: dict[str, dict[str, Any]] = _merged(headers, "hardware")
        self.environments: dict[str, dict[str, str]] = _merged(headers, "environment")
        self.title: str = headers[-1].get("title", "") if headers else ""
        self.suite_text: str = headers[-1].get("suite_text", "") if headers else ""
        self._primary: dict[str, str] = _merged(headers, "primary")

    @classmethod
    def load(cls, folder: Path) -> Results:
        """Read a results folder. Raises ResultsError where it is missing or damaged."""
        return cls(store.read(folder).to_pandas(), store.read_headers(folder))

    def only(self, runs: Iterable[str]) -> Results:
        """Return these results with only the runs of these ids."""
        return Results(self.history[self.history["run"].isin(set(runs))], self._headers)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run: its last attempt."""
        return self.rows.drop_duplicates("run").reset_index(drop=True)

    def counts(self) -> dict[str, int]:
        """Return how many runs ended in each status."""
        return {str(status): int(n) for status, n in self.runs["status"].value_counts().items()}

    def leaderboards(self) -> list[Leaderboard]:
        """Return a leaderboard for each task, test split and device."""
        boards = []
        for _, rows in self.rows.groupby(BOARD, sort=False):
            first = rows.iloc[0]
            metric = self._primary[f"{first['task']} {first['task_params']}"]
            scored = rows[(rows["metric"] == metric) & rows["split"].fillna("").str.startswith("test")]
            boards += [
                self._leaderboard(rows, str(split), metric) for split in sorted(scored["split"].unique()) or ["test"]
            ]
        return boards

    def _leaderboard(self, rows: pd.DataFrame, split: str, metric: str) -> Leaderboard:
        better = self.metrics[metric]["better"]
        scored = rows[(rows["status"] == "done") & (rows["metric"] == metric) & (rows["split"] == split)]
        by_seed = {
            str(method): dict(zip(group["seed"], group["value"], strict=True))
            for method, group in scored.groupby("method_label")
        }
        alike = _like_best(by_seed, better)
        standings = []
        for method, seeds in by_seed.items():
            own = rows[rows["method_label"] == method]
            failures = int((own.drop_duplicates("run")["status"] != "done").sum())
            score = t_interval(list(seeds.values()))
            standings.append(Standing(method, score, method in alike, failures, self._costs(own)))
        standings.sort(key=lambda s: -s.score.mean if better == "higher" else s.score.mean)
        first, several = rows.iloc[0], len(self.rows[["hardware", "device"]].drop_duplicates()) > 1
        return Leaderboard(
            task=first["task_label"],
            split=split,
            metric=metric,
            better=better,
            hardware=first["hardware"],
            device=first["device"],
            place=f"{first['device']} of {first['hardware']}" if several else "",
            standings=tuple(standings),
            unscored=_reasons(rows[~rows["method_label"].isin(by_seed)]),
            baselines=self._baselines(rows, split),
        )

    def _costs(self, rows: pd.DataFrame) -> dict[str, float]:
        names = [name for name, metric in self.metrics.items() if metric["role"] == "cost"]
        chosen = rows[rows["metric"].isin(names) & (rows["status"] == "done")]
        return {str(name): float(value) for name, value in chosen.groupby("metric")["value"].mean().items()}

    def _baselines(self, rows: pd.DataFrame, split: str) -> dict[str, Interval]:
        """Return each baseline over seeds; within a seed every method's run has computed the same value."""
        names = [name for name, metric in self.metrics.items() if metric["role"] == "baseline"]
        chosen = rows[rows["metric"].isin(names) & (rows["split"] == split)]
        by_seed = chosen.groupby(["metric", "seed"])["value"].mean()
        return {str(name): t_interval(list(values)) for name, values in by_seed.groupby(level=0)}


def _newest(history: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that count: of each cell the newest state, of each seed in it the newest run's last attempt.

    A state is the code and the libraries. Of a task only what ran with its newest code counts, whatever the method.
    """
    if history.empty:
        return history
    # Two sessions may have made the same attempt of a run: the first one counts.
    ordered = history.sort_values(["started_at", "session"], kind="stable")
    first = ordered.groupby(["run", "attempt"])["session"].transform("first")
    ordered = ordered[ordered["session"] == first]
    rows = ordered[ordered["attempt"] == ordered.groupby("run")["attempt"].transform("max")]
    for keys, state in ((BOARD, ["task_source"]), (CELL, ["source", "libraries"]), ([*CELL, "seed"], ["run"])):
        newest = rows.groupby(keys)[state].transform("last")
        rows = rows[(rows[state] == newest).all(axis=1)]
    return rows


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the columns `method_label` and `task_label`."""
    labels = {
        (kind, name, text): label
        for kind in ("method", "task")
        for name, variants in rows.groupby(kind)[kind + "_params"].unique().items()
        for text, label in _labels(str(name), list(variants)).items()
    }
    columns = {
        f"{kind}_label": [
            labels[kind, name, text] for name, text in zip(rows[kind], rows[f"{kind}_params"], strict=True)
        ]
        for kind in ("method", "task")
    }
    return rows.assign(**columns)


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


def _reasons(rows: pd.DataFrame) -> dict[str, str]:
    """Return for each method what became of its runs: statuses with their reasons."""
    ended = rows.drop_duplicates("run")
    reason = ended["reason"].where(ended["status"] != "done", "no value on this split")
    told = ended["status"] + ": " + reason
    return {str(method): "; ".join(sorted(set(group))) for method, group in told.groupby(ended["method_label"])}


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
