"""`bench cite`, `bench query`: what is used, and what is stored, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.program import RESULTS, results_folder, suite_path, warn
from harness.text import one_line


@click.command()
@click.argument("suite")
def cite(suite: str) -> None:
    """Print BibTeX of the methods, tasks and data sets that SUITE uses."""
    from harness import cite as citing
    from harness.catalog import load_catalog
    from harness.suite import read_suite

    catalog = load_catalog()
    click.echo(citing.cite(read_suite(suite_path(suite, catalog)), catalog))


@click.command()
@click.argument("sql")
@click.argument("suites_or_folders", nargs=-1)
@RESULTS
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def query(sql: str, suites_or_folders: tuple[str, ...], results: str, form: str) -> None:
    """Answer a SELECT over the view `results`: one row per measured value of the runs that count.

    \b
    bench query "SELECT method_label, avg(value) FROM results WHERE metric = 'accuracy' GROUP BY 1"

    Without SUITES_OR_FOLDERS it holds every suite in the results folder. Needs DuckDB (pip install
    'bench-harness[query]').
    """
    from harness import query as asking
    from harness.errors import ResultsError
    from harness.results import Results

    folders = [results_folder(name, results) for name in suites_or_folders]
    if not folders and Path(results).is_dir():
        folders = sorted(path.parent for path in Path(results).glob("*/_journal"))
    if not folders:
        raise ResultsError(f"{results}: no results there; --results names another folder")
    loaded = [Results.load(folder) for folder in folders]
    for damage in (damage for one in loaded for damage in one.damages):
        warn(f"{damage}; what it holds is left out")
    answer = asking.query(sql, loaded)
    if form == "csv":
        click.echo(answer.to_csv(index=False), nl=False)
    elif form == "json":
        click.echo(answer.to_json(orient="records", date_format="iso", double_precision=15))
    else:
        shown = answer.map(lambda value: one_line(value) if isinstance(value, str) else value)
        click.echo(shown.to_string(index=False) if len(shown) else "no rows")
