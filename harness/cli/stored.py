"""`bench report`, `bench log`, `bench results`: what is stored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.program import RESULTS, console, results_folder, suite_path, warn

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.results import Results

MOST_BOARDS = 20  # on a terminal


@click.command()
@click.argument("suite_or_folder")
@RESULTS
@click.option("--format", "formats", multiple=True, type=click.Choice(["md", "csv", "latex", "html"]),
              help="Only this one; may be repeated.  [default: all]")  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False), help="Where the report goes.  [default: _report in the results]"
)
def report(suite_or_folder: str, results: str, formats: tuple[str, ...], out: str | None) -> None:
    """Print the leaderboards of stored results and write their report.

    md: report.md. html: index.html, one page that works offline. latex: report.tex, and leaderboard.tex to \\input into
    a paper. Always: leaderboard.csv and leaderboard.json for other programs, and under plots/ each plot with its data.
    """
    from harness.catalog import load_catalog
    from harness.report.write import FORMATS, write_report

    folder, catalog = results_folder(suite_or_folder, results), load_catalog()
    found = stored_results(suite_or_folder, folder, catalog)
    print_results(found, folder)
    paths = write_report(found, catalog, Path(out) if out else folder / "_report", formats or FORMATS, stored=folder)
    print_paths(paths)


def stored_results(suite_or_folder: str, folder: Path, catalog: Catalog) -> Results:
    """Return what is stored; of a suite, with the anchors, claims and published numbers that it has by now."""
    from harness import outlook
    from harness.errors import BenchError
    from harness.results import Results
    from harness.suite import read_suite

    if folder == Path(suite_or_folder):
        return Results.load(folder)
    try:
        path = suite_path(suite_or_folder, catalog)
    except BenchError:  # results without their suite, found under its name
        return Results.load(folder)
    read = read_suite(path)
    found = outlook.stored(folder, outlook.planned(read, catalog, folder))
    found.published, found.claims = list(read.published), read.claims
    return found


def print_paths(paths: list[Path]) -> None:
    """Print where a report is."""
    shown = [path for path in paths if path.parent.name != "plots"]
    click.echo("report: " + ", ".join(map(str, shown)))
    if count := len(paths) - len(shown):
        click.echo(f"plots and their data: {count} files in {shown[0].parent / 'plots'}")


def print_results(results: Results, folder: Path) -> None:
    """Print leaderboards and counts."""
    from harness.report import tables

    for damage in results.damages:
        warn(f"{damage}; what it holds is left out")
    screen = console()
    boards = results.leaderboards()
    for board in boards[:MOST_BOARDS]:
        tables.print_leaderboard(screen, board)
    if len(boards) > MOST_BOARDS:
        click.echo(f"and {len(boards) - MOST_BOARDS} more leaderboards, which the report has\n")
    screen.print(tables.LEGEND, style="dim", markup=False, soft_wrap=True)
    counts = results.counts()
    total = sum(counts.values())
    statuses = dict.fromkeys(["done", "failed", "skipped", *sorted(counts)])
    spelled = ", ".join(f"{counts.get(status, 0)} {status}" for status in statuses)
    click.echo(f"{total} runs: {spelled}")
    click.echo(f"results: {folder}/*.parquet")


@click.command()
@click.argument("run")
@RESULTS
@click.option("--attempt", type=click.IntRange(1), help="Which attempt at it.  [default: the last]")
def log(run: str, results: str, attempt: int | None) -> None:
    """Print what RUN has printed. RUN is its id, or the beginning of it; failures and --dry-run show it."""
    from harness import logs

    path = logs.find(Path(results), run, attempt)
    warn(f"{path}")
    sys.stdout.buffer.write(path.read_bytes())


@click.group()
def results() -> None:
    """Check, tidy and unite results folders."""


@results.command()
@click.argument("suite_or_folder")
@RESULTS
def verify(suite_or_folder: str, results: str) -> None:
    """Read every file of a results folder, checksums included. Exit code 1 when anything is damaged."""
    from harness import upkeep

    found = upkeep.verify(results_folder(suite_or_folder, results))
    for line in found.lines:
        click.echo(line)
    for problem in found.problems:
        click.echo(f"problem: {problem}")
    sys.exit(1 if found.problems else 0)


@results.command()
@click.argument("suite_or_folder")
@RESULTS
def compact(suite_or_folder: str, results: str) -> None:
    """Merge the files of ended sessions into one. Damaged files, and sessions that live, stay as they are."""
    from harness import upkeep

    click.echo(upkeep.compact(results_folder(suite_or_folder, results)))


@results.command()
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
def merge(target: Path, source: Path) -> None:
    """Add the results in the folder SOURCE to those in the folder TARGET; each run counts once. SOURCE stays."""
    from harness import upkeep

    click.echo(upkeep.merge(target, source))
