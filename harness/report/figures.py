"""Results -> the plots of a report: those with a panel for each task, and in their middle those over all tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.report import figure_tables, over_tasks, plots
from harness.report.plot import MOST_METHODS, Plot
from harness.report.style import Look, looks
from harness.results import Leaderboard, Overview, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TASKS = 12  # facets that a page has room for


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
        *facets("scores", "Scores on each task", SCORES, figure_tables.scores(results, boards), plots.scores),
        *facets("pareto", "Quality and cost", PARETO, figure_tables.pareto(results, boards, overviews), plots.pareto),
        *found,
        *facets("curves", "Learning curves", CURVES, figure_tables.curves(results, boards), plots.curves),
        *facets("tuning", "What tuning buys", TUNING, figure_tables.tuning(results, boards), _trials),
        *facets("scaling", "Cost against size", SCALING, figure_tables.scaling(results), plots.scaling),
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


def _trials(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    drawn = table[np.isfinite(table["mean"])]
    drawn = drawn.assign(low=drawn["mean"], high=drawn["mean"], n=1)
    return plots.curves(drawn, [method for method in methods if (drawn["method"] == method).any()], look, "trials")
