"""Leaderboards as rows of text, for the terminal, Markdown and CSV alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.published import Published
from harness.report.entries import published_beside
from harness.results import Leaderboard, Results, Search, Standing
from harness.stats import Interval
from harness.text import one_line

ARROWS = {"higher": "↑", "lower": "↓"}
LEGEND = (
    "Scores are means over n seeds ± the half-width of the 95 % t-interval; * marks the best and what tests cannot "
    "tell from it. ms/step is the median wall time of a training step, and runs may have shared the machine: a guide "
    "to cost, no measurement of speed; time × is the same over that of the fastest method of the suite's field, or of "
    "all where it names none; ms/call is a measurement, of a call with the machine to itself. Peak "
    "MiB is what a run takes beyond the libraries that it loads."
)
COSTS = {
    "parameters": "parameters",
    "seconds_per_step": "ms/step",
    "seconds_per_call": "ms/call",
    "peak_memory": "peak MiB",
}
COST_RATIO = "time ×"


def number(interval: Interval) -> str:
    """Return "mean ± half-width": the half-width to two significant digits, the mean to the same place.

    One value has no interval: "mean ± –". Where the mean is not in the middle: "mean [low, high]".
    """
    mean, half_width = interval.mean, interval.half_width
    if interval.low is None or interval.high is None or half_width is None:
        return f"{mean:.4g} ± –"
    if half_width == 0:
        return f"{mean:.4g} ± 0"
    rounded = float(f"{half_width:.1e}")  # first, since 0.0996 is 0.10
    extreme = not 1e-6 <= rounded < 1e9 or rounded < 1e-12 * abs(mean)
    form = ".4g" if extreme else f".{max(0, 1 - math.floor(math.log10(rounded)))}f"
    if not interval.is_even:
        return f"{mean:{form}} [{interval.low:{form}}, {interval.high:{form}}]"
    return f"{mean:{form}} ± {half_width:{'.2g' if extreme else form}}"


def score(standing: Standing) -> str:
    """Return a method's score; where a failed run counts as infinite there is no mean, but a count."""
    if math.isinf(standing.score.mean):
        return f"failed {standing.failures} of {standing.score.n}"
    return number(standing.score)


def published(results: Results) -> dict[tuple[str, str], dict[str, Published]]:
    """Return published numbers by task and metric, then by method."""
    found: dict[tuple[str, str], dict[str, Published]] = {}
    for (task, method, metric), number in published_beside(results).items():
        found.setdefault((task, metric), {})[method] = number
    return found


def with_published(board: Leaderboard, numbers: Mapping[str, Published]) -> tuple[list[str], list[str]]:
    """Return the column of a leaderboard's published numbers, its heading included, and their citations as notes."""
    methods = [*(standing.method for standing in board.standings), *board.unscored]
    known = {method: numbers[method] for method in methods if method in numbers}
    cites = {source: f"[{i}]" for i, source in enumerate(dict.fromkeys(one.source for one in known.values()), start=1)}
    cells = {
        method: f"{one.value:g}{'' if one.std is None else f' ± {one.std:g}'} {cites[one.source]}"
        for method, one in known.items()
    }
    notes = [f"{mark} Published: {source}." for source, mark in cites.items()]
    return ["published", *(cells.get(method, "") for method in methods)], notes


def cost_header(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the heading of a cost's column."""
    unit = metrics[name]["unit"]
    return COSTS.get(name) or (f"{name} ({unit})" if unit else name)


def cost(name: str, value: float | None) -> str:
    """Return a cost as its column shows it; "–" where it was not measured."""
    if value is None:
        return "–"
    shown = value * 1000 if name in ("seconds_per_step", "seconds_per_call") else value
    return f"{shown:,.0f}" if shown >= 100 or name == "parameters" else f"{shown:.3g}"


def cost_ratio(value: float | None) -> str:
    """Return a cost ratio as its column shows it."""
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def has_cost_ratios(board: Leaderboard) -> bool:
    """Tell whether a leaderboard has a column of cost ratios: whether there are two to compare."""
    return sum(standing.cost_ratio is not None for standing in board.standings) > 1


def header(board: Leaderboard) -> list[str]:
    """Return the column names of a leaderboard."""
    failed = ["failed"] if _has_failures(board) else []
    origin = ["hyper-parameters"] if _has_origins(board) else []
    costs = _cost_columns(board).values()
    ratio = [COST_RATIO] if has_cost_ratios(board) else []
    return ["", "method", f"{board.metric} {ARROWS[board.better]}", "n", *costs, *ratio, *origin, *failed]


def lines(board: Leaderboard) -> list[list[str]]:
    """Return a leaderboard's lines: rank, method (* where it is like the best), score ± 95 %, n, costs, failures."""
    several = len(board.like_best) > 1
    scored = [
        [
            str(rank),
            standing.method + (" *" if several and standing.like_best else ""),
            score(standing),
            str(standing.score.n),
            *(cost(name, standing.costs.get(name)) for name in _cost_columns(board)),
            *([cost_ratio(standing.cost_ratio)] if has_cost_ratios(board) else []),
            *([standing.origin or "–"] if _has_origins(board) else []),
            *([str(standing.failures)] if _has_failures(board) else []),
        ]
        for rank, standing in enumerate(board.standings, start=1)
    ]
    empty = ["–"] * (2 + len(_cost_columns(board)) + has_cost_ratios(board) + _has_origins(board))
    return scored + [["–", method, *empty, reason] for method, reason in board.unscored.items()]


def title(board: Leaderboard) -> str:
    """Return the heading of a leaderboard."""
    details = [
        *([board.budget] if board.budget else []),
        *([board.split] if board.split != "test" else []),
        *([board.place] if board.place else []),
    ]
    return f"{board.task} ({', '.join(details)})" if details else board.task


def notes(board: Leaderboard) -> list[str]:
    """Return the sentences under a leaderboard: how far it separates, its baselines, and what cannot be compared."""
    baselines = [
        f"Baseline {name}: {_constant(value)}; no method takes part in it." for name, value in board.baselines.items()
    ]
    invalid = [
        f"INVALID: {method} cannot be compared with the best: {why}." for method, why in board.incomparable.items()
    ]
    return [note for note in (board.verdict, *baselines, *invalid, *map(_search, board.searches.values())) if note]


def _search(search: Search) -> str:
    """Say how a method was tuned: the score that its winner was chosen by, and the same on fresh seeds."""
    trials = f"{len(search.trials)} trial{'s' * (len(search.trials) > 1)}, {search.failures} failed"
    if search.selected is None:
        return f"{search.method}: {trials}."
    fresh = "not run on fresh seeds" if search.fresh is None else f"{number(search.fresh)} on fresh seeds"
    return (
        f"{search.method}: {trials}; chosen by {search.metric} on validation data: trial {search.winner} with "
        f"{search.selected:.4g}, {fresh}."
    )


def print_leaderboard(console: Console, board: Leaderboard) -> None:
    """Print a leaderboard on the terminal."""
    table = Table(title=_line(title(board)), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for i, name in enumerate(header(board)):
        table.add_column(
            _line(name), justify="left" if i == 1 else "right", no_wrap=i < 4, style="bold" if i == 2 else ""
        )
    for line in lines(board):
        table.add_row(*map(_line, line))
    console.print(table)
    for note in notes(board):
        console.print(_line(note), style="dim")
    console.print()


def print_failures(console: Console, runs: pd.DataFrame) -> None:
    """Print a table of runs that did not succeed; `runs` is as `harness.results.Results.runs`."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("run", "status", "method", "task", "seed", "attempt", "reason"):
        table.add_column(name, overflow="fold" if name == "reason" else "ellipsis", no_wrap=name != "reason")
    columns = ["run", "status", "method_label", "task_label", "seed", "attempt", "reason"]
    for row in runs[columns].itertuples(index=False):
        table.add_row(*(_line(str(value)) for value in row))
    console.print(table)


def markdown(board: Leaderboard, numbers: Mapping[str, Published] = MappingProxyType({})) -> str:
    """Return a leaderboard as a Markdown table under its heading; the best, and what is like it, in bold.

    `numbers` maps methods to published numbers, which get a column where there are any.
    """
    names, rows, sentences = whole(board, numbers)
    rows = [[escape(cell) for cell in row] for row in rows]
    for row, standing in zip(rows, board.standings, strict=False):
        if standing.like_best:
            row[1:3] = [f"**{cell}**" for cell in row[1:3]]
    table = markdown_table(names, rows, escaped=True)
    return "\n\n".join([f"## {escape(title(board))}", table, *map(escape, sentences)]) + "\n"


def whole(board: Leaderboard, numbers: Mapping[str, Published]) -> tuple[list[str], list[list[str]], list[str]]:
    """Return a leaderboard's header, its lines and the notes under it, with published numbers where there are any."""
    if not numbers:
        return header(board), lines(board), notes(board)
    column, cited = with_published(board, numbers)
    names, *rows = [
        [*line[:4], cell, *line[4:]] for line, cell in zip([header(board), *lines(board)], column, strict=True)
    ]
    return names, rows, [*notes(board), *cited]


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[str]], escaped: bool = False) -> str:
    """Return a Markdown table whose second column stands to the left, and all others to the right."""
    align = [":---" if i == 1 else "---:" for i in range(len(header))]
    shown = lines if escaped else [[escape(cell) for cell in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(map(escape, header)), align, *shown])


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, inside a table cell too."""
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + character if character in "\\`*_[]>|#~" else character for character in text)


def _cost_columns(board: Leaderboard) -> dict[str, str]:
    return {name: column for name, column in COSTS.items() if any(name in s.costs for s in board.standings)}


def _has_origins(board: Leaderboard) -> bool:
    """Tell whether any hyper-parameters are known to come from elsewhere than the defaults."""
    return any(standing.origin not in ("", "default") for standing in board.standings)


def _has_failures(board: Leaderboard) -> bool:
    return bool(board.unscored) or any(standing.failures for standing in board.standings)


def _constant(value: Interval) -> str:
    """Return a baseline, which mostly is the same for every seed and then has no interval."""
    return number(value) if value.half_width else f"{value.mean:.4g}"


def _line(text: str) -> Text:
    """Return text on one line, without control characters, and not read as rich's markup."""
    return Text(one_line(text))
