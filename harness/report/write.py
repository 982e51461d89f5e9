"""The report of a results folder: Markdown, a page, LaTeX, plots, and the leaderboard for other programs."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalog import Catalog
from harness.errors import ResultsError
from harness.report import tables
from harness.report.entries import Entry, entries, write_csv, write_json
from harness.results import Leaderboard, Overview, Results

if TYPE_CHECKING:
    from harness.report.plot import Plot

FORMATS = ("md", "csv", "latex", "html")
FILES = {"md": "report.md", "latex": "report.tex", "html": "index.html"}
KINDS = {"md": "png", "latex": "pdf", "html": "svg"}  # the plots that a format shows
OWN = ("harness.report.sections:leaderboards", "harness.report.sections:over_all_tasks")  # the page has its own


@dataclass(frozen=True)
class _Material:
    results: Results
    boards: list[Leaderboard]
    overviews: list[Overview]
    entries: list[Entry]


def write_report(
    results: Results,
    catalog: Catalog,
    folder: Path,
    formats: Collection[str] = FORMATS,
    *,
    plots: bool = True,
    stored: Path | None = None,
) -> list[Path]:
    """Write the report of `results` into `folder` and return the paths of its files.

    Beside whatever `formats` asks for there is always the leaderboard as `leaderboard.csv` and `leaderboard.json`, see
    `harness.report.entries`. Plots are drawn as what the formats show: PNG in Markdown, PDF in LaTeX, SVG in the page.
    `stored` is the results folder, for the logs that the page shows. A section that fails is replaced by one line that
    says so; the others are written. Raises ResultsError where the folder cannot be written.
    """
    boards = results.leaderboards()
    overviews = [one for one in results.overviews() if one.methods]
    material = _Material(results, boards, overviews, entries(results, boards))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(material, catalog, folder, formats, plots, stored)
    except OSError as error:
        raise ResultsError(f"the report cannot be written: {error}; choose another folder with --out") from error


def renew_report(results: Results, catalog: Catalog, folder: Path, *, stored: Path | None = None) -> list[Path]:
    """Write the report in Markdown, and anew in what formats and with what plots `folder` already has it.

    So nothing in the folder is older than the rest. Otherwise as `write_report`.
    """
    there = [name for name, file in FILES.items() if name == "md" or (folder / file).exists()]
    return write_report(results, catalog, folder, there, plots=(folder / "plots").is_dir(), stored=stored)


def _write(
    material: _Material, catalog: Catalog, folder: Path, formats: Collection[str], plots: bool, stored: Path | None
) -> list[Path]:
    table, records = folder / "leaderboard.csv", folder / "leaderboard.json"
    write_csv(material.entries, table)
    write_json(material.results, material.entries, records)
    paths, reports = [table, records], [name for name in FORMATS if name in formats and name != "csv"]
    if not reports:
        return paths
    sections = [
        (name, section.target, _section(name, section.target, material.results))
        for name, section in catalog.sections.items()
        if "md" in reports or section.target not in OWN
    ]
    drawn = _Drawn.of(material, folder, [KINDS[name] for name in reports]) if plots else _Drawn([], {}, [])
    for name in reports:
        paths += _WRITERS[name](material, sections, drawn, folder, stored)
    return [*paths, *drawn.paths]


@dataclass(frozen=True)
class _Drawn:
    plots: Sequence[Plot]
    svgs: dict[str, str]
    paths: list[Path]

    @classmethod
    def of(cls, material: _Material, folder: Path, kinds: list[str]) -> _Drawn:
        from harness.report import drawing, figures

        plots = figures.plots_of(material.results, material.boards, material.overviews)
        paths, svgs = drawing.write(plots, folder / "plots", kinds)
        return cls(plots, svgs, paths)


_Sections = Sequence[tuple[str, str, str]]  # heading, target, Markdown
_Writer = Callable[[_Material, _Sections, _Drawn, Path, Path | None], list[Path]]


def _markdown(material: _Material, sections: _Sections, drawn: _Drawn, folder: Path, stored: Path | None) -> list[Path]:
    path = folder / FILES["md"]
    parts = [text for _, _, text in sections if text]
    parts[1:1] = [_plots(drawn.plots)] if drawn.plots else []
    path.write_text("\n".join(parts), encoding="utf-8")
    return [path]


def _plots(plots: Sequence[Plot]) -> str:
    parts = ["## Plots"]
    for plot in plots:
        parts.append(f"### {tables.escape(plot.title)}")
        if plot.draw:
            parts.append(f"![{tables.escape(plot.title)}](plots/{plot.name}.png)\n\n{tables.escape(plot.caption)}")
        else:
            parts.append(f"Not drawn: {tables.escape(plot.absent)}.")
        if not plot.table.empty:
            parts[-1] += f" Data: [plots/{plot.name}.csv](plots/{plot.name}.csv)."
    return "\n\n".join(parts) + "\n"


def _latex(material: _Material, sections: _Sections, drawn: _Drawn, folder: Path, stored: Path | None) -> list[Path]:
    from harness.report import latex

    beside = tables.published(material.results)
    boards = [latex.leaderboard(b, beside.get((b.task, b.metric), {})) for b in material.boards]
    judgements = material.results.ledger()
    parts = [*map(latex.all_tasks, material.overviews), *boards, *([latex.claims(judgements)] if judgements else [])]
    counts = ", ".join(f"{n} {status}" for status, n in material.results.counts().items())
    whole, only = folder / FILES["latex"], folder / "leaderboard.tex"
    title = material.results.title or "Results"
    whole.write_text(latex.document(title, f"{counts}. {tables.LEGEND}", parts, drawn.plots), encoding="utf-8")
    only.write_text("\n".join(parts), encoding="utf-8")
    return [whole, only]


def _html(material: _Material, sections: _Sections, drawn: _Drawn, folder: Path, stored: Path | None) -> list[Path]:
    from harness.report import page

    path = folder / FILES["html"]
    shown = [(name, text) for name, target, text in sections if text and target not in OWN]
    plots = [(plot, drawn.svgs.get(plot.name, "")) for plot in drawn.plots]
    given = (material.results, material.boards, material.overviews, material.entries)
    path.write_text(page.page(*given, plots, shown, stored), encoding="utf-8")
    return [path]


_WRITERS: dict[str, _Writer] = {"md": _markdown, "latex": _latex, "html": _html}


def _section(name: str, target: str, results: Results) -> str:
    module, _, attribute = target.partition(":")
    try:
        return str(getattr(importlib.import_module(module), attribute)(results))
    except Exception as error:
        return f"## {tables.escape(name)}\n\nThis section failed: {tables.escape(f'{type(error).__name__}: {error}')}\n"
