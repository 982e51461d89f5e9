"""Methods over all tasks, as rows of text."""

from __future__ import annotations

from harness.report.tables import escape, markdown_table, number
from harness.results import Overall, Overview
from harness.stats.across import Scope
from harness.stats.pairs import holm

HEADER = ["", "method", "IQM, new seeds", "IQM, new tasks", "mean rank, new seeds", "mean rank, new tasks", "failed"]
LEGEND = (
    "IQM is the interquartile mean of scores on the scale where chance is 0 and the reference 1. Intervals are of 95 "
    "%, by stratified bootstrap: for the same tasks with new seeds, and for new tasks."
)
SIGNIFICANCE = 0.05


def like_best(overview: Overview) -> set[str]:
    """Return the best method and those that paired tests over seeds (Holm) cannot tell from it, as on a leaderboard."""
    if not overview.standings:
        return set()
    best, *others = (one.method for one in overview.standings)
    pairs = [pair for other in others if (pair := overview.pair(best, other)) is not None]
    p_values = holm({pair.b: 1.0 if pair.invalid else pair.p for pair in pairs})
    return {best, *(method for method, p in p_values.items() if p >= SIGNIFICANCE)}


def title(overview: Overview) -> str:
    """Return the heading of a table over all tasks."""
    details = [overview.family, *([overview.place] if overview.place else [])]
    return f"All tasks ({', '.join(details)})"


def line(place: int, one: Overall) -> list[str]:
    """Return a method's line: place, method, IQM and mean rank with their intervals, failures."""
    both = [interval[scope] for interval in (one.iqm, one.rank) for scope in (Scope.NEW_SEEDS, Scope.NEW_TASKS)]
    return [str(place), one.method, *map(number, both), str(one.failures)]


def notes(overview: Overview) -> list[str]:
    """Return the sentences under a table: which tasks count, and what has to be known before it is believed."""
    counted = f"Tasks: {', '.join(overview.tasks)}; seeds: {', '.join(map(str, overview.seeds))}."
    absent = [f"Not ranked: {method}, {why}." for method, why in overview.unranked.items()]
    left = [f"Left out: {task}, {why}." for task, why in overview.left_out.items()]
    return [counted, *overview.cautions, *absent, *left]


def markdown(overview: Overview) -> str:
    """Return a Markdown table under its heading; the best, and what is like it, in bold."""
    best = like_best(overview)
    rows = [[escape(cell) for cell in line(i, one)] for i, one in enumerate(overview.standings, start=1)]
    for row, one in zip(rows, overview.standings, strict=True):
        if one.method in best:
            row[1] = f"**{row[1]}**"
    table = markdown_table(HEADER, rows, escaped=True)
    sentences = [escape(sentence) for sentence in (LEGEND, *notes(overview))]
    return "\n\n".join([f"## {escape(title(overview))}", table, *sentences]) + "\n"
