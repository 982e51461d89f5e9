"""The command line: parses and prints, decides nothing. Every command imports what it needs when it is called."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import BenchError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.catalog import Catalog
    from harness.results import Results
    from harness.runner import Job

KINDS = ("methods", "tasks", "metrics", "datasets", "suites", "plugins", "families")


class _Group(click.Group):
    """Turns a BenchError of any command into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BenchError as error:
            click.echo(f"bench: {' '.join(str(error).split())}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bench-harness", prog_name="bench")
def main() -> None:
    """Run deep-learning methods over suites of tasks, and compare them.

    \b
    bench run suites/ssm.yaml     run what is not done yet, end in a leaderboard
    bench list methods            what the installed plugins offer
    bench show s4d                parameters, reference, traits
    """


@main.command()
@click.argument("suite")
@click.option("--results", default="results", show_default=True, help="Folder under which each suite has its own.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Runs at a time.  [default: as the cores allow; 1 on a GPU]")
@click.option("--select", "selected", multiple=True, metavar="EXPR",
              help="Only these runs, such as 'method=s4*,seed=0|1'; a second --select adds to the first.")  # fmt: skip
@click.option(
    "--device", type=click.Choice(["cpu", "cuda", "auto"]), help="Instead of the device that the suite names."
)
@click.option("--dry-run", is_flag=True, help="Print the runs and whether they are done; run nothing.")
def run(
    suite: str, results: str, jobs: int | None, selected: tuple[str, ...], device: str | None, dry_run: bool
) -> None:
    """Run what of SUITE is not done yet, and print its leaderboard.

    SUITE is a file, or the name of one under suites/ or in a plugin. The same command resumes after an
    interruption. Exit code: 0 all done, 1 a run failed, 2 bad input, 130 interrupted.
    """
    from harness import runner
    from harness.catalog import load_catalog
    from harness.suite import read_suite

    catalog = load_catalog()
    job = runner.prepare(read_suite(_suite_path(suite, catalog)), catalog, results=Path(results), jobs=jobs,
                         device=device, selected=selected)  # fmt: skip
    if dry_run:
        _print_plan(job)
        return
    _run(job, job.waiting())
    failed = _print_outcome(job)
    sys.exit(1 if failed else 0)


@main.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(kind: str, as_json: bool) -> None:
    """List what the installed plugins contribute."""
    from harness import catalog

    if kind == "plugins":
        rows = [{"plugin": str(p), "module": p.module, "state": f"set aside: {p.reason}" if p.reason else "works"}
                for p in catalog.installed_plugins()]  # fmt: skip
    else:
        rows = _listing(kind, catalog.load_catalog())
    click.echo(json.dumps(rows, indent=2) if as_json else _aligned(rows))


@main.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show what NAME is: a method, task, metric, data set or family; or the full expansion of a suite."""
    from harness import describe
    from harness.catalog import load_catalog

    catalog = load_catalog()
    facts = describe.contributions(name, catalog) or describe.expansion(_suite_path(name, catalog), catalog)
    click.echo(json.dumps(facts, indent=2) if as_json else describe.as_text(facts))


@main.command()
@click.argument("suite_or_folder")
@click.option("--results", default="results", show_default=True, help="Folder under which each suite has its own.")
@click.option(
    "--out", type=click.Path(file_okay=False), help="Where the report goes.  [default: _report in the results]"
)
def report(suite_or_folder: str, results: str, out: str | None) -> None:
    """Print the leaderboards of stored results and write their report."""
    from harness.catalog import load_catalog
    from harness.results import Results

    given, catalog = Path(suite_or_folder), load_catalog()
    folder = given if given.is_dir() else Path(results) / _suite_path(suite_or_folder, catalog).stem
    _print_results(Results.load(folder), catalog, folder, Path(out) if out else folder / "_report")


@main.command()
def doctor() -> None:
    """Print versions, hardware, the data folder and broken plugins. Exit code 1 when something is broken."""
    from harness import describe

    facts, problems = describe.installation()
    click.echo(describe.as_text(facts))
    for problem in problems:
        click.echo(f"problem: {problem}")
    sys.exit(1 if problems else 0)


def _suite_path(name: str, catalog: Catalog) -> Path:
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


def _print_plan(job: Job) -> None:
    ended = job.ended()
    for one in job.runs:
        state = f"skip: {one.skip}" if one.skip else ended.get(one.id, ("waiting", 0))[0]
        click.echo(f"{one.id}  {state:8}  {one.label}")
    click.echo(f"{len(job.runs)} runs, {len(job.waiting())} to run, {job.jobs} at a time")


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def _run(job: Job, waiting: list[Any]) -> None:
    from harness import runner
    from harness.progress import Display

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        with Display(_console(), waiting, job.jobs, len(job.runs)) as display:
            runner.run(job, display.observe)
    except KeyboardInterrupt:
        done = len(job.runs) - len(job.waiting())
        click.echo(
            f"bench: interrupted; {done} of {len(job.runs)} runs are stored, and the same command resumes", err=True
        )
        sys.exit(130)


def _print_outcome(job: Job) -> bool:
    """Print leaderboards and what became of the runs; return whether any did not succeed."""
    from harness.results import Results

    results = Results.load(job.folder).only(run.id for run in job.runs)
    _print_results(results, job.catalog, job.folder, job.folder / "_report")
    bad = results.runs[~results.runs["status"].isin(["done", "skipped"])]
    for row in bad.itertuples():
        what = f"{row.method_label} on {row.task_label}, seed {row.seed}"
        click.echo(f"{row.status}: {what}: {row.reason}; log: {job.folder}/_logs/{row.run}.log")
    return not bad.empty


def _print_results(results: Results, catalog: Catalog, folder: Path, out: Path) -> None:
    from harness.report import tables
    from harness.report.write import write_report

    console = _console()
    for board in results.leaderboards():
        tables.print_leaderboard(console, board)
    console.print(tables.LEGEND, style="dim", markup=False, soft_wrap=True)
    counts = results.counts()
    total = sum(counts.values())
    spelled = ", ".join(f"{counts.get(s, 0)} {s}" for s in dict.fromkeys(["done", "failed", "skipped", *counts]))
    click.echo(f"{total} runs: {spelled}")
    click.echo(f"results: {folder}/*.parquet")
    click.echo("report: " + ", ".join(map(str, write_report(results, catalog, out))))


def _listing(kind: str, catalog: Catalog) -> list[dict[str, str]]:
    found: dict[str, Any] = getattr(catalog, kind)
    if kind == "suites":
        local = {file.stem: file for file in sorted(Path("suites").glob("*.yaml"))}
        return [{"name": name, "file": str(file)} for name, file in {**found, **local}.items()]
    if kind == "families":
        return [{"name": f.name, "contract": f.contract} for f in found.values()]
    rows = []
    for name, item in found.items():
        row = {"name": name}
        if kind in ("methods", "tasks"):
            row["family"] = item.family.name
        rows.append(row | {"plugin": str(catalog.owners[kind, name]), "summary": item.summary})
    return rows


def _aligned(rows: list[dict[str, str]]) -> str:
    if not rows:
        return "none"
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    lines = ["  ".join(row[key].ljust(widths[key]) for key in row).rstrip() for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
