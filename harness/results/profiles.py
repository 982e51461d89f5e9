"""Performance profiles of a cost: on what share of the tasks is a method within a factor of the reference field?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.claims import Cell, Unresolved
from harness.results.evidence import Evidence, Sample
from harness.results.overview import Overview
from harness.stats import Interval
from harness.stats.across import Scope
from harness.stats.profiles import area, band, ratios


@dataclass(frozen=True)
class CostProfile:
    """Profiles of one cost on one device. A failed run costs infinitely much and is within no factor.

    `shares` has for each method the share of tasks at each of `factors`, with its interval for new seeds; `areas` the
    mean share over factors from 1 to the largest. `field` is that of the overview: frozen where the suite names one.
    """

    metric: str
    place: str
    field: tuple[str, ...]
    is_frozen: bool
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    factors: tuple[float, ...]
    shares: Mapping[str, Sequence[Interval]]
    areas: Mapping[str, float]


def cost_profile(overview: Overview, evidence: Evidence, metric: str, factors: Sequence[float]) -> CostProfile | None:
    """Return the profile of a cost among the ranked methods, on the tasks where all of them have measured it.

    `factors` are above 1 at the end. None where there are fewer than two such tasks.
    """
    cells = {(cell.method, cell.task): cell for cell in evidence.cells}
    found = {
        task: samples
        for task in overview.tasks
        if (samples := _samples(overview, cells, task, evidence, metric)) is not None
    }
    if len(found) < 2 or not overview.methods:
        return None
    costs = np.array([[[s.values[seed] for seed in overview.seeds] for s in samples] for samples in found.values()])
    costs = np.swapaxes(costs, 0, 1)  # (methods, tasks, seeds)
    if not (costs > 0).all():
        return None
    members = [overview.methods.index(method) for method in overview.field]
    relative = ratios(costs, costs[members].mean(axis=2))
    return CostProfile(
        metric=metric,
        place=overview.place,
        field=overview.field,
        is_frozen=overview.is_frozen,
        tasks=tuple(found),
        seeds=overview.seeds,
        factors=tuple(factors),
        shares={m: band(relative[i], factors, Scope.NEW_SEEDS) for i, m in enumerate(overview.methods)},
        areas={m: float(area(relative[i], max(factors))) for i, m in enumerate(overview.methods)},
    )


def _samples(
    overview: Overview, cells: Mapping[tuple[str, str], Cell], task: str, evidence: Evidence, metric: str
) -> list[Sample] | None:
    """Return what each method measured on a task; None where one of them has not, for some seed."""
    try:
        found = [evidence.sample(cells[method, task], metric, "") for method in overview.methods]
    except Unresolved:
        return None
    return found if all(sample.values.keys() >= set(overview.seeds) for sample in found) else None
