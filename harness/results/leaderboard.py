"""The methods on one task, best first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from harness.results.scores import Scores
from harness.results.searches import Search
from harness.spec import Anchors
from harness.stats import FEW_SEEDS, Interval, holm, paired_p, t_interval
from harness.stats.samples import Better
from harness.stats.validity import failures_differ

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Standing:
    """One line of a leaderboard. `like_best`: paired tests over seeds cannot tell it from the best.

    `score` counts the runs that failed, as `values` does (seed -> value): as the metric's worst, so that its mean may
    be infinite. `incomparable` says why a comparison with the best means nothing; it is empty where one does. `costs`
    are means over the runs that succeeded, and `cost_ratio` is the first of them that is in seconds over that of the
    fastest method of the suite's field; None where that is not known, or where the score is such a ratio. `origin` says
    where the hyper-parameters come from; empty where that is not known.
    """

    method: str
    score: Interval
    like_best: bool
    failures: int
    costs: Mapping[str, float]
    values: Mapping[int, float] = field(default_factory=dict)
    incomparable: str = ""
    origin: str = ""
    cost_ratio: float | None = None


@dataclass(frozen=True)
class Leaderboard:
    """The methods on one task, one test split and one device of one kind of hardware, best first by the primary metric.

    `place` names device and hardware where the results hold several. `anchors` says what the scores mean. All methods
    were tuned with as many `trials`, 0 for none: budgets that are not equal have leaderboards of their own, and
    `budget` says which one this is, where any method was tuned.
    """

    task: str
    split: str
    metric: str
    better: Better
    hardware: str
    device: str
    place: str
    standings: tuple[Standing, ...]
    unscored: Mapping[str, str]  # method -> why it has no value at all
    baselines: Mapping[str, Interval]  # metric of role "baseline" -> its value over seeds
    family: str = ""
    anchors: Anchors | None = None
    trials: int = 0
    budget: str = ""
    searches: Mapping[str, Search] = field(default_factory=dict)  # method -> how it was tuned

    @property
    def like_best(self) -> list[str]:
        """The best method and those that cannot be told from it."""
        return [standing.method for standing in self.standings if standing.like_best]

    @property
    def incomparable(self) -> dict[str, str]:
        """The methods whose comparison with the best is INVALID, and why."""
        return {standing.method: standing.incomparable for standing in self.standings if standing.incomparable}

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


def standings(
    scores: Scores,
    scored: set[str],
    costs: Mapping[str, Mapping[str, float]],
    ratios: Mapping[str, float],
    origins: Mapping[str, str],
) -> tuple[Standing, ...]:
    """Return the methods that have a value, best first."""
    of = {method: seeds for method, seeds in scores.values.items() if method in scored}
    best = _best(of, scores.better)
    alike = _like_best(of, best)
    found = [
        Standing(
            method=method,
            score=t_interval(list(seeds.values())),
            like_best=method in alike,
            failures=len(scores.failed[method]),
            costs=costs.get(method, {}),
            values=seeds,
            incomparable=_incomparable(scores, best, method),
            origin=origins.get(method, ""),
            cost_ratio=ratios.get(method),
        )
        for method, seeds in of.items()
    ]
    return tuple(sorted(found, key=lambda s: -s.score.mean if scores.better == "higher" else s.score.mean))


def relative(costs: Mapping[str, float], field: Collection[str]) -> dict[str, float]:
    """Return costs over the least of the field's; over the least of all where nobody of the field has one."""
    least = min([costs[method] for method in costs if method in field] or costs.values(), default=0.0)
    return {method: cost / least for method, cost in costs.items()} if least > 0 else {}


def _incomparable(scores: Scores, best: str, method: str) -> str:
    """Say why a method cannot be compared with the best: that one of them fails more often."""
    failed, failed_best, n = scores.failures(method, best)
    return failures_differ(failed, failed_best, n) if n else ""


def _best(by_seed: Mapping[str, Mapping[int, float]], better: Better) -> str:
    means = {method: sum(seeds.values()) / len(seeds) for method, seeds in by_seed.items()}
    return (max if better == "higher" else min)(means, key=lambda method: means[method], default="")


def _like_best(by_seed: Mapping[str, Mapping[int, float]], best: str) -> set[str]:
    """Return the best method and those that paired tests over their common seeds cannot tell from it."""
    p_values = {}
    for method in by_seed.keys() - {best}:
        common = sorted(by_seed[best].keys() & by_seed[method].keys())
        p_values[method] = paired_p([by_seed[best][s] for s in common], [by_seed[method][s] for s in common])
    return {best, *(method for method, p in holm(p_values).items() if p >= SIGNIFICANCE)} if best else set()
