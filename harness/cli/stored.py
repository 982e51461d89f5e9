"""`bench report`, `bench log`, `bench results`: what is stored."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.program import console, results_folder, warn

if TYPE_CHECKING:
    from harness.catalog import Catalog
    from harness.results import Results

RESULTS = click.option(
    "--results", default="results", show_default=True, help="Folder under which each suite has its own."
)


@click.command()
@click.argument("suite_or_folder")
@RESULTS
@click.option(
    "--out", type=click.Path(file_okay=False), help="Where the report goes.  [default: _report in the results]"
)
def report(suite_or_folder: str, results: str, out: str | None) -> None:
    """Print the leaderboards of stored results and write their report."""
    from harness.catalog import load_catalog
    from harness.results import Results

    folder = results_folder(suite_or_folder, results)
    print_results(Results.load(folder), load_catalog(), folder, Path(out) if out else folder / "_report")


def print_results(results: Results, catalog: Catalog, folder: Path, out: Path) -> None:
    """Print leaderboards and counts, and write the report."""
    from harness.report import tables
    from harness.report.write import write_report

    for damage in results.damages:
        warn(f"{damage}; what it holds is left out")
    screen = console()
    for board in results.leaderboards():
        tables.print_leaderboard(screen, board)
    screen.print(tables.LEGEND, style="dim", markup=False, soft_wrap=True)
    counts = results.counts()
    total = sum(counts.values())
    statuses = dict.fromkeys(["done", "failed", "skipped", *sorted(counts)])
    spelled = ", ".join(f"{counts.get(status, 0)} {status}" for status in statuses)
    click.echo(f"{total} runs: {spelled}")
    click.echo(f"results: {folder}/*.parquet")
    click.echo("report: " + ", ".join(map(str, write_report(results, catalog, out))))


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
