"""Two methods, task by task and over all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.results.overview import Overview, Pair
from harness.results.scores import Scores
from harness.stats import Interval, holm
from harness.stats.across import Scope
from harness.stats.anchors import normalised
from harness.stats.pairs import Paired, Tally, compare, tally, tost


@dataclass(frozen=True)
class Match:
    """Two methods on one task, over the seeds that both have, `n` of them.

    `adjusted` is the p-value of the paired t-test after Holm over the tasks. `equivalent` is the p-value of TOST at the
    stated margin on the scale of the task's anchors: below 5 % they are equivalent. It is None without margin or
    anchors.
    """

    task: str
    split: str
    metric: str
    n: int
    result: Paired
    adjusted: float
    equivalent: float | None


@dataclass(frozen=True)
class Comparison:
    """Method `a` against method `b` on one device; gains are positive where `a` is better.

    `overall` is over the tasks that have anchors, and so is `improvement`, the chance that a run of `a` beats one of
    `b`, with its interval for each scope; None where one of the two is not ranked over them.
    """

    a: str
    b: str
    place: str
    matches: tuple[Match, ...]
    tally: Tally
    overall: Pair | None
    improvement: Mapping[Scope, Interval] | None
    left_out: tuple[str, ...]  # tasks on which the two have no seed in common


def compared(a: str, b: str, scores: Iterable[Scores], overview: Overview, margin: float | None) -> Comparison:
    """Compare two methods, by label, on the tasks of one device."""
    scores = list(scores)
    both = [one for one in scores if one.values.get(a, {}).keys() & one.values.get(b, {}).keys()]
    matches = [_match(a, b, one, margin) for one in both]
    adjusted = holm({str(i): match.result.p for i, match in enumerate(matches)})
    pairs = [_rising(one, *_pairs(a, b, one)) for one in both]
    return Comparison(
        a=a,
        b=b,
        place=overview.place,
        matches=tuple(replace(match, adjusted=adjusted[str(i)]) for i, match in enumerate(matches)),
        tally=tally(
            [of_a for of_a, _ in pairs],
            [of_b for _, of_b in pairs],
            "higher",
        ),
        overall=(overall := overview.pair(a, b)),
        improvement=overview.improvement(a, b) if overall else None,
        left_out=tuple(one.task for one in scores if one not in both),
    )


def _match(a: str, b: str, scores: Scores, margin: float | None) -> Match:
    of_a, of_b = _pairs(a, b, scores)
    failed_a, failed_b, n = scores.failures(a, b)
    equivalent = None
    if margin is not None and scores.anchors is not None:
        on_scale_a, on_scale_b = (normalised(values, scores.anchors).tolist() for values in (of_a, of_b))
        equivalent = tost(on_scale_a, on_scale_b, margin)
    result = compare(of_a, of_b, scores.better, (failed_a, failed_b))
    return Match(scores.task, scores.split, scores.metric, n, result, result.p, equivalent)


def _pairs(a: str, b: str, scores: Scores) -> tuple[list[float], list[float]]:
    """Return the values of both on the seeds that both have."""
    seeds = sorted(scores.values[a].keys() & scores.values[b].keys())
    return [scores.values[a][seed] for seed in seeds], [scores.values[b][seed] for seed in seeds]


def _rising(scores: Scores, of_a: list[float], of_b: list[float]) -> tuple[list[float], list[float]]:
    """Return values of which the higher is the better."""
    sign = 1 if scores.better == "higher" else -1
    return [sign * value for value in of_a], [sign * value for value in of_b]
