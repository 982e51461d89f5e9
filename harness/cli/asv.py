"""`bench asv`: regressions over commits."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from harness.cli.program import warn

CONFIG = click.option(
    "--config", default="asv.conf.json", show_default=True, type=click.Path(dir_okay=False, path_type=Path),
    help="asv's settings; paths in it count from its folder.",
)  # fmt: skip


def end_like_ctrl_c() -> None:
    """Have what ends this process end what it has started as well."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.default_int_handler)


@click.group()
def asv() -> None:
    """Measure commits, and see which made what slower, larger or worse."""


@asv.command()
@click.option("--commits", multiple=True, default=("HEAD",), show_default=True, metavar="COMMITS",
              help="A commit, or a range OLDER..NEWER; may be repeated.")  # fmt: skip
@click.option("--bench", "patterns", multiple=True, metavar="REGEX",
              help="Only benchmarks that match, parameters included; may be repeated.  [default: all]")  # fmt: skip
@CONFIG
def run(commits: tuple[str, ...], patterns: tuple[str, ...], config: Path) -> None:
    """Measure what of the benchmarks is not measured yet at some commits.

    Each commit is checked out and installed apart from your checkout and your environment, with the libraries of the
    latter. The same command resumes after an interruption. Exit code: 0 all is measured, 1 something could not be and
    is a gap in the history, 2 bad input, 130 interrupted.
    """
    from harness.tracking.running import measure
    from harness.tracking.settings import read_settings

    end_like_ctrl_c()
    outcome = measure(read_settings(config), commits, patterns, tell=click.echo, warn=warn)
    click.echo(f"{outcome}\nresults: {outcome.results}; `bench asv publish` shows them")
    sys.exit(1 if outcome.gaps else 0)


@asv.command()
@CONFIG
def publish(config: Path) -> None:
    """Make a page of all that is measured, which needs no network, with the regressions that asv finds."""
    from harness.tracking.publishing import publish as publish_
    from harness.tracking.settings import read_settings

    page = publish_(read_settings(config))
    click.echo(f"{page}\npage: {page.path}")
