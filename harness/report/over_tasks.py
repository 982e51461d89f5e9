"""Results -> the plots of methods over all tasks: mean ranks, performance profiles, pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.report import plots
from harness.report.plot import MOST_METHODS, Plot, ends
from harness.report.style import Look
from harness.results import CostProfile, Overview, Results
from harness.stats.across import Scope

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THRESHOLDS = 41  # points of a performance profile
FACTORS = np.geomspace(0.5, 16, THRESHOLDS).tolist()  # of the fastest of the field, in a profile of costs
TIMES = ("seconds_per_step", "seconds_per_call")  # the costs of which there is a profile, the first that was measured


def plots_of(results: Results, overview: Overview, of: str, look: Mapping[str, Look]) -> list[Plot]:
    """Return the plots of an overview; `of` ends the names of their files where a report has several."""
    costs = (results.cost_profile(overview, metric, FACTORS) for metric in TIMES)
    cost = next((profile for profile in costs if profile is not None), None)
    return [
        _ranks(overview, of),
        _profile(overview, of, look),
        _cost_profile(overview, cost, of, look),
        _pairs(overview, of),
    ]


def _ranks(overview: Overview, of: str) -> Plot:
    title = "Mean rank over all tasks"
    title += f": {overview.family}" if of else ""
    if len(overview.methods) < 2 or len(overview.tasks) < 2:
        return Plot(f"ranks{of}", title, "", pd.DataFrame(), None, _too_few(overview))
    scope = Scope.NEW_SEEDS if len(overview.seeds) > 1 else Scope.NEW_TASKS
    rows = [(one.method, one.rank[scope].mean, *ends(one.rank[scope])) for one in overview.standings]
    table = pd.DataFrame(rows, columns=["method", "rank", "low", "high"]).sort_values("rank", kind="stable")
    diagram = overview.diagram
    caption = f"Mean rank over {len(overview.tasks)} tasks among {len(overview.field)} methods, with the 95 % interval "
    caption += f"({scope.value})."
    if diagram is None:
        caption += " Which methods tests cannot tell apart is not shown: Wilcoxon's test takes at least 6 tasks."
        return Plot(f"ranks{of}", title, caption, table.head(40), partial(plots.ranks, cliques=()))
    caption += " A bar joins methods that no Wilcoxon test over tasks (Holm, 5 %) can tell apart. " + diagram.caution
    drawn = table.head(40)
    groups = [[m for m in clique if m in set(drawn["method"])] for clique in diagram.cliques]
    groups = [group for group in groups if len(group) > 1]
    table = table.assign(cliques=[_memberships(method, diagram.cliques) for method in table["method"]])
    return Plot(f"ranks{of}", title, caption, table, partial(_draw_ranks, groups[:12]))


def _draw_ranks(groups: Sequence[Sequence[str]], table: pd.DataFrame) -> Figure:
    return plots.ranks(table.head(40), groups)


def _memberships(method: str, cliques: Sequence[Sequence[str]]) -> str:
    return " ".join(str(i) for i, clique in enumerate(cliques, start=1) if method in clique)


def _too_few(overview: Overview) -> str:
    if len(overview.tasks) < 2:
        why = "; ".join(f"{task}: {reason}" for task, reason in list(overview.left_out.items())[:3])
        return f"it takes two tasks with anchors, and there are {len(overview.tasks)}" + (f" ({why})" if why else "")
    return f"it takes two methods that were run on every task, and there are {len(overview.methods)}"


def _profile(overview: Overview, of: str, look: Mapping[str, Look]) -> Plot:
    title = "Performance profile" + (f": {overview.family}" if of else "")
    finite = overview.scores[np.isfinite(overview.scores)]
    if len(overview.methods) < 2 or len(overview.tasks) < 2 or finite.size == 0:
        return Plot(f"profile{of}", title, "", pd.DataFrame(), None, _too_few(overview))
    methods = [one.method for one in overview.standings][:MOST_METHODS]
    low = max(float(finite.min()), -1.0)
    thresholds = np.linspace(low, max(float(finite.max()), low + 0.1), THRESHOLDS).tolist()
    scope = Scope.NEW_SEEDS if len(overview.seeds) > 1 else Scope.NEW_TASKS
    rows = [
        (method, threshold, share.mean, *ends(share))
        for method, shares in overview.profile(thresholds, scope).items()
        for threshold, share in zip(thresholds, shares, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["method", "threshold", "share", "low", "high"])
    caption = "Share of runs that score at least τ, each task counting once, on the scale where chance is 0 and the "
    caption += f"reference 1; its 95 % intervals ({scope.value}) are in the data. It refers to no other method."
    x, y = "score τ (chance 0, reference 1)", "share of runs that score at least τ"
    return Plot(f"profile{of}", title, caption, table, partial(plots.profile, methods=methods, look=look, x=x, y=y))


def _cost_profile(overview: Overview, found: CostProfile | None, of: str, look: Mapping[str, Look]) -> Plot:
    name, title = f"cost-profile{of}", "Performance profile of time" + (f": {overview.family}" if of else "")
    if found is None:
        absent = "it takes two tasks with anchors on which all ranked methods were timed"
        return Plot(name, title, "", pd.DataFrame(), None, absent)
    methods = [one.method for one in overview.standings][:MOST_METHODS]
    rows = [
        (method, factor, share.mean, *ends(share), found.areas[method])
        for method, shares in found.shares.items()
        for factor, share in zip(found.factors, shares, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["method", "threshold", "share", "low", "high", "area"])
    field = ", ".join(found.field) if found.is_frozen else "all methods, as the suite names no field"
    caption = f"Share of tasks on which a method's {found.metric} is at most τ times that of the fastest of the field "
    caption += f"({field}). Runs may have shared the machine. The area under a line from 1 on is in the data."
    x, y = "time over that of the fastest of the field, τ", "share of tasks within τ"
    draw = partial(plots.profile, methods=methods, look=look, x=x, y=y, is_log=True)
    return Plot(name, title, caption, table, draw)


def _pairs(overview: Overview, of: str) -> Plot:
    title = "Pairs of methods" + (f": {overview.family}" if of else "")
    if len(overview.methods) < 2 or len(overview.tasks) < 2:
        return Plot(f"pairs{of}", title, "", pd.DataFrame(), None, _too_few(overview))
    methods = [one.method for one in overview.standings][:MOST_METHODS]
    rows = []
    for pair in overview.pairs:
        chance = math.nan if pair.invalid else pair.improvement
        clear = bool(pair.p < 0.05 and not pair.invalid)
        common = {"p": pair.p, "is_clear": clear, "invalid": pair.invalid}
        rows.append({"a": pair.a, "b": pair.b, "improvement": chance, **common})
        rows.append({"a": pair.b, "b": pair.a, "improvement": 1 - chance, **common})
    caption = (
        "The chance, in percent, that a run of the row's method beats one of the column's on a task, the mean over "
    )
    caption += "tasks. Bold: the mean gain differs from 0 by paired t-tests over seeds (Holm over all pairs, 5 %). "
    caption += "Empty: INVALID, as failure rates differ."
    return Plot(f"pairs{of}", title, caption, pd.DataFrame(rows), partial(_draw_pairs, methods))


def _draw_pairs(methods: Sequence[str], table: pd.DataFrame) -> Figure:
    return plots.pairs(table[table["a"].isin(methods) & table["b"].isin(methods)], methods)
