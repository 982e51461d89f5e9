"""Results -> the plots of a report: those with a panel for each task, and in their middle those over all tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from harness.published import Published
from harness.report import over_tasks, plots
from harness.report.entries import published_beside
from harness.report.plot import MOST_METHODS, Plot, ends
from harness.report.style import Look, looks
from harness.results import Leaderboard, Overview, Results
from harness.stats.across import Scope
from harness.stats.intervals import Interval
from harness.stats.scaling import exponent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TASKS = 12  # facets that a page has room for
COSTS = ("seconds_per_step", "seconds_per_call", "parameters")  # what quality is drawn against
SIZED = ("seconds_per_step", "seconds_per_call", "peak_memory", "flops_per_call")  # what is drawn against size


def plots_of(results: Results, boards: Sequence[Leaderboard], overviews: Sequence[Overview]) -> list[Plot]:
    """Return the plots of a report, in its order."""
    methods = order(boards, overviews)
    look = looks(methods)
    found = []
    for overview in overviews:
        of = f"-{overview.family}" if len({o.family for o in overviews}) > 1 else ""
        of += f"-{overview.device}-{overview.hardware}" if overview.place else ""
        found += over_tasks.plots_of(results, overview, of, look)

    def facets(name: str, title: str, caption: str, table: pd.DataFrame, draw: Callable[..., Figure]) -> list[Plot]:
        if table.empty:
            return [Plot(name, title, caption, table, None, _NOTHING[name])]
        return [
            _facets(name + suffix, title + of, caption, page, draw, methods, look) for suffix, of, page in _pages(table)
        ]

    return [
        *facets("scores", "Scores on each task", SCORES, _scores(results, boards), plots.scores),
        *facets("pareto", "Quality and cost", PARETO, _pareto(results, boards, overviews), plots.pareto),
        *found,
        *facets("curves", "Learning curves", CURVES, _curves(results, boards), plots.curves),
        *facets("tuning", "What tuning buys", TUNING, _tuning(results, boards), _trials),
        *facets("scaling", "Cost against size", SCALING, _scaling(results), plots.scaling),
    ]


SCORES = (
    "Mean over seeds with the 95 % t-interval; grey dots are seeds. Filled: the best, and what paired tests cannot "
    "tell from it. An orange bar is a published number."
)
PARETO = (
    "Score against cost, means over seeds. The line joins the methods that no other beats in both; they are filled "
    "and, where there is room, named. The last panel has the interquartile mean of scores over all tasks (chance 0, "
    "reference 1) against the geometric mean of costs, where there are several tasks."
)
CURVES = (
    "The score on validation data while training: mean over seeds, with the 95 % t-interval as a band where there are "
    "three seeds or more."
)
TUNING = (
    "The best score on validation data that can be expected of k trials. Failed ones count as the worst, so that a "
    "line begins where not all of k trials may have failed. In the data, `fresh` is the winner's score on seeds that "
    "no trial has seen: the last point of a curve is biased, being the best of many."
)
SCALING = (
    "Cost against size, means over seeds, with the fitted power law. Its exponent, with the half-width of the 95 % "
    "interval, stands at the end of each line where there is room, and in the data for all."
)


def order(boards: Sequence[Leaderboard], overviews: Sequence[Overview]) -> list[str]:
    """Return all methods, best first: by what is said of all tasks, else by the mean of their places."""
    ranked = [one.method for overview in overviews for one in overview.standings]
    places: dict[str, list[int]] = {}
    for board in boards:
        for place, standing in enumerate(board.standings):
            places.setdefault(standing.method, []).append(place)
    rest = sorted(places, key=lambda method: (sum(places[method]) / len(places[method]), method))
    unscored = [method for board in boards for method in board.unscored]
    return list(dict.fromkeys([*ranked, *rest, *unscored]))


def _pages(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return what goes into a figure each, with the ends of its name and of its title.

    A family, whose methods meet no others, or as much of it as a figure has room for.
    """
    pages, families = [], list(dict.fromkeys(table["family"]))
    for family in families:
        tasks = table.loc[table["family"] == family, "task"].unique()
        count = math.ceil(len(tasks) / MOST_TASKS)
        for i, some in enumerate(np.array_split(tasks, count), start=1):
            page = table[(table["family"] == family) & table["task"].isin(some)]
            names = [*([str(family)] if len(families) > 1 else []), *([str(i)] if count > 1 else [])]
            pages.append(("".join(f"-{name}" for name in names), ", ".join(["", *names]), page))
    return pages


def _facets(
    name: str,
    title: str,
    caption: str,
    table: pd.DataFrame,
    draw: Callable[..., Figure],
    methods: Sequence[str],
    look: Mapping[str, Look],
) -> Plot:
    """Return a plot with a panel for each task, of as many methods as an eye can follow."""
    present = [method for method in methods if (table["method"] == method).any()]
    shown = present[:MOST_METHODS]
    if len(shown) < len(present):
        caption += f" Only the {len(shown)} best of {len(present)} methods are drawn."
    titles = _titles(list(table["task"].unique()))
    if of := _shared(list(titles.values())):
        caption += f" All panels are of {of}."
        titles = {task: text.removeprefix(of).strip() for task, text in titles.items()}
    return Plot(name, title, caption, table, partial(_draw_some, draw, shown, look, titles))


def _titles(tasks: Sequence[str]) -> dict[str, str]:
    """Return labels that tell tasks apart: of a name that several have, with the shortest parameter that does."""
    titles = {}
    for task in tasks:
        name = task.split(" ")[0]
        others = [dict(_parameters(other)) for other in tasks if other.split(" ")[0] == name]
        telling = [
            f"{name} {key}={value}"
            for key, value in _parameters(task)
            if len({other.get(key) for other in others}) == len(others)
        ]
        titles[task] = min(telling, key=len) if telling and len(others) > 1 else task
    return titles


def _parameters(task: str) -> list[tuple[str, str]]:
    """Return the parameters of a label, where it has nothing else beside its name."""
    words = [word.partition("=") for word in task.split(" ")[1:]]
    return [(key, value) for key, _, value in words] if all(sep for _, sep, _ in words) else []


def _shared(tasks: Sequence[str]) -> str:
    """Return the words that all labels begin with, of which each has more; what follows a colon is no label's own."""
    words = [task.split() for task in tasks]
    count = 0
    for column in list(zip(*words, strict=False))[: min(map(len, words)) - 1]:
        if len(set(column)) > 1 or ":" in column[0]:
            break
        count += 1
    return " ".join(words[0][:count]) if len(tasks) > 1 else ""


def _draw_some(
    draw: Callable[..., Figure],
    methods: Sequence[str],
    look: Mapping[str, Look],
    titles: Mapping[str, str],
    table: pd.DataFrame,
) -> Figure:
    drawn = table[table["method"].isin(methods)]
    return draw(drawn.assign(task=drawn["task"].map(titles)), methods, look)


_NOTHING = {
    "scores": "nothing is scored",
    "pareto": "no cost was measured of two methods on one task, or all cost the same",
    "curves": "no task was scored at several steps on validation data",
    "tuning": "nothing was tuned",
    "scaling": "no cost was measured at several sizes",
}


def _label(board: Leaderboard) -> str:
    details = [*([board.split] if board.split != "test" else []), *([board.place] if board.place else [])]
    return f"{board.task} ({', '.join(details)})" if details else board.task


def _axis(metric: str, better: str = "", unit: str = "") -> str:
    return metric + (f" ({unit})" if unit else "") + {"higher": " ↑", "lower": " ↓", "": ""}[better]


def _scores(results: Results, boards: Sequence[Leaderboard]) -> pd.DataFrame:
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
    """Return the cost that tells most standings apart; of several the first of `COSTS`."""
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
    return next(name for name in dict.fromkeys([*COSTS, *names]) if names.count(name) == most)


def _pareto(results: Results, boards: Sequence[Leaderboard], overviews: Sequence[Overview]) -> pd.DataFrame:
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


def _curves(results: Results, boards: Sequence[Leaderboard]) -> pd.DataFrame:
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


def _tuning(results: Results, boards: Sequence[Leaderboard]) -> pd.DataFrame:
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


def _trials(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    drawn = table[np.isfinite(table["mean"])]
    drawn = drawn.assign(low=drawn["mean"], high=drawn["mean"], n=1)
    return plots.curves(drawn, [method for method in methods if (drawn["method"] == method).any()], look, "trials")


def _scaling(results: Results) -> pd.DataFrame:
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
