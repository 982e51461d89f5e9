"""The report of a results folder: Markdown, a page, LaTeX, plots, and the leaderboard for other programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalog import Catalog
from harness.errors import ResultsError
from harness.report import tables
from harness.report.entries import Entry, entries, write_csv, write_json
from harness.results import Leaderboard, Overview, Results
from harness.spec import Section
from harness.targets import resolved

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
    earlier = _drawn_before(folder / FILES["md"])
    table, records = folder / "leaderboard.csv", folder / "leaderboard.json"
    write_csv(material.entries, table)
    write_json(material.results, material.entries, records)
    paths, reports = [table, records], [name for name in FORMATS if name in formats and name != "csv"]
    if not reports:
        return paths
    kinds = [KINDS[name] for name in reports]
    drawn = _Drawn.of(material, folder, kinds) if plots else _NOTHING
    sections = [
        _section(name, section, material.results, folder, kinds if plots else None)
        for name, section in catalog.sections.items()
        if "md" in reports or section.target not in OWN
    ]
    for name in reports:
        paths += _WRITERS[name](material, sections, drawn, folder, stored)
    paths += [*drawn.paths, *(path for section in sections for path in section.drawn.paths)]
    if plots:
        for name in earlier - {path.stem for path in paths}:
            for suffix in ("csv", *KINDS.values()):
                (folder / "plots" / f"{name}.{suffix}").unlink(missing_ok=True)
    return paths


def _drawn_before(report: Path) -> set[str]:
    """Return the names of the plots that a report in Markdown shows; no other file beside them is this program's."""
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    return set(re.findall(r"\(plots/([^()/]+)\.(?:png|csv)\)", text))


@dataclass(frozen=True)
class _Drawn:
    plots: Sequence[Plot]
    svgs: dict[str, str]
    paths: list[Path]

    @classmethod
    def of(cls, material: _Material, folder: Path, kinds: list[str]) -> _Drawn:
        from harness.report import figures

        return cls.written(figures.plots_of(material.results, material.boards, material.overviews), folder, kinds)

    @classmethod
    def written(cls, plots: Sequence[Plot], folder: Path, kinds: list[str]) -> _Drawn:
        from harness.report import drawing

        paths, svgs = drawing.write(plots, folder / "plots", kinds)
        return cls(plots, svgs, paths)


_NOTHING = _Drawn([], {}, [])


@dataclass(frozen=True)
class _Section:
    name: str
    target: str
    text: str  # Markdown
    drawn: _Drawn


_Sections = Sequence[_Section]
_Writer = Callable[[_Material, _Sections, _Drawn, Path, Path | None], list[Path]]


def _markdown(material: _Material, sections: _Sections, drawn: _Drawn, folder: Path, stored: Path | None) -> list[Path]:
    path = folder / FILES["md"]
    parts = ["\n\n".join([one.text.rstrip("\n"), *_figures(one.drawn.plots)]) + "\n" for one in sections if one.text]
    parts[1:1] = ["\n\n".join(["## Plots", *_figures(drawn.plots)]) + "\n"] if drawn.plots else []
    path.write_text("\n".join(parts), encoding="utf-8")
    return [path]


def _figures(plots: Sequence[Plot]) -> list[str]:
    parts = list[str]()
    for plot in plots:
        parts.append(f"### {tables.escape(plot.title)}")
        if plot.draw:
            parts.append(f"![{tables.escape(plot.title)}](plots/{plot.name}.png)\n\n{tables.escape(plot.caption)}")
        else:
            parts.append(f"Not drawn: {tables.escape(plot.absent)}.")
        if not plot.table.empty:
            parts[-1] += f" Data: [plots/{plot.name}.csv](plots/{plot.name}.csv)."
    return parts


def _latex(material: _Material, sections: _Sections, drawn: _Drawn, folder: Path, stored: Path | None) -> list[Path]:
    from harness.report import latex

    beside = tables.published(material.results)
    boards = [latex.leaderboard(b, beside.get((b.task, b.metric), {})) for b in material.boards]
    judgements = material.results.ledger()
    parts = [*map(latex.all_tasks, material.overviews), *boards, *([latex.claims(judgements)] if judgements else [])]
    counts = ", ".join(f"{n} {status}" for status, n in material.results.counts().items())
    whole, only = folder / FILES["latex"], folder / "leaderboard.tex"
    title = material.results.title or "Results"
    plots = [*drawn.plots, *(plot for section in sections for plot in section.drawn.plots)]
    whole.write_text(latex.document(title, f"{counts}. {tables.LEGEND}", parts, plots), encoding="utf-8")
    only.write_text("\n".join(parts), encoding="utf-8")
    return [whole, only]


def _html(material: _Material, sections: _Sections, drawn: _Drawn, folder: Path, stored: Path | None) -> list[Path]:
    from harness.report import page

    path = folder / FILES["html"]
    shown = [(one.name, one.text, _with_svg(one.drawn)) for one in sections if one.text and one.target not in OWN]
    plots = _with_svg(drawn)
    given = (material.results, material.boards, material.overviews, material.entries)
    path.write_text(page.page(*given, plots, shown, stored), encoding="utf-8")
    return [path]


def _with_svg(drawn: _Drawn) -> list[tuple[Plot, str]]:
    return [(plot, drawn.svgs.get(plot.name, "")) for plot in drawn.plots]


_WRITERS: dict[str, _Writer] = {"md": _markdown, "latex": _latex, "html": _html}


def _section(name: str, section: Section, results: Results, folder: Path, kinds: list[str] | None) -> _Section:
    """Return a section, with its plots drawn where there are kinds of them; a line in place of one that fails."""
    try:
        text = str(resolved(section.target)(results))
        wanted = resolved(section.plots)(results) if text and section.plots and kinds is not None else []
        drawn = _Drawn.written(list(wanted), folder, kinds or []) if wanted else _NOTHING
    except OSError:
        raise
    except Exception as error:
        why = tables.escape(f"{type(error).__name__}: {error}")
        text, drawn = f"## {tables.escape(name)}\n\nThis section failed: {why}\n", _NOTHING
    return _Section(name, section.target, text, drawn)
