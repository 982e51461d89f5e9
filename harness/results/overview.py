"""Methods over all tasks of a suite that have anchors: interquartile mean, mean rank, pairs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from harness.results.scores import Scores, on_all
from harness.stats import FEW_SEEDS, Interval, holm, paired_p, t_interval
from harness.stats.across import Scope, intervals, iqm, mean, ranks
from harness.stats.cliques import LEAST_TASKS, Diagram, diagram
from harness.stats.pairs import Tally, improvement, tally
from harness.stats.profiles import band
from harness.stats.samples import Array, gains
from harness.stats.validity import failures_differ


@dataclass(frozen=True)
class Overall:
    """One method over all tasks. `iqm` is of scores on the scale of the anchors, `rank` the mean rank in the field.

    Both have an interval for each scope: what it speaks of is its name, "same tasks, new seeds" or "new tasks".
    """

    method: str
    iqm: Mapping[Scope, Interval]
    rank: Mapping[Scope, Interval]
    failures: int


@dataclass(frozen=True)
class Pair:
    """How method `a` compares with `b` over all tasks.

    `gain` is of the mean over tasks, and `p` the paired t-test's over seeds ("same tasks, new seeds"), adjusted by Holm
    over all pairs. `improvement` is the chance that a run of `a` beats one of `b`. `invalid` says why none of this
    means anything; it is empty where it does.
    """

    a: str
    b: str
    gain: Interval
    p: float
    tally: Tally
    improvement: float
    invalid: str


@dataclass(frozen=True)
class Overview:
    """The methods of a family over the tasks that have anchors, on one device of one kind of hardware, best first.

    A method is ranked where it has been run on every task with all the `seeds`; `unranked` says what others lack.
    `field` are the methods that ranks and the critical-difference diagram refer to: those that the suite names in its
    `field`, so that nothing moves when a method joins (`is_frozen`), or else all that are ranked.
    """

    family: str
    hardware: str
    device: str
    place: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    methods: tuple[str, ...]  # ranked, in the order of `scores`
    scores: Array  # (methods, tasks, seeds), chance 0 and reference 1
    failures: Array  # likewise, whether the run failed
    field: tuple[str, ...]
    is_frozen: bool
    unranked: Mapping[str, str]
    left_out: Mapping[str, str]  # task -> why it does not count
    trials: int = 0  # how many each method's hyper-parameters were chosen by

    @cached_property
    def standings(self) -> tuple[Overall, ...]:
        """The ranked methods, best interquartile mean first."""
        if not self.methods:
            return ()
        field = [self.methods.index(method) for method in self.field]
        placed = ranks(self.scores, field, "higher")
        of_iqm = {scope: self._intervals(self.scores, scope, iqm) for scope in Scope}
        of_rank = {scope: self._intervals(placed, scope, mean) for scope in Scope}
        found = [
            Overall(
                method=method,
                iqm={scope: of_iqm[scope][i] for scope in Scope},
                rank={scope: _within(of_rank[scope][i], 1, len(field) + 1) for scope in Scope},
                failures=int(self.failures[i].sum()),
            )
            for i, method in enumerate(self.methods)
        ]
        return tuple(sorted(found, key=lambda one: -one.iqm[Scope.NEW_SEEDS].mean))

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two ranked methods, the better placed first."""
        order = [self.methods.index(one.method) for one in self.standings]
        found = [self._pair(i, j) for i, j in combinations(order, 2)]
        adjusted = holm({str(number): one.p for number, one in enumerate(found)})
        return tuple(replace(one, p=adjusted[str(number)]) for number, one in enumerate(found))

    @cached_property
    def diagram(self) -> Diagram | None:
        """The critical-difference diagram; None where there are fewer than 6 tasks or two methods."""
        if len(self.tasks) < LEAST_TASKS or len(self.methods) < 2:
            return None
        means = self.scores.mean(axis=2)
        return diagram({method: means[i].tolist() for i, method in enumerate(self.methods)}, self.field, "higher")

    def is_of(self, scores: Scores) -> bool:
        """Tell whether scores are of this family, device and tuning budget."""
        ours = self.family, self.hardware, self.device, self.trials
        return (scores.family, scores.hardware, scores.device, scores.trials) == ours

    def profile(self, thresholds: list[float], scope: Scope = Scope.NEW_SEEDS) -> dict[str, list[Interval]]:
        """Return for each method the share of runs that score at least each threshold, on the scale of the anchors.

        It refers to no other method. Source: Agarwal et al., NeurIPS 2021, §4.2. Each task counts once. Empty where
        there are fewer than two tasks.
        """
        if len(self.tasks) < 2:
            return {}
        return {
            method: band(-self.scores[i], [-threshold for threshold in thresholds], scope)
            for i, method in enumerate(self.methods)
        }

    @property
    def cautions(self) -> list[str]:
        """What a reader has to know before believing any of it."""
        found = []
        if len(self.tasks) < 2:
            found.append("One task: see its leaderboard; an interval over tasks needs at least two.")
        if 0 < len(self.seeds) < FEW_SEEDS:
            found.append(f"n = {len(self.seeds)} seeds: fewer than {FEW_SEEDS} can tell little apart.")
        if not self.is_frozen:
            found.append("Ranks depend on who is present; a suite's `field`, run on all tasks, freezes their field.")
        return found

    def _intervals(self, scores: Array, scope: Scope, statistic: Any) -> list[Interval]:
        if len(self.tasks) < 2:
            return [Interval(float(statistic(one)), None, None, 1) for one in scores]
        return intervals(scores, statistic, scope)

    def pair(self, a: str, b: str) -> Pair | None:
        """Return how two methods compare, its p-value not adjusted; None where one of them is not ranked."""
        if not {a, b} <= set(self.methods):
            return None
        return self._pair(self.methods.index(a), self.methods.index(b))

    def improvement(self, a: str, b: str) -> dict[Scope, Interval]:
        """Return the chance that a run of `a` beats one of `b`, the mean over tasks, with its interval for each scope.

        Raises ValueError where one of the two is not ranked.
        """
        both = self.scores[[self.methods.index(a), self.methods.index(b)]][None]
        return {scope: _within(self._intervals(both, scope, _improvement)[0], 0, 1) for scope in Scope}

    def _pair(self, i: int, j: int) -> Pair:
        of_a, of_b = self.scores[i], self.scores[j]
        failed_a, failed_b = (int(self.failures[k].any(axis=0).sum()) for k in (i, j))
        gain, p = _gain(gains(of_a, of_b, "higher"))
        return Pair(
            a=self.methods[i],
            b=self.methods[j],
            gain=gain,
            p=p,
            tally=tally(of_a.tolist(), of_b.tolist(), "higher"),
            improvement=float(improvement(of_a, of_b, "higher")),
            invalid=failures_differ(failed_a, failed_b, len(self.seeds)),
        )


def overviews(scores: list[Scores], field: Collection[str], several_places: bool) -> list[Overview]:
    """Return an overview for each family, device and tuning budget.

    `field` names the methods of reference, none for all present.
    """
    groups: dict[tuple[str, str, str, int], list[Scores]] = {}
    for one in scores:
        groups.setdefault((one.family, one.hardware, one.device, one.trials), []).append(one)
    return [_overview(group, field, several_places) for group in groups.values()]


def _overview(group: list[Scores], field: Collection[str], several_places: bool) -> Overview:
    chosen, left_out = _one_split_each(group)
    methods, seeds, unranked = _ranked(chosen, list(dict.fromkeys(method for one in group for method in one.values)))
    present = tuple(method for method in methods if method in field)
    is_frozen = bool(field) and len(present) == len(set(field))
    failures = [[[seed in one.failed[method] for seed in seeds] for one in chosen] for method in methods]
    return Overview(
        family=group[0].family,
        hardware=group[0].hardware,
        device=group[0].device,
        place=f"{group[0].device} of {group[0].hardware}" if several_places else "",
        tasks=tuple(one.task for one in chosen),
        seeds=tuple(seeds),
        methods=tuple(methods),
        scores=on_all(chosen, methods, seeds),
        failures=np.array(failures, dtype=np.float64),
        field=present if is_frozen else tuple(methods),
        is_frozen=is_frozen,
        unranked=unranked,
        left_out=left_out,
        trials=group[0].trials,
    )


def _one_split_each(group: list[Scores]) -> tuple[list[Scores], dict[str, str]]:
    """Return the scores that count, one split of each task ("test", or else the first), and why others do not."""
    by_task: dict[str, list[Scores]] = {}
    for one in group:
        by_task.setdefault(one.task, []).append(one)
    chosen, left_out = [], {}
    for task, splits in by_task.items():
        first = next((one for one in splits if one.split == "test"), splits[0])
        if first.anchors is None:
            left_out[task] = "it has no anchors"
        elif not first.values:
            left_out[task] = "nothing is scored on it"
        else:
            chosen.append(first)
    return chosen, left_out


def _ranked(chosen: list[Scores], methods: list[str]) -> tuple[list[str], list[int], dict[str, str]]:
    """Return the methods with all the seeds on every task, those seeds, and what the other methods lack.

    The seeds are those that a method has on every task, of the method that has most: one that lacks some does not take
    them from the others.
    """
    if not chosen:
        return [], [], {}
    whole = {method: set.intersection(*(set(one.values.get(method, {})) for one in chosen)) for method in methods}
    seeds = max(whole.values(), key=lambda found: (len(found), sorted(found, reverse=True)), default=set())
    ranked = [method for method in methods if seeds and whole[method] >= seeds]
    unranked = {method: _lacking(chosen, method, seeds) for method in methods if method not in ranked}
    return ranked, sorted(seeds), unranked


def _lacking(chosen: list[Scores], method: str, seeds: set[int]) -> str:
    for one in chosen:
        if missing := sorted(seeds - one.values.get(method, {}).keys()):
            what = "any seed" if len(missing) == len(seeds) else f"seed {', '.join(map(str, missing))}"
            return f"not run on {one.task} with {what}"
    return "no seed that is on every task"


def _improvement(both: Array) -> Array:
    """Return the probability of improvement: shape (..., 2, tasks, seeds) -> (...)."""
    return improvement(both[..., 0, :, :], both[..., 1, :, :], "higher")


def _within(found: Interval, least: float, most: float) -> Interval:
    """Return an interval whose ends are kept where the estimate can be."""
    return found.mapped(lambda end: min(most, max(least, end)))


def _gain(gained: Array) -> tuple[Interval, float]:
    """Return the mean gain over tasks and its paired p-value over seeds; gains have shape (tasks, seeds)."""
    if np.isposinf(gained).any() and np.isneginf(gained).any():
        return Interval(math.nan, None, None, gained.shape[1]), 1.0
    by_seed = gained.mean(axis=0)
    return t_interval(by_seed.tolist()), paired_p(by_seed.tolist(), [0.0] * len(by_seed))
