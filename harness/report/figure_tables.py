"""Results -> the tables behind the plots that have a panel for each task: what is drawn, one row per mark.

Each has the columns `family`, `task` (the panel), `axis` and `method`; a table without rows says that there is nothing
to draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from harness.published import Published
from harness.report.entries import published_beside
from harness.report.plot import ends
from harness.results import Leaderboard, Overview, Results
from harness.stats.across import Scope
from harness.stats.intervals import Interval
from harness.stats.scaling import exponent

COSTS = ("seconds_per_step", "seconds_per_call")  # what quality is drawn against, before other times and other costs
SIZED = ("seconds_per_step", "seconds_per_call", "peak_memory", "flops_per_call")  # what is drawn against size


def _label(board: Leaderboard) -> str:
    details = [*([board.split] if board.split != "test" else []), *([board.place] if board.place else [])]
    return f"{board.task} ({', '.join(details)})" if details else board.task


def _axis(metric: str, better: str = "", unit: str = "") -> str:
    return metric + (f" ({unit})" if unit else "") + {"higher": " ↑", "lower": " ↓", "": ""}[better]


def scores(results: Results, boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Return each method's score on each task, mean and 95 % t-interval, its seeds and its published number."""
    beside: Mapping[tuple[str, str, str], Published] = published_beside(results)
    rows = []
    for board in boards:
        for standing in (s for s in board.standings if math.isfinite(s.score.mean)):
            known = beside.get((board.task, standing.method, board.metric))
            low, high = ends(standing.score)
            rows.append(
                {
                    "family": board.family,
                    "task": _label(board),
                    "axis": _axis(board.metric, board.better, results.metrics[board.metric]["unit"]),
                    "method": standing.method,
                    "mean": standing.score.mean,
                    "low": low,
                    "high": high,
                    "n": standing.score.n,
                    "like_best": standing.like_best,
                    "published": known.value if known else math.nan,
                    "seeds": list(standing.values.values()),
                }
            )
    return pd.DataFrame(rows)


def _cost(results: Results, boards: Sequence[Leaderboard]) -> str:
    """Return the cost that tells most standings apart; of several the first of `COSTS`, of times, of all."""
    names = [
        name
        for board in boards
        for standing in board.standings
        for name, cost in standing.costs.items()
        if any(other.costs.get(name, cost) != cost for other in board.standings)
    ]
    if not names:
        return ""
    most = max(names.count(name) for name in set(names))
    times = [name for name, metric in results.metrics.items() if metric["unit"] == "s"]
    return next(name for name in dict.fromkeys([*COSTS, *times, "parameters", *names]) if names.count(name) == most)


def pareto(results: Results, boards: Sequence[Leaderboard], overviews: Sequence[Overview]) -> pd.DataFrame:
    """Return the score and one cost of each method on each task and over all, with those on the front marked."""
    cost = _cost(results, boards)
    if not cost:
        return pd.DataFrame()
    axis = _axis(cost, unit=results.metrics[cost]["unit"])
    tables = [
        _front(
            pd.DataFrame(
                [(s.method, s.costs[cost], s.score.mean) for s in board.standings if cost in s.costs],
                columns=["method", "cost", "score"],
            ).assign(family=board.family, task=_label(board), axis=_axis(board.metric, board.better)),
            board.better,
        )
        for board in boards
    ]
    for overview in overviews:
        if len(overview.tasks) > 1:
            tables.append(_front(_overall_costs(overview, boards, cost), "higher"))
    found = pd.concat(tables, ignore_index=True).assign(cost_axis=axis)
    found = found.astype({"cost": float, "score": float, "on_front": bool})  # a task without costs has no types
    chosen: pd.DataFrame = found[np.isfinite(found["cost"]) & np.isfinite(found["score"])]
    several = chosen.groupby(["family", "task"])["method"].transform("nunique") > 1  # one point alone is no trade-off
    return chosen[several].reset_index(drop=True)


def _overall_costs(overview: Overview, boards: Sequence[Leaderboard], cost: str) -> pd.DataFrame:
    """Return a method's geometric mean of a cost over the tasks of an overview, with its interquartile mean."""
    place = (overview.device, overview.hardware)
    logs: dict[str, dict[str, float]] = {}
    for board in (b for b in boards if (b.device, b.hardware) == place and b.task in overview.tasks):
        for standing in board.standings:
            if standing.costs.get(cost, 0) > 0:
                logs.setdefault(standing.method, {})[board.task] = math.log(standing.costs[cost])
    rows = [
        (one.method, math.exp(sum(logs[one.method].values()) / len(overview.tasks)), one.iqm[Scope.NEW_SEEDS].mean)
        for one in overview.standings
        if len(logs.get(one.method, {})) == len(overview.tasks)
    ]
    name = f"all tasks ({overview.place})" if overview.place else "all tasks"
    found = pd.DataFrame(rows, columns=["method", "cost", "score"])
    return found.assign(family=overview.family, task=name, axis="interquartile mean ↑")


def _front(table: pd.DataFrame, better: str) -> pd.DataFrame:
    """Mark the methods that no other beats in both: none is as cheap and as good, and in one of the two better."""
    sign = 1.0 if better == "higher" else -1.0
    cost, score = table["cost"].to_numpy(float), sign * table["score"].to_numpy(float)
    as_good = (cost[:, None] <= cost) & (score[:, None] >= score)
    better_in_one = (cost[:, None] < cost) | (score[:, None] > score)
    beaten: np.ndarray[Any, Any] = np.any(as_good & better_in_one, axis=0)
    return table.assign(on_front=~beaten, better=better)


def curves(results: Results, boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Return the mean of each task's primary metric over seeds, at each step on validation data, with t-intervals."""
    rows = results.rows[(results.rows["split"] == "val") & (results.rows["status"] == "done")]
    posed = {board.task: board for board in boards}
    metric = rows["task_label"].map({task: board.metric for task, board in posed.items()})
    rows = rows[rows["metric"] == metric]
    rows = rows.sort_values("step", kind="stable")
    keys = ["task_label", "hardware", "device", "method_label", "step"]
    found = rows.groupby(keys, sort=False)["value"].agg(["mean", "std", "size"]).reset_index()
    found = found[found.groupby(keys[:-1], sort=False)["step"].transform("size") > 1]
    if found.empty:
        return pd.DataFrame()
    n = found["size"].to_numpy()
    half = np.where(n > 1, stdtrit(np.maximum(n - 1, 1), 0.975) * found["std"].fillna(0) / np.sqrt(n), 0.0)
    several = len(results.runs[["hardware", "device"]].drop_duplicates()) > 1
    place = " (" + found["device"] + " of " + found["hardware"] + ")" if several else ""
    found = found.assign(
        task=found["task_label"] + place,
        family=[posed[task].family for task in found["task_label"]],
        axis=[_axis(posed[task].metric, posed[task].better) for task in found["task_label"]],
        low=found["mean"] - half,
        high=found["mean"] + half,
    )
    renamed = found.rename(columns={"method_label": "method", "size": "n"})
    columns = ["family", "task", "axis", "method", "step", "mean", "low", "high", "n"]
    return renamed[columns].reset_index(drop=True)


def tuning(results: Results, boards: Sequence[Leaderboard]) -> pd.DataFrame:
    """Return the expected best of k trials for each method and task that was tuned, k from 1 to the budget."""
    families = {board.task: board.family for board in boards}
    rows = [
        {
            "family": families.get(search.task, ""),
            "task": search.task,
            "axis": _axis(search.metric, search.better),
            "method": search.method,
            "trials": k,
            "mean": value,
            "fresh": None if search.fresh is None else search.fresh.mean,
        }
        for search in results.searches
        for k, value in enumerate(search.curve, start=1)
    ]
    return pd.DataFrame(rows)


def scaling(results: Results) -> pd.DataFrame:
    """Return costs measured at several sizes, as means over seeds, with the power law fitted to each method's."""
    rows = results.rows
    is_sized = rows["split"].fillna("").str.split("-").str[0] == "size"  # "size", or "size-" and what was measured
    rows = rows[is_sized & rows["metric"].isin(SIZED) & (rows["status"] == "done")]
    keys = ["family", "task_label", "split", "metric", "method_label"]
    tables = []
    for (family, task, split, metric, method), group in rows.groupby(keys, sort=False):
        group = group[(group["value"] > 0) & (group["step"] > 0)]
        if group["step"].nunique() > 1:
            label, unit = " ".join([str(task), *str(split).split("-")[1:]]), results.metrics[str(metric)]["unit"]
            tables.append(_fitted(group, label, str(metric), str(method), unit).assign(family=str(family)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _fitted(group: pd.DataFrame, task: str, metric: str, method: str, unit: str) -> pd.DataFrame:
    slope: Interval = exponent(group["step"].tolist(), group["value"].tolist())
    logs = np.log(group.groupby("step")["value"].agg(lambda values: np.exp(np.log(values).mean())))
    sizes, costs = logs.index.to_numpy(float), np.exp(logs.to_numpy(float))
    at = np.log(sizes)
    fitted = np.exp(np.log(costs).mean() + slope.mean * (at - at.mean()))
    width: Any = slope.half_width
    text = f"{slope.mean:.2f}" + ("" if width is None else f" ± {width:.2f}")
    return pd.DataFrame({"size": sizes, "cost": costs, "fitted": fitted}).assign(
        task=f"{task}: {metric}",
        size_axis="size",
        axis=_axis(metric, "lower", unit),
        method=method,
        exponent=text,
    )
