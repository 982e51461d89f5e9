"""The report as one HTML page that works offline: what is in it, and its template, style and script as files."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markdown_it import MarkdownIt
from markupsafe import Markup

from harness.logs import log_path
from harness.report import overall, style, tables
from harness.report.entries import Entry
from harness.report.plot import Plot
from harness.results import Leaderboard, Overview, Results
from harness.stats.across import Scope
from harness.text import one_line, printable

MOST_RUNS = 5_000  # with their rows and logs in the page
MOST_VALUES = 100  # of one run
LOG_BYTES, ALL_LOG_BYTES = 4_000, 2_000_000  # of the end of a run's log; of all together, failures first

AGAIN = (
    "Save the suite, which stands under Provenance, as SUITE.yaml first. A run that is done is not done again, hence "
    "the other results folder. An id belongs to a machine: on another one, choose the run by the second command."
)


def page(
    results: Results,
    boards: Sequence[Leaderboard],
    overviews: Sequence[Overview],
    entries: Sequence[Entry],
    plots: Sequence[tuple[Plot, str]],  # each with its SVG
    sections: Sequence[tuple[str, str, Sequence[tuple[Plot, str]]]],  # heading, Markdown, plots likewise
    folder: Path | None,  # where the logs are
) -> str:
    """Return the page: HTML with its style, script, plots and data in it. Whatever comes from results is escaped."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    files = resources.files(__package__)
    text = {name: files.joinpath(f"page.{name}").read_text(encoding="utf-8") for name in ("html", "css", "js")}
    digest = base64.b64encode(hashlib.sha256(text["js"].encode()).digest()).decode()
    found = [(one, _section(body), [_plot(*drawn) for drawn in theirs]) for one, body, theirs in sections]
    several = [(f"overall-{i}", overall.title(one)) for i, one in enumerate(overviews, start=1)]
    contents = [*several, ("leaderboard", "Leaderboards"), ("plots", "Plots")]
    contents += [(f"section-{i}", name) for i, (name, *_) in enumerate(found, start=1)]
    return environment.from_string(text["html"]).render(
        script_hash=f"sha256-{digest}",
        title=one_line(results.title) or "Results",
        description=one_line(results.description),
        counts=", ".join(f"{n} {status}" for status, n in results.counts().items()),
        legend=tables.LEGEND.replace("* marks the best and what tests cannot tell from it. ", ""),
        contents=contents,
        overall=[_overall(one) for one in overviews],
        boards=_boards(results, boards, entries),
        plots=[_plot(one, svg) for one, svg in plots],
        sections=[{"html": body, "plots": theirs} for _, body, theirs in found],
        version=importlib.metadata.version("bench-harness"),
        style=Markup(text["css"]),
        script=Markup(text["js"]),
        data=Markup(_json(_data(results, boards, folder))),
    )


def inline(svg: str) -> str:
    """Return a figure's SVG for a page: in the page's colours, without what a page cannot hold or holds once."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style type=\"text/css\">.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="(?:figure|axes|patch|text|matplotlib\.axis|line2d|xtick|ytick|legend|PathCollection|'
                 r'LineCollection|FillBetweenPolyCollection|QuadMesh)_\d+"', "", svg)  # fmt: skip
    for colour, name in ((style.INK, "ink"), (style.GRID, "grid"), (style.PAPER, "paper"), (style.MUTED, "muted")):
        svg = svg.replace(colour, f"var(--{name})")
    return svg


def _plot(plot: Plot, svg: str) -> dict[str, Any]:
    label = Markup('<svg role="img" aria-label="{}" ').format(plot.title)
    shown = Markup(inline(svg).replace("<svg ", label, 1)) if svg else ""
    facts = {"name": plot.name, "title": plot.title, "caption": plot.caption, "absent": plot.absent}
    return {**facts, "svg": shown, "has_data": not plot.table.empty}


def _section(markdown: str) -> Markup:
    """Return a section's Markdown as HTML; HTML in it is shown, not obeyed, and links lead nowhere but to the web."""
    return Markup(MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(markdown))


def _overall(overview: Overview) -> dict[str, Any]:
    best = overall.like_best(overview)
    rows = []
    for place, one in enumerate(overview.standings, start=1):
        texts = overall.line(place, one)
        means = [
            interval[scope].mean for interval in (one.iqm, one.rank) for scope in (Scope.NEW_SEEDS, Scope.NEW_TASKS)
        ]
        values = [place, None, *map(_value, means), one.failures]
        rows.append({"best": one.method in best, "cells": list(zip(texts, values, strict=True))})
    notes = [overall.LEGEND, *overall.notes(overview)]
    return {"title": overall.title(overview), "header": overall.HEADER, "rows": rows, "notes": notes}


def _boards(results: Results, boards: Sequence[Leaderboard], entries: Sequence[Entry]) -> list[dict[str, Any]]:
    found, left, numbers = [], iter(entries), tables.published(results)
    for board in boards:
        ours = [next(left) for _ in range(len(board.standings) + len(board.unscored))]
        costs = [key for key in (ours[0] if ours else {}) if key.startswith("cost:")]
        costs = [key for key in costs if any(entry[key] is not None for entry in ours)]
        has_published = any(entry["published"] is not None for entry in ours)
        has_failures = any(entry["failures"] or entry["reason"] for entry in ours)
        column, cited = tables.with_published(board, numbers.get((board.task, board.metric), {}))
        scores = [tables.score(standing) for standing in board.standings] + ["–"] * len(board.unscored)
        names = [tables.cost_header(key.removeprefix("cost:"), results.metrics) for key in costs]
        header = ["", "method", f"{board.metric} {tables.ARROWS[board.better]}", "n"]
        has_ratios = tables.has_cost_ratios(board)
        header += [*(["published"] if has_published else []), *names, *([tables.COST_RATIO] if has_ratios else [])]
        header += ["failed"] if has_failures else []
        notes = [re.sub(r"^\* cannot", "Those in bold cannot", note) for note in tables.notes(board)]
        rows = [
            {
                "method": entry["method"],
                "badge": entry["hyperparameters"],
                "best": entry["like_best"],
                "failures": 1 if entry["reason"] else entry["failures"],
                "cells": _cells(entry, score, beside, costs, has_published, has_ratios, has_failures),
            }
            for entry, score, beside in zip(ours, scores, column[1:], strict=True)
        ]
        found.append({"title": tables.title(board), "header": header, "rows": rows, "notes": notes + cited})
    return found


def _cells(
    entry: Entry,
    score: str,
    beside: str,
    costs: list[str],
    has_published: bool,
    has_ratios: bool,
    has_failures: bool,
) -> list[dict[str, Any]]:
    cells = [
        _cell("–" if entry["rank"] is None else str(entry["rank"]), _value(entry["rank"])),
        _cell(entry["method"], None, "method"),
        _cell(score, _value(entry["mean"]), "runs", entry["invalid"]),
        _cell(str(entry["n"]), entry["n"]),
    ]
    if has_published:
        cells.append(_cell(beside, _value(entry["published"]), "", entry["published_source"]))
    for key in costs:
        cells.append(_cell(tables.cost(key.removeprefix("cost:"), entry[key]), _value(entry[key])))
    if has_ratios:
        cells.append(_cell(tables.cost_ratio(entry["cost_ratio"]), _value(entry["cost_ratio"])))
    if has_failures:
        text = entry["reason"] or str(entry["failures"])
        cells.append(_cell(text, None if entry["reason"] else entry["failures"], "reason" if entry["reason"] else ""))
    return cells


def _cell(text: str, value: object, kind: str = "", note: str = "") -> dict[str, Any]:
    return {"text": text, "value": value, "kind": kind, "note": note}


def _value(number: float | None) -> object:
    """Return what a cell sorts by: nothing for what has no number."""
    return "" if number is None or math.isnan(number) else number


def _data(results: Results, boards: Sequence[Leaderboard], folder: Path | None) -> dict[str, Any]:
    """Return what the drill-down shows: runs with their rows and logs."""
    runs = results.runs
    failed = runs["status"] != "done"
    chosen = pd.concat([runs[failed], runs[~failed]]).head(MOST_RUNS)
    values, logs = _values(results.rows, set(chosen["run"])), _Logs(folder)
    found = [_run(row, values.get(row["run"], []), logs) for row in chosen.to_dict("records")]
    left = len(runs) - len(chosen)
    return {
        "boards": [_place(board.task, board.hardware, board.device) for board in boards],
        "runs": sorted(found, key=lambda run: int(run["seed"])),
        "again": AGAIN,
        "left_out": f"{left} runs are in the results' Parquet files only: the page holds {MOST_RUNS}."
        if left
        else "No runs.",
    }


def _values(rows: pd.DataFrame, runs: set[str]) -> dict[str, list[list[Any]]]:
    rows = rows[rows["metric"].notna() & rows["run"].isin(runs)]
    found: dict[str, list[list[Any]]] = {}
    columns = (rows["run"], rows["split"], rows["step"], rows["metric"], rows["value"], rows["unit"])
    for run, split, step, metric, value, unit in zip(*columns, strict=True):
        text = f"{value:.6g} {unit or ''}".strip()
        found.setdefault(run, []).append([split, None if pd.isna(step) else int(step), metric, text])
    return found


def _run(row: Mapping[Any, Any], values: list[list[Any]], logs: _Logs) -> dict[str, Any]:
    suite = f"{row['suite']}.yaml"
    params = {**json.loads(row["method_params"]), **json.loads(row["task_params"])}
    same = [f"method={row['method']}", f"task={row['task']}", f"seed={row['seed']}"]
    simple = {k: v for k, v in params.items() if not isinstance(v, list | dict) and not _has_syntax(v)}
    same += [f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in simple.items()]
    again = [["--select", f"run={row['run']}"], ["--select", ",".join(same)]]
    log, note = logs.of(str(row["run"]), int(row["attempt"]), bool(row["status"] != "done"))
    facts = {
        "run": row["run"], "method": row["method"], "method's parameters": row["method_params"],
        "task": row["task"], "task's parameters": row["task_params"],
        "seed": row["seed"], "status": row["status"], "reason": row["reason"], "attempt": row["attempt"],
        "started": str(row["started_at"]), "seconds": f"{row['seconds']:.3g}", "device": row["device"],
        "hardware": row["hardware"], "environment": row["environment"], "code": row["source"],
        "libraries": row["libraries"], "data": row["data"], "host": row["host"], "session": row["session"],
    }  # fmt: skip
    return {
        "id": row["run"],
        "place": _place(row["task_label"], row["hardware"], row["device"]),
        "method": row["method_label"],
        "seed": int(row["seed"]),
        "status": row["status"],
        "reason": one_line(row["reason"] or ""),
        "facts": [[key, str(value)] for key, value in facts.items()],
        "values": values[-MOST_VALUES:],
        "more": max(0, len(values) - MOST_VALUES),
        "again": "\n".join(shlex.join(["bench", "run", suite, *one, "--results", "again"]) for one in again),
        "log": log,
        "log_note": note,
    }


def _has_syntax(value: object) -> bool:
    """Tell whether a value cannot stand in an expression as it is."""
    return isinstance(value, str) and (not value.strip() or re.search(r"[,|*?\[\]]", value) is not None)


def _place(task: object, hardware: object, device: object) -> str:
    return json.dumps([str(task), str(hardware), str(device)])


class _Logs:
    """The ends of runs' logs, as long as there is room in the page."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._room = folder, ALL_LOG_BYTES

    def of(self, run: str, attempt: int, failed: bool) -> tuple[str, str]:
        """Return the end of a log, and what has to be said of it."""
        command = f"bench log {run}"
        if self._folder is None:
            return "", f"{command} prints it where the run was made."
        try:
            with open(log_path(self._folder, run, attempt), "rb") as file:
                size = file.seek(0, 2)
                take = min(size, LOG_BYTES, self._room)
                file.seek(size - take)
                end = file.read(take).decode("utf-8", errors="replace")
        except OSError:
            return "", "It is not here: logs stay where the run was made."
        self._room -= take
        if not size:
            return "", "The run printed nothing."
        return printable(end), f"{command} prints all of it." if take < size else f"{command} prints it too."


def _json(data: Any) -> str:
    """Return JSON that can stand in a script element: no character of it ends one, or begins a comment."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
