"""The results of one suite."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from harness import artefacts, document, store
from harness.claims import Claim, read_claims
from harness.errors import ResultsError, did_you_mean
from harness.published import Published
from harness.results.comparison import Comparison, compared
from harness.results.evidence import Evidence
from harness.results.judging import Judgement, judge, unjudged
from harness.results.labels import labelled, labels_of
from harness.results.leaderboard import Leaderboard, relative, standings
from harness.results.newest import BOARD, is_newest, numbered_attempts
from harness.results.overview import Overview, overviews
from harness.results.profiles import CostProfile, cost_profile
from harness.results.scores import Scores, by_seed, worst
from harness.results.searches import Search, searches
from harness.selection import Facts, Selection, facts
from harness.spec import Anchors
from harness.stats import t_interval

_PLACE = ["task_label", "hardware", "device"]
_TELLING = [*BOARD, "trials", "task_label", "method_label", "run", "seed", "status", "split", "step", "metric", "value"]
_RUN = [*BOARD, "trials", "origin", "task_label", "method_label", "family", "run", "seed", "status", "reason"]
_Costs = defaultdict[tuple[str, ...], dict[str, float]]  # task, hardware, device, split, method -> metric -> mean
_Baselines = defaultdict[tuple[str, ...], defaultdict[str, list[float]]]  # task, hardware, device, split -> metric
_CELL = ("family", "method", "variant", "task", "task_params")


class Results:
    """The results of one suite.

    `rows` is the whole table (see `harness.schema.SCHEMA`), one row per measured value, with the columns
    `method_label` and `task_label`: the name, and the parameters in which the variants at hand differ. `runs` has one
    row for each run, its last attempt. Where code or library versions changed between sessions, both hold for each cell
    (method, task, device) the newest state only; `history` holds everything. `damages` names what could not be read.
    The trials of tuned methods are neither in `rows` nor in `runs`, but in `all_rows`, `all_runs` and `searches`.
    """

    def __init__(
        self,
        history: pd.DataFrame,
        headers: Iterable[Mapping[str, Any]],
        damages: Iterable[str] = (),
        folder: Path | None = None,
    ) -> None:
        self._folder = folder
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
        self.description: str = headers[-1].get("description", "") if headers else ""
        self.published = [Published(**plain) for plain in headers[-1].get("published", [])] if headers else []
        self.suite_text: str = headers[-1].get("suite_text", "") if headers else ""
        self._primary: dict[str, str] = _merged(headers, "primary")
        self._anchors = {task: Anchors(**given) for task, given in _merged(headers, "anchors").items()}
        self._field: list[str] = headers[-1].get("field", []) if headers else []

    @classmethod
    def load(cls, folder: Path) -> Results:
        """Read a results folder; what is damaged is left out. Raises ResultsError where there is no such folder."""
        stored = store.read(folder)
        return cls(stored.rows.to_pandas(), stored.headers, stored.damages, folder)

    def only(self, runs: Iterable[str]) -> Results:
        """Return these results with only the runs of these ids."""
        return Results(self.history[self.history["run"].isin(set(runs))], self._headers, self.damages, self._folder)

    def anchored(self, anchors: Mapping[str, Anchors]) -> Results:
        """Return these results with other anchors: task and its parameters, as in a header's "primary" -> anchors."""
        last = self._headers[-1] if self._headers else {}
        newest = {**last, "anchors": {task: asdict(given) for task, given in anchors.items()}}
        return Results(self.history, [*self._headers, newest], self.damages, self._folder)

    def artefact(self, run: str, name: str) -> artefacts.Arrays | None:
        """Return the arrays that a run left by `context.keep(name, …)`, or None where it left none or they are gone.

        Raises ResultsError where they are damaged.
        """
        return None if self._folder is None else artefacts.read(artefacts.path_of(self._folder, run, name))

    def counts(self) -> dict[str, int]:
        """Return how many runs ended in each status."""
        return {str(status): int(n) for status, n in self.all_runs["status"].value_counts().items()}

    def leaderboards(self) -> list[Leaderboard]:
        """Return a leaderboard for each task, test split, device and tuning budget."""
        return list(self._leaderboards)

    @cached_property
    def _leaderboards(self) -> list[Leaderboard]:
        costs, baselines = self._costs(), self._baselines()
        return [self._leaderboard(*found, costs, baselines) for found in self._boards]

    @cached_property
    def searches(self) -> list[Search]:
        """How methods were tuned: one search for each method and task, none where the suite does not tune."""
        return searches(self.all_runs, self.all_rows, _merged(self._headers, "select"), self.metrics)

    @property
    def scores(self) -> list[Scores]:
        """What every method scored, seed by seed: one for each task, test split, device and tuning budget."""
        return [scores for scores, _ in self._boards]

    def overviews(self) -> list[Overview]:
        """Return the methods over all tasks that have anchors, for each family and device."""
        return list(self._all_overviews)

    @cached_property
    def _all_overviews(self) -> list[Overview]:
        return self._overviews(self.scores)

    def _overviews(self, scores: list[Scores]) -> list[Overview]:
        return overviews(scores, self._in_field, self._has_several_places)

    @cached_property
    def _in_field(self) -> set[str]:
        """The methods that the suite names as its field."""
        return {label for expression in self._field for label in self.select(expression, "method")["method_label"]}

    def cost_profile(self, overview: Overview, metric: str, factors: Sequence[float]) -> CostProfile | None:
        """Return the performance profile of a cost among the methods of an overview, where it has one."""
        if metric not in self.metrics:
            return None
        where = overview.hardware, overview.device
        evidence = next(one for one in self.evidence() if (one.hardware, one.device) == where)
        return cost_profile(overview, evidence, metric, factors)

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
    def _boards(self) -> list[tuple[Scores, pd.DataFrame]]:
        """The scores of each task, test split, device and tuning budget, with its runs."""
        found, keys = [], [*BOARD, "trials"]
        values = dict(list(self._telling.groupby(keys, sort=False)))
        for key, runs in self.runs[_RUN].groupby(keys, sort=False):
            told, metric = values.get(key, self._telling.iloc[:0]), self._primary[f"{key[0]} {key[1]}"]
            ranked = told[told["metric"] == metric]
            splits = sorted(str(split) for split in ranked["split"].unique() if str(split).startswith("test"))
            found += [(self._scores(runs, ranked, split, metric), runs) for split in splits or ["test"]]
        return found

    def compare(self, a: str, b: str, tasks: Iterable[str] = (), margin: float | None = None) -> list[Comparison]:
        """Compare two methods, each chosen by an expression or named, on each device.

        Args:
            tasks: names of tasks or expressions; all where there is none.
            margin: the difference on the scale of the anchors that does not matter.

        Raises ResultsError where an expression is malformed or does not choose one method, or no task is common.
        """
        label_a, label_b = (self._one_method(expression) for expression in (a, b))
        wanted = [set(self._chosen(expression, "task")["task_label"]) for expression in tasks]
        chosen = [one for one in self.scores if not wanted or any(one.task in labels for labels in wanted)]
        found = [
            compared(label_a, label_b, [one for one in chosen if overview.is_of(one)], overview, margin)
            for overview in self._overviews(chosen)
        ]
        if not any(comparison.matches for comparison in found):
            raise ResultsError(f"{label_a} and {label_b} have no seed of a task in common")
        return [comparison for comparison in found if comparison.matches]

    def _one_method(self, expression: str) -> str:
        labels = self._chosen(expression, "method")["method_label"].unique()
        if len(labels) > 1:
            raise ResultsError(f"'{expression}' matches {len(labels)} methods: {', '.join(labels)}; narrow it to one")
        return str(labels[0])

    def _chosen(self, expression: str, plain: str) -> pd.DataFrame:
        runs = self.select(expression, plain)
        if runs.empty:
            raise ResultsError(f"'{expression}' matches no {plain}{did_you_mean(expression, set(self.runs[plain]))}")
        return runs

    def ledger(self) -> list[Judgement]:
        """Return what became of each claim on each device."""
        evidence = self.evidence() if self.claims else []
        if not evidence:
            return [unjudged(claim, "nothing is stored") for claim in self.claims]
        return [judge(claim, one) for claim in self.claims for one in evidence]

    def evidence(self) -> list[Evidence]:
        """Return what claims are judged by, for each device of each kind of hardware."""
        return [
            Evidence.gather(
                runs,
                self._telling,
                [one for one in self.scores if (one.hardware, one.device) == place],
                self.metrics,
                self._primary,
                f"{place[1]} of {place[0]}" if self._has_several_places else "",
            )
            for place, runs in self.runs.groupby(["hardware", "device"], sort=False)
        ]

    @cached_property
    def claims(self) -> tuple[Claim, ...]:
        """The claims of the suite as it was stored last; who knows the suite as it is now sets those."""
        if not self.suite_text:
            return ()
        source = document.parse(self.suite_text, Path("the stored suite"))
        return read_claims(source, (source.data or {}).get("claims", []))

    def _scores(self, runs: pd.DataFrame, ranked: pd.DataFrame, split: str, metric: str) -> Scores:
        described, first = self.metrics[metric], runs.iloc[0]
        values, failed = by_seed(runs, ranked[ranked["split"] == split], worst(described))
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
        costs = self.rows["metric"].isin(self._of_role("cost"))
        split = self.rows["split"]
        tests = split.isin([name for name in split.dropna().unique() if str(name).startswith("test")])
        return self.rows.loc[costs | tests, _TELLING]

    def _of_role(self, role: str) -> list[str]:
        return [name for name, metric in self.metrics.items() if metric["role"] == role]

    def _leaderboard(self, scores: Scores, runs: pd.DataFrame, costs: _Costs, baselines: _Baselines) -> Leaderboard:
        scored = {method for method, seeds in scores.values.items() if len(scores.failed[method]) < len(seeds)}
        board = scores.task, scores.hardware, scores.device
        spent = {m: costs[*board, "train", m] | costs[*board, scores.split, m] for m in scored}
        return Leaderboard(
            task=scores.task,
            split=scores.split,
            metric=scores.metric,
            better=scores.better,
            hardware=scores.hardware,
            device=scores.device,
            place=f"{scores.device} of {scores.hardware}" if self._has_several_places else "",
            standings=standings(scores, scored, spent, self._cost_ratios(runs, spent), _origins(runs)),
            unscored=_reasons(runs[~runs["method_label"].isin(scored)]),
            baselines={name: t_interval(values) for name, values in baselines[*board, scores.split].items()},
            family=scores.family,
            anchors=scores.anchors,
            trials=scores.trials,
            searches=self._searches(scores),
            budget=_budget(scores.trials) if (self.runs["trials"] > 0).any() else "",
        )

    def _cost_ratios(self, runs: pd.DataFrame, spent: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """Return the first cost in seconds of each method, relative to the field; none of a task that ranks by time."""
        if "reference" in json.loads(runs["task_params"].iloc[0]):
            return {}
        times = [name for name in self._of_role("cost") if self.metrics[name]["unit"] == "s"]
        name = next((name for name in times if any(name in costs for costs in spent.values())), "")
        return relative({method: costs[name] for method, costs in spent.items() if name in costs}, self._in_field)

    def _searches(self, scores: Scores) -> dict[str, Search]:
        """Return how the methods of a leaderboard were tuned."""
        where = scores.task, scores.hardware, scores.device, scores.trials
        return {one.method: one for one in self.searches if where == (one.task, one.hardware, one.device, one.budget)}

    def _costs(self) -> _Costs:
        """Return the mean of each cost over seeds: on each split of a task, for each method."""
        done = self._telling[self._telling["status"] == "done"]
        found: _Costs = defaultdict(dict)
        for (*where, name), value in _means(done, self._of_role("cost"), [*_PLACE, "split", "method_label", "metric"]):
            found[tuple(where)][name] = value
        return found

    def _baselines(self) -> _Baselines:
        """Return each baseline by seed, on each split of a task: every method's run has computed the same value."""
        found: _Baselines = defaultdict(lambda: defaultdict(list))
        keys = [*_PLACE, "split", "metric", "seed"]
        for (*where, name, _), value in _means(self._telling, self._of_role("baseline"), keys):
            found[tuple(where)][name].append(value)
        return found


def _means(rows: pd.DataFrame, metrics: list[str], keys: list[str]) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the mean of the rows of some metrics that are alike in `keys`, whose values come first."""
    means = rows[rows["metric"].isin(metrics)].groupby(keys)["value"].mean().reset_index()
    yield from zip(zip(*(means[key] for key in keys), strict=True), means["value"], strict=True)


def _budget(trials: int) -> str:
    return f"tuned with {trials} trial{'s' * (trials > 1)} each" if trials else "not tuned"


def _origins(runs: pd.DataFrame) -> dict[str, str]:
    """Return for each method where its hyper-parameters come from."""
    told = runs[runs["origin"].notna()]
    return {str(method): "; ".join(sorted(set(group))) for method, group in told.groupby("method_label")["origin"]}


def _reasons(runs: pd.DataFrame) -> dict[str, str]:
    """Return for each method what became of its runs: statuses with their reasons."""
    if runs.empty:
        return {}
    reason = runs["reason"].where(runs["status"] != "done", "no value on this split")
    told = runs["status"] + ": " + reason
    return {str(method): "; ".join(sorted(set(group))) for method, group in told.groupby(runs["method_label"])}


def _merged(headers: Iterable[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return {name: value for header in headers for name, value in header.get(key, {}).items()}
