"""`bench claims`, `bench plan`, `bench compare`: what results say, and what a suite will be able to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.program import RESULTS, console, results_folder, suite_path, warn
from harness.cli.stored import stored_results

if TYPE_CHECKING:
    from harness.results import Results


@click.command()
@click.argument("suite_or_folder")
@RESULTS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def claims(suite_or_folder: str, results: str, as_json: bool) -> None:
    """Judge the claims of a suite by its stored results.

    For each claim: the verdict, the effect with its 90 % interval, the number of seeds, and why. Of a results folder,
    the claims are those that its suite made when it was run last.
    """
    from harness.report import ledger

    judgements = _found(suite_or_folder, results).ledger()
    if as_json:
        click.echo(json.dumps([ledger.ledger_facts(one) for one in judgements], indent=2))
    elif judgements:
        ledger.print_ledger(console(), judgements)
    else:
        click.echo("no claims; a suite makes them under 'claims'")


@click.command()
@click.argument("suite")
@RESULTS
@click.option("--power", is_flag=True, help="Print what the suite's seeds can tell about each of its claims.")
@click.option("--spread", type=click.FloatRange(0, min_open=True), metavar="SD",
              help="Standard deviation of paired differences to assume where nothing is stored.")  # fmt: skip
def plan(suite: str, results: str, power: bool, spread: float | None) -> None:
    """Say what SUITE will cost and, with --power, what it will be able to tell. Runs nothing.

    Time is that of stored runs of the same methods and tasks; so is the spread between seeds.
    """
    from harness import outlook
    from harness.catalog import load_catalog
    from harness.report import ledger
    from harness.suite import read_suite

    catalog = load_catalog()
    read = read_suite(suite_path(suite, catalog))
    folder = Path(results) / read.name
    runs = outlook.planned(read, catalog, folder)
    found = outlook.stored(folder, runs) if folder.is_dir() else None
    if power:
        ledger.print_powers(console(), outlook.powers(read, found, spread))
    click.echo(ledger.cost_line(outlook.cost(runs, folder, found)))


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--suite", "suite_or_folder", required=True, metavar="SUITE", help="The suite, or its results folder.")
@RESULTS
@click.option("--task", "tasks", multiple=True, help="Only on this task, or those that an expression chooses.")
@click.option("--margin", type=click.FloatRange(0, min_open=True),
              help="A difference that does not matter, of the way from chance to the reference.")  # fmt: skip
def compare(a: str, b: str, suite_or_folder: str, results: str, tasks: tuple[str, ...], margin: float | None) -> None:
    """Compare the methods A and B of a suite, seed by seed.

    Each is a name or an expression, such as 'method=s4d,init=legs', that chooses one method. For each task: the mean
    gain with its 95 % interval, the paired t-test, the chance that a run of A beats one of B; with --margin, whether
    the two are equivalent.
    """
    from harness.report import ledger

    for comparison in _found(suite_or_folder, results).compare(a, b, tasks, margin):
        ledger.print_comparison(console(), comparison)


def _found(suite_or_folder: str, results: str) -> Results:
    """Return what is stored, having told what of it is damaged."""
    from harness.catalog import load_catalog

    found = stored_results(suite_or_folder, results_folder(suite_or_folder, results), load_catalog())
    for damage in found.damages:
        warn(f"{damage}; what it holds is left out")
    return found
