"""What all commands share: how errors end the program, and how its user names a suite."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import BenchError
from harness.text import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from harness.catalog import Catalog


RESULTS = click.option(
    "--results", default="results", show_default=True, help="Folder under which each suite has its own."
)


class _Group(click.Group):
    """Turns a BenchError of any command into one line and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BenchError as error:
            warn(str(error))
            ctx.exit(2)
        except KeyboardInterrupt:
            warn("interrupted")
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bench-harness", prog_name="bench")
def main() -> None:
    """Run deep-learning methods over suites of tasks, and compare them.

    \b
    bench run suites/ssm.yaml     run what is not done yet, end in a leaderboard
    bench claims ssm              what became of the claims of papers that a suite makes
    bench list methods            what the installed plugins offer
    bench show s4d                parameters, reference, traits
    """


def warn(text: str) -> None:
    """Print one line on the error output."""
    click.echo(f"bench: {one_line(text)}", err=True)


def console() -> Console:
    """Return where tables go."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def suite_path(name: str, catalog: Catalog) -> Path:
    """Return the file of a suite given by path or by name. Raises BenchError with the nearest one there is."""
    from harness.errors import SuiteError, did_you_mean

    path = Path(name)
    if path.exists():
        return path
    local = {file.stem: file for file in sorted(Path("suites").glob("*.yaml"))}
    known = {**catalog.suites, **local}
    if name in known:
        return known[name]
    if path.suffix or len(path.parts) > 1:
        raise SuiteError(f"no such file{did_you_mean(name, [str(file) for file in known.values()])}", path=path)
    names = [
        *known,
        *(n for kind in ("methods", "tasks", "metrics", "datasets", "families") for n in getattr(catalog, kind)),
    ]
    raise BenchError(f"nothing is named '{name}'{did_you_mean(name, names)}")


def results_folder(suite_or_folder: str, results: str) -> Path:
    """Return the results folder that a user means: the folder itself, or that of a suite under `results`."""
    given = Path(suite_or_folder)
    if given.is_dir():
        return given
    if (Path(results) / suite_or_folder).is_dir():
        return Path(results) / suite_or_folder
    from harness.catalog import load_catalog
    from harness.suite import suite_name

    return Path(results) / suite_name(suite_path(suite_or_folder, load_catalog()))
