"""Claims judged by stored results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.claims import Beats, Cell, Cheaper, Check, Claim, Grows, Monotone, NotWorse, Unresolved, resolve
from harness.claims.resolving import STEP, is_averaged, levels
from harness.results.evidence import Evidence, Sample
from harness.stats.samples import Better
from harness.stats.trends import exponent_at_most, monotone
from harness.stats.validity import reference_missed
from harness.stats.verdicts import Finding, Verdict, factor, non_inferiority, superiority


@dataclass(frozen=True)
class Judgement:
    """A claim and what became of it on one device; `place` names that where the results hold several.

    `measure` says what the verdict's effect is, such as "gain in mse"; `tasks` are those that count.
    """

    claim: Claim
    verdict: Verdict
    measure: str
    tasks: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class Pairing:
    """Two sides of a comparison, paired by seed."""

    seeds: list[int]
    a: list[float]
    b: list[float]
    failed: tuple[int, int]


def judge(claim: Claim, evidence: Evidence) -> Judgement:
    """Return what stored results say about a claim."""
    check = claim.check
    try:
        sides = resolve(check, evidence.cells)
    except Unresolved as error:
        return unjudged(claim, f"not in these results: {error}", evidence.place)
    try:
        measure, verdict = _judged(check, sides, evidence)
    except Unresolved as error:
        measure, verdict = "", Verdict(Finding.INVALID, str(error), 0)
    cells = [cell for side in sides.values() for cell in side]
    tasks = tuple(dict.fromkeys(cell.task for cell in cells))
    return Judgement(claim, verdict, measure, tasks, evidence.place)


def unjudged(claim: Claim, why: str, place: str = "") -> Judgement:
    """Return the judgement on a claim of which nothing is known yet."""
    return Judgement(claim, Verdict(Finding.INCONCLUSIVE, why, 0), "", (), place)


def _judged(check: Check, sides: Mapping[str, Sequence[Cell]], evidence: Evidence) -> tuple[str, Verdict]:
    budgets = sorted({evidence.trials(cell) for side in sides.values() for cell in side})
    if len(budgets) > 1:
        why = f"unequal tuning budgets: {' and '.join(map(str, budgets))} trials"
        return "", Verdict(Finding.INVALID, why, 0)
    if isinstance(check, Grows):
        return _growth(check, sides["a"], evidence)
    if isinstance(check, Monotone):
        return _trend(check, sides["a"], evidence)
    return _comparison(check, sides, evidence)


def paired(check: Beats | NotWorse | Cheaper, sides: Mapping[str, Sequence[Cell]], evidence: Evidence) -> Pairing:
    """Return the numbers of both sides on the seeds that both have."""
    a, b = (_over_tasks(check, sides[key], evidence) for key in ("a", "b"))
    seeds = sorted(a.values.keys() & b.values.keys())
    return Pairing(
        seeds=seeds,
        a=[a.values[seed] for seed in seeds],
        b=[b.values[seed] for seed in seeds],
        failed=(len(a.failed.intersection(seeds)), len(b.failed.intersection(seeds))),
    )


def spread(check: Beats | NotWorse | Cheaper, evidence: Evidence) -> tuple[float, int] | None:
    """Return the standard deviation of the paired differences (for `cheaper`, of logarithms) and its number of seeds.

    None where results hold fewer than two seeds of both sides, or a value that is infinite.
    """
    try:
        pairs = paired(check, resolve(check, evidence.cells), evidence)
    except Unresolved:
        return None
    if len(pairs.seeds) < 2 or not np.isfinite([*pairs.a, *pairs.b]).all():
        return None
    a, b = np.array(pairs.a), np.array(pairs.b)
    if isinstance(check, Cheaper):
        if min(*pairs.a, *pairs.b) <= 0:
            return None
        a, b = np.log(a), np.log(b)
    return float((a - b).std(ddof=1)), len(pairs.seeds)


def metric_of(check: Check, cells: Sequence[Cell]) -> str:
    """Return the metric that a check speaks of; the tasks' primary one where it names none."""
    return check.metric or cells[0].metrics[0]


def _comparison(
    check: Beats | NotWorse | Cheaper, sides: Mapping[str, Sequence[Cell]], evidence: Evidence
) -> tuple[str, Verdict]:
    cells = sides["a"]
    averaged = is_averaged(check, cells) and not isinstance(check, Cheaper)
    metric = metric_of(check, cells)
    better: Better = "higher" if averaged else evidence.better(metric)
    measure = "gain, chance 0 and reference 1" if averaged else f"gain in {metric}"
    pairs = paired(check, sides, evidence)
    if not pairs.seeds:
        return measure, Verdict(Finding.INCONCLUSIVE, "no seed for which both sides have been run", 0)
    if isinstance(check, Cheaper):
        if min(*pairs.a, *pairs.b) <= 0:
            return f"times less {metric}", Verdict(Finding.INVALID, "a cost is not above 0", len(pairs.seeds))
        return f"times less {metric}", factor(
            pairs.a, pairs.b, check.factor, better, margin=check.margin, share=check.share, failed=pairs.failed
        )
    if check.published is not None and (missed := reference_missed(pairs.b, check.published, better)):
        return measure, Verdict(Finding.INVALID, missed, len(pairs.seeds))
    if isinstance(check, NotWorse):
        return measure, non_inferiority(pairs.a, pairs.b, check.margin, better, failed=pairs.failed)
    return measure, superiority(
        pairs.a, pairs.b, check.by, better, margin=check.margin, share=check.share, failed=pairs.failed
    )


def _over_tasks(check: Beats | NotWorse | Cheaper | Monotone, cells: Sequence[Cell], evidence: Evidence) -> Sample:
    """Return one number per seed: that of the one task, or the mean over several on a scale that they share."""
    metric = metric_of(check, cells)
    if len(cells) == 1:
        return evidence.sample(cells[0], metric, check.split)
    is_cost = isinstance(check, Cheaper)
    samples = [
        evidence.sample(cell, metric, check.split) if is_cost else evidence.normalised(cell, check.split)
        for cell in cells
    ]
    seeds = set.intersection(*(set(sample.values) for sample in samples))
    average = _geometric_mean if is_cost else _mean
    return Sample(
        values={seed: average([sample.values[seed] for sample in samples]) for seed in seeds},
        failed=frozenset().union(*(sample.failed for sample in samples)) & seeds,
    )


def _growth(check: Grows, cells: Sequence[Cell], evidence: Evidence) -> tuple[str, Verdict]:
    metric, runs = metric_of(check, cells), list[tuple[float, float]]()
    if check.size == STEP:
        for cell in cells:
            rows = evidence.rows(cell, metric, check.split)
            runs += zip(rows["step"].astype(float), rows["value"].astype(float), strict=True)
        if any(map(evidence.failed, cells)):
            return "", Verdict(Finding.INVALID, "a run failed, and no power law fits an infinite cost", len(runs))
    else:
        for size, there in levels(check, cells).items():
            runs += [(size, value) for cell in there
                     for value in evidence.sample(cell, metric, check.split).values.values()]  # fmt: skip
    measure = f"exponent of {metric} in {'size' if check.size == STEP else check.size}"
    if len({size for size, _ in runs}) < 2:
        return measure, Verdict(Finding.INCONCLUSIVE, "fewer than two sizes have been run", len(runs))
    if min(min(run) for run in runs) <= 0:
        return measure, Verdict(Finding.INVALID, "a size or cost is not above 0", len(runs))
    return measure, exponent_at_most([size for size, _ in runs], [value for _, value in runs], check.power)


def _trend(check: Monotone, cells: Sequence[Cell], evidence: Evidence) -> tuple[str, Verdict]:
    metric = metric_of(check, cells)
    samples = [_over_tasks(check, there, evidence) for there in levels(check, cells).values()]
    seeds = sorted(set.intersection(*(set(sample.values) for sample in samples)))
    measure = f"rank correlation of {metric} and {check.parameter}, 1 where always {check.way}"
    if not seeds:
        return measure, Verdict(Finding.INCONCLUSIVE, "no seed for which all levels have been run", 0)
    table = [[sample.values[seed] for sample in samples] for seed in seeds]
    failed = [len(sample.failed.intersection(seeds)) for sample in samples]
    return measure, monotone(table, check.way, failed=failed)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))
