"""`bench asv compare`, `bench asv export`: what has become worse, and the quality of methods as a history of asv's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.asv import CONFIG, end_like_ctrl_c
from harness.cli.program import RESULTS, console, results_folder, warn

if TYPE_CHECKING:
    from harness.tracking.exporting import By


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--bench", "patterns", multiple=True, metavar="REGEX",
              help="Only benchmarks that match, parameters included; may be repeated.  [default: all]")  # fmt: skip
@click.option("--margin", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, metavar="PERCENT",
              help="A change that does not matter.")  # fmt: skip
@click.option("--measure", "turns", type=click.IntRange(2), metavar="TURNS",
              help="Measure both commits so often, in turns, where stored samples do not tell.")  # fmt: skip
@click.option("--machine", default="", help="Only what was measured there.  [default: all]")
@click.option("--format", "form", type=click.Choice(["table", "markdown", "json"]), default="table", show_default=True)
@CONFIG
def compare(
    a: str, b: str, patterns: tuple[str, ...], margin: float, turns: int | None, machine: str, form: str, config: Path
) -> None:
    """Say what is worse at commit B than at commit A.

    Each benchmark is tested: quality by the seeds that both have, times and memory by values measured in turns
    (--measure) or by stored samples. Exit code: 0 nothing is worse, 1 something is worse, 2 it cannot be told, and the
    table says how many samples are needed. 2 is also the code of bad input, which prints no table.
    """
    from harness.tracking import telling
    from harness.tracking.between import between
    from harness.tracking.settings import read_settings

    end_like_ctrl_c()
    found = between(
        read_settings(config), a, b, margin / 100, patterns=patterns, machine=machine, turns=turns or 0,
        tell=lambda line: click.echo(line, err=True), warn=warn,
    )  # fmt: skip
    if form == "json":
        click.echo(json.dumps(telling.facts(found), indent=2))
    elif form == "markdown":
        click.echo(telling.markdown(found), nl=False)
    else:
        _print(telling.HEADER, telling.lines(found))
        click.echo("\n".join([telling.verdict(found), *telling.notes(found)]))
    sys.exit(found.exit_code)


def _print(header: tuple[str, ...], lines: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from harness.text import one_line

    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in header:
        table.add_column(Text(name), overflow="fold")
    for line in lines:
        table.add_row(*(Text(one_line(cell)) for cell in line))
    console().print(table)


@click.command()
@click.argument("suites_or_folders", nargs=-1, required=True)
@RESULTS
@click.option("--by", type=click.Choice(["commit", "version", "date"]), default="commit", show_default=True,
              help="Of the repository, of the methods' distributions, or of the first run.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".asv/quality", show_default=True,
              help="A folder of its own; an earlier export in it is replaced.")  # fmt: skip
@click.option("--repo", default=".", show_default=True, type=click.Path(file_okay=False, path_type=Path),
              help="Where commits are looked up: the repository of the methods.")  # fmt: skip
def export(suites_or_folders: tuple[str, ...], results: str, by: By, out: Path, repo: Path) -> None:
    """Write stored results as a results tree of asv's: quality and cost of each method as a history.

    asv alarms at what rises, so all is written such that more is worse: an accuracy as 1 - accuracy. `bench asv
    publish` and `bench asv compare` take the result by `--config OUT/asv.conf.json`; points have tags to be named by.
    """
    from harness.errors import BenchError
    from harness.results import Results
    from harness.tracking.exporting import export as export_

    folders = {results_folder(name, results).resolve(): None for name in suites_or_folders}
    names = [folder.name for folder in folders]
    if doubled := next((name for name in names if names.count(name) > 1), ""):
        raise BenchError(f"two folders are called '{doubled}', as their benchmarks would be; export them one by one")
    found = {folder.name: Results.load(folder) for folder in folders}
    for damage in (damage for one in found.values() for damage in one.damages):
        warn(f"{damage}; what it holds is left out")
    exported = export_(found, by, out, repo, f"{', '.join(found)}: quality by {by}")
    for reason, count in exported.left_out.items():
        warn(f"{count} of the runs {reason}; gaps in the history")
    click.echo(f"{exported}; `bench asv publish --config {exported.config}` shows them")
