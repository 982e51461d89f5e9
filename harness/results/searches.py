"""How methods were tuned: what each trial scored on validation data, which won, and how that did on fresh seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from harness.results.newest import BOARD
from harness.results.scores import worst
from harness.stats import Interval, t_interval
from harness.stats.samples import Better
from harness.stats.tuning import expected_best
from harness.tuning import SPLIT, best_trial, run_score, trial_score

SEARCH = ["method", "variant", *BOARD]


@dataclass(frozen=True)
class Trial:
    """One point of a method's space: its values, and its score on validation data, None where a run of it failed."""

    number: int
    values: Mapping[str, Any]
    score: float | None
    statuses: tuple[str, ...]  # of its runs, seed by seed


@dataclass(frozen=True)
class Search:
    """The trials of a method on a task, on one device of one kind of hardware.

    Only validation data has a say: `metric` is what the trials were compared by, each run at the best of its
    evaluations. `winner` is the number of the best trial, 0 where all failed. `fresh` is the winner's score by the same
    metric and data on the suite's own seeds, which no trial has seen: that of the trials is biased, being the best of
    many. It is None where the winner has not been run on these. `worst` is what a failed trial counts as.
    """

    method: str
    task: str
    hardware: str
    device: str
    metric: str
    better: Better
    seeds: tuple[int, ...]  # of the trials
    trials: tuple[Trial, ...]  # as many as the budget is
    winner: int
    fresh: Interval | None
    worst: float

    @property
    def budget(self) -> int:
        """How many trials there were."""
        return len(self.trials)

    @property
    def selected(self) -> float | None:
        """The score that the winner was chosen by."""
        return next((trial.score for trial in self.trials if trial.number == self.winner), None)

    @property
    def failures(self) -> int:
        """How many trials failed."""
        return sum(trial.score is None for trial in self.trials)

    @cached_property
    def curve(self) -> list[float]:
        """The expected best score of k trials for k = 1 … n; see `harness.stats.tuning.expected_best`."""
        scores = [self.worst if trial.score is None else trial.score for trial in self.trials]
        return [float(value) for value in expected_best(scores, self.better)]


def searches(
    runs: pd.DataFrame, rows: pd.DataFrame, select: Mapping[str, str], metrics: Mapping[str, Mapping[str, Any]]
) -> list[Search]:
    """Return a search for each method that was tuned on a task, and for each budget where there are several.

    Args:
        runs: the runs that count, trials included; `rows` are their values.
        select: the metric that trials are compared by, for each task with its parameters.
        metrics: what is known of each metric, by name.
    """
    trials, finals = runs[runs["trial"] > 0], runs[runs["trials"] > 0]
    if trials.empty:  # without a look at the rows, which may be a million
        return []
    values = rows[(rows["split"] == SPLIT) & ((rows["trial"] > 0) | (rows["trials"] > 0))]
    of: dict[str, dict[str, list[float]]] = {}  # metric -> run -> values
    for name, run, value in zip(values["metric"], values["run"], values["value"], strict=True):
        of.setdefault(name, {}).setdefault(run, []).append(value)
    by_cell: dict[Any, pd.DataFrame] = dict(list(finals.groupby(SEARCH, sort=False)))
    found = []
    for key, group in trials.groupby(SEARCH, sort=False):
        metric = select[f"{group.iloc[0]['task']} {group.iloc[0]['task_params']}"]
        final = by_cell[key] if key in by_cell else finals.iloc[:0]
        for budget in sorted(set(final["trials"])) or [group["trial"].max()]:
            drawn, chosen = group[group["trial"] <= budget], final[final["trials"] == budget]
            found.append(_search(drawn, chosen, of.get(metric, {}), metric, metrics[metric]))
    return found


def _search(
    group: pd.DataFrame,
    finals: pd.DataFrame,
    values: Mapping[str, list[float]],
    metric: str,
    described: Mapping[str, Any],
) -> Search:
    better: Better = described["better"]
    scores = {
        run: run_score(status, values.get(run, []), better)
        for run, status in zip(group["run"], group["status"], strict=True)
    }
    first = group.iloc[0]
    by_number = {
        number: group[group["trial"] == number].sort_values("seed") for number in map(int, sorted(set(group["trial"])))
    }
    of_trial = {number: trial_score([scores[run] for run in part["run"]]) for number, part in by_number.items()}
    winner = best_trial(of_trial, better)
    return Search(
        method=first["method_label"],
        task=first["task_label"],
        hardware=first["hardware"],
        device=first["device"],
        metric=metric,
        better=better,
        seeds=tuple(sorted(int(seed) for seed in group["seed"].unique())),
        trials=tuple(
            Trial(number, _values(part.iloc[0], group), of_trial[number], tuple(part["status"]))
            for number, part in by_number.items()
        ),
        winner=winner,
        fresh=_fresh(finals, by_number[winner].iloc[0], values, better) if winner else None,
        worst=worst(described),
    )


def _values(trial: Any, group: pd.DataFrame) -> dict[str, Any]:
    """Return the parameters of a trial in which trials of its method differ."""
    found: dict[str, Any] = {}
    for column in ("method_params", "recipe"):
        spelled = [json.loads(text) for text in group[column].unique()]
        mine = json.loads(trial[column])
        found |= {name: mine[name] for name in mine if len({json.dumps(one.get(name)) for one in spelled}) > 1}
    return found


def _fresh(finals: pd.DataFrame, winner: Any, values: Mapping[str, list[float]], better: Better) -> Interval | None:
    """Return the score over fresh seeds of the runs of the winner; runs that failed leave none."""
    same = finals[(finals["method_params"] == winner["method_params"]) & (finals["recipe"] == winner["recipe"])]
    scores = [
        run_score(status, values.get(run, []), better) for run, status in zip(same["run"], same["status"], strict=True)
    ]
    known = [score for score in scores if score is not None]
    return t_interval(known) if known and len(known) == len(scores) else None
