"""`bench data`: the raw files of data sets."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import units
from harness.cli.look import aligned

if TYPE_CHECKING:
    from harness.download import Progress
    from harness.spec import Dataset

NAMES = click.argument("names", metavar="NAME...", nargs=-1, required=True)


@click.group()
def data() -> None:
    """Fetch, import and check the data sets' files. They lie in $BENCH_DATA, or in bench/data in your cache folder."""


@data.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the data sets, and whether what they are made from is here."""
    from harness import data_upkeep

    rows = [
        {"name": name, "state": data_upkeep.state(dataset), "size": _size(dataset), "summary": dataset.summary}
        for name, dataset in _datasets().items()
    ]
    click.echo(json.dumps(rows, indent=2) if as_json else aligned(rows))


@data.command()
@NAMES
def get(names: tuple[str, ...]) -> None:
    """Fetch the official files of NAME. A transfer that was broken off goes on where it was."""
    from harness import data_upkeep

    for dataset in _chosen(names):
        with _bars() as bar:
            paths = data_upkeep.get(dataset, bar)
        _print_paths(dataset, paths)


@data.command("import")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
def import_(name: str, path: Path) -> None:
    """Take the files of NAME from PATH, a file or a folder. They are recognised by their content."""
    from harness import data_upkeep

    (dataset,) = _chosen((name,))
    _print_paths(dataset, data_upkeep.bring(dataset, path))


@data.command()
@click.argument("suite")
def prepare(suite: str) -> None:
    """Make the arrays that the tasks of SUITE read, on all cores. Runs make what is missing on their own cores."""
    from harness import outlook, stocking
    from harness.catalog import load_catalog
    from harness.cli.program import suite_path
    from harness.suite import read_suite

    catalog = load_catalog()
    read = read_suite(suite_path(suite, catalog))
    runs = outlook.planned(read, catalog, Path("results") / read.name)
    with _bars(by_size=False) as bar:
        lines = list(stocking.stock(runs, bar))
    for line in lines:
        click.echo(line)


@data.command()
@click.argument("name", required=False)
def where(name: str | None) -> None:
    """Print the data folder; with NAME, where its files and its prepared arrays are."""
    from harness import data_upkeep
    from harness.data import data_folder

    if name is None:
        click.echo(data_folder())
        return
    (dataset,) = _chosen((name,))
    for path in (*data_upkeep.raw(dataset).values(), *data_upkeep.folders(dataset.name)):
        click.echo(path)


@data.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Read every file and array of NAME, of all without one, and compare digests. Exit code 1 on any damage."""
    from harness import data_upkeep

    found = [item for dataset in _chosen(names or tuple(_datasets())) for item in data_upkeep.check(dataset)]
    problems = [problem for _, problem in found if problem]
    for problem in problems:
        click.echo(f"problem: {problem}")
    click.echo(f"{len(found)} files and folders read, {len(problems)} damaged")
    sys.exit(1 if problems else 0)


def _datasets() -> dict[str, Dataset]:
    from harness.catalog import load_catalog

    return dict(load_catalog().datasets)


def _chosen(names: tuple[str, ...]) -> list[Dataset]:
    from harness.catalog import load_catalog

    catalog = load_catalog()
    return [catalog.find("dataset", name) for name in names]


def _size(dataset: Dataset) -> str:
    total = sum(file.size for file in dataset.sources[0]) if dataset.sources else 0
    return units.show_size(total) if total else ""


def _print_paths(dataset: Dataset, paths: list[Path]) -> None:
    for path in paths:
        click.echo(path)
    if not dataset.sources:
        click.echo(f"{dataset.name} is generated: it needs no files")


@contextmanager
def _bars(by_size: bool = True) -> Iterator[Callable[[str], Progress]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    counts = (DownloadColumn(), TransferSpeedColumn()) if by_size else (MofNCompleteColumn(), TimeRemainingColumn())
    columns = (TextColumn("{task.description}"), BarColumn(), *counts)
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def bar(name: str) -> Progress:
            task = bars.add_task(name, total=None)
            return lambda received, size: bars.update(task, completed=received, total=size)

        yield bar
