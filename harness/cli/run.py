"""`bench run`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import units
from harness.cli.program import RESULTS, console, suite_path, warn
from harness.cli.stored import print_paths, print_results
from harness.text import one_line

if TYPE_CHECKING:
    from harness.backlog import Stop
    from harness.plan import Run
    from harness.runner import Job


class _Quantity(click.ParamType):  # type: ignore[type-arg] # generic for its type checker only
    def __init__(self, name: str, read: Callable[[object], float]) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"'{value}' is not {error}", param, ctx)


SIZE, DURATION = _Quantity("size", units.size), _Quantity("duration", units.duration)


@click.command()
@click.argument("suite")
@RESULTS
@click.option("-j", "--jobs", type=click.IntRange(1), help="At most so many runs at a time.  [default: as many as fit]")
@click.option("--select", "selected", multiple=True, metavar="EXPR",
              help="Only these runs, such as 'method=s4*,seed=0|1'; a second --select adds to the first.")  # fmt: skip
@click.option("--device", type=click.Choice(["cpu", "cuda", "auto"]), help="Instead of the suite's.")
@click.option("--time-limit", type=DURATION, help="End a run after this time, such as 30min.  [default: the suite's]")
@click.option("--memory", type=SIZE, help="End a run that takes more than this, such as 4GiB.  [default: the suite's]")
@click.option("--gpu-memory", type=SIZE, help="Likewise of each GPU that it gets.  [default: the suite's]")
@click.option("--retry", type=click.IntRange(0), default=0, show_default=True,
              help="New attempts for a run that is killed or out of memory; none for one that raises.")  # fmt: skip
@click.option("--checkpoint", type=DURATION, default="60s", show_default=True, help="Save the state of runs so often.")
@click.option("--executor", default="local", show_default=True, help="Where runs go; see `bench list executors`.")
@click.option("--dry-run", is_flag=True, help="Print the runs and whether they are done; run nothing.")
@click.option("--explain", is_flag=True, help="Print for each run why it is or is not to be run; run nothing.")
def run(suite: str, results: str, dry_run: bool, explain: bool, **given: Any) -> None:
    """Run what of SUITE is not done yet, and print its leaderboard.

    SUITE is a file, or the name of one under suites/ or in a plugin. The same command resumes after an
    interruption, and several at once share the work. Ctrl-C lets runs save their state, a second one ends them at
    once. Exit code: 0 all done, 1 a run failed, 2 bad input, 130 interrupted.
    """
    from harness import runner
    from harness.catalog import load_catalog
    from harness.suite import read_suite

    catalog = load_catalog()
    options = runner.Options(results=Path(results), **given)
    job = runner.prepare(read_suite(suite_path(suite, catalog)), catalog, options)
    if dry_run or explain:
        _print_plan(job, explain)
        return
    runner.guard(job)
    for wave in runner.waves(job):
        _run(job := wave)
    sys.exit(1 if _print_outcome(job) else 0)


def _print_plan(job: Job, explain: bool) -> None:
    from harness.explain import Explainer

    waiting = job.waiting()
    because = Explainer(job.folder) if explain else None
    for one in job.runs:
        state = f"skip: {one.skip}" if one.skip else job.ledger.last(one.id).status or "waiting"
        reason = f": {because.of(one)}" if because else ""
        click.echo(f"{one.id}  {one_line(state):8}  {one_line(one.label + reason)}")
    click.echo(f"{len(job.runs)} runs, {len(waiting)} to run, {job.executor.jobs} at a time")
    if any(run.trial for run in waiting):
        click.echo("then the best of the trials on the suite's seeds")


def _run(job: Job) -> None:
    from harness import runner
    from harness.backlog import Stop
    from harness.progress import Display

    stop, waiting = Stop(), job.waiting()
    for damage in job.ledger.damages:
        warn(f"{damage}; what it holds does not count as done")
    with _heeding(stop), Display(console(), waiting, job.executor.jobs, len(job.runs)) as display:
        runner.run(job, display.observe, stop)
    left: list[Run] = job.left() if stop.is_requested else []
    if left:
        done = len(job.runs) - len(left)
        warn(f"interrupted; {done} of {len(job.runs)} runs are stored, and the same command resumes")
        sys.exit(130)


@contextmanager
def _heeding(stop: Stop) -> Iterator[None]:
    """Let Ctrl-C and its like stop a session, and a second one end it at once: what it runs dies with it."""

    def handle(*_: object) -> None:
        if stop.is_requested:
            os.write(2, b"\nbench: stopped at once; what was finished is stored, and the same command resumes\n")
            os._exit(130)
        stop.is_requested = True

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] != signal.SIG_IGN:  # as under nohup
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_outcome(job: Job) -> bool:
    """Print leaderboards and a table of what did not succeed; return whether anything did not."""
    from harness.ledger import is_settled
    from harness.report.tables import print_failures
    from harness.report.write import renew_report
    from harness.results import Results

    results = Results.load(job.folder).only(run.id for run in job.runs)
    print_results(results, job.folder)
    print_paths(renew_report(results, job.catalog, job.folder / "_report", stored=job.folder))
    runs = results.all_runs
    ends = zip(runs["status"], runs["trial"], strict=True)
    bad = runs[[not is_settled(status, is_trial=trial > 0) for status, trial in ends]]
    if not bad.empty:
        print_failures(console(), bad)
        click.echo("`bench log RUN` prints what a run has printed; the same command tries these runs again.")
    return not bad.empty
