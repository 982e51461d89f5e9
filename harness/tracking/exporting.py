"""The project's stored results as a results tree of asv's: the quality and cost of methods as a history.

The points of the history are the commits that plugins were at, the versions of the methods' distributions, or dates. A
point holds what changed there: a state of a method on a task stands at the point where it was run first, with all its
seeds. Where nothing was run there is a gap and no guess.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from harness.errors import ResultsError
from harness.results import Results
from harness.results.labels import labels_of
from harness.results.newest import numbered_attempts
from harness.results.states import states
from harness.tracking import identity
from harness.tracking.points import Commits, Dates, Timeline, Versions
from harness.tracking.records import Benchmark, Measured, Record, Series, Tree, write_tree
from harness.tracking.scores import Falling, Value, falling, values

By = Literal["commit", "version", "date"]
REPLACED = "were replaced, at the same point, by runs of newer code, libraries or parameters"
MADE_HERE = ".bench-asv-export"  # a folder with this file in it may be written anew


@dataclass
class Exported:
    """What an export has written: `config` is for asv, `left_out` counts runs by why they are at no point."""

    config: Path
    points: int
    series: int
    left_out: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.points} point{'s' * (self.points != 1)}, {self.series} series"


def export(suites: Mapping[str, Results], by: By, out: Path, repository: Path, project: str) -> Exported:
    """Write what is stored of suites, by name, as a results tree of asv's with its settings.

    Args:
        by: what the points of the history are.
        out: a folder that is new, empty, or made by an earlier export, which is replaced.
        repository: where the commits are looked up, with `by` "commit".
        project: the title of asv's page.

    Raises ResultsError where nothing stored is at any point, or the folder holds something else.
    """
    _claim(out)
    timeline = Commits(repository) if by == "commit" else Versions() if by == "version" else Dates()
    exported, cells = Exported(out / "asv.conf.json", 0, 0), list[tuple[str, str, Value]]()
    metrics: dict[tuple[str, str], Falling] = {}
    for suite, found in suites.items():
        cells += [(point, suite, value) for point, value in _placed(found, timeline, exported.left_out)]
        metrics |= {(suite, name): direction for name, direction in _directions(found).items()}
    if not cells:
        reasons = "; ".join(f"{count} of the runs {reason}" for reason, count in exported.left_out.items())
        raise ResultsError(f"nothing to export{f': {reasons}' if reasons else ''}; --by date takes whatever is stored")
    points = timeline.ordered({point for point, _, _ in cells})
    hashes = timeline.hashes(out / "history", points)
    machines = {digest: facts for found in suites.values() for digest, facts in found.hardware.items()}
    tree = _tree(cells, metrics, {one.name: (hashes[one.name], one.when) for one in points}, machines)
    shutil.rmtree(out / "results", ignore_errors=True)
    write_tree(out / "results", tree)
    quality = {
        _name(suite, value, metrics[suite, value.metric])
        for _, suite, value in cells
        if _is_quality(suites[suite], value)
    }
    _write_settings(out, project, timeline.repository(out), timeline.branch, quality)
    exported.points, exported.series = len(points), sum(len(one.cells) for one in tree.benchmarks.values())
    return exported


def _placed(found: Results, timeline: Timeline, left_out: dict[str, int]) -> list[tuple[str, Value]]:
    """Return all values of a suite, each with the name of its point."""
    attempts = numbered_attempts(found.history)[1]
    labels, runs = labels_of(attempts), defaultdict[str, set[str]](set)
    for state in states(attempts):
        point, reason = timeline.place(state, found.environments)
        if point:
            runs[point] |= state.runs
        else:
            left_out[reason] = left_out.get(reason, 0) + len(state.runs)
    placed = list[tuple[str, Value]]()
    for point, chosen in runs.items():
        there = found.only(chosen)
        if replaced := len(chosen - set(there.all_runs["run"])):
            left_out[REPLACED] = left_out.get(REPLACED, 0) + replaced
        placed += [(point, value) for value in values(there, labels)]
    return placed


def _directions(found: Results) -> dict[str, Falling]:
    """Return how each metric of a suite is exported."""
    highest = found.history.groupby("metric")["value"].max()
    return {name: falling(name, said, float(highest.get(name, 0.0))) for name, said in found.metrics.items()}


def _tree(
    cells: Sequence[tuple[str, str, Value]],
    metrics: Mapping[tuple[str, str], Falling],
    points: Mapping[str, tuple[str, datetime]],
    machines: Mapping[str, Mapping[str, object]],
) -> Tree:
    """Return asv's tree: a benchmark for each task, split and metric, whose one parameter is the method."""
    methods, titles = defaultdict[str, set[str]](set), dict[str, tuple[str, Falling]]()
    measured: dict[tuple[str, str, str], dict[str, dict[tuple[str, ...], Measured]]] = {}
    for point, suite, value in cells:
        direction = metrics[suite, value.metric]
        name = _name(suite, value, direction)
        methods[name].add(repr(value.method))
        title = f"{value.task}: {direction.words} ({value.split})", direction
        if titles.setdefault(name, title) != title:
            raise ResultsError(f"'{title[0]}' and '{titles[name][0]}' of {suite} would both be called '{name}'")
        where = measured.setdefault((point, value.hardware, value.device), {})
        where.setdefault(name, {})[(repr(value.method),)] = direction.measured(value.by_seed)
    described = {
        name: Benchmark(
            name, "track", titles[name][1].unit, ("method",), (tuple(sorted(found)),), title=titles[name][0],
            code=f"# {titles[name][1].words}, mean over seeds; stored results, exported by bench",
        )
        for name, found in methods.items()
    }  # fmt: skip
    told = {digest: identity.machine(facts) for digest, facts in machines.items()}
    records = [
        Record(
            commit=points[point][0],
            machine=told[hardware]["machine"],
            environment=device,
            date=round(points[point][1].timestamp() * 1000),
            series={name: Series("1", found) for name, found in series.items()},
            params={"device": device},
        )
        for (point, hardware, device), series in measured.items()
    ]
    used = {hardware for _, hardware, _ in measured}
    facts = {told[one]["machine"]: {k: v for k, v in told[one].items() if k != "machine"} for one in used}
    return Tree(described, facts, records)


def _name(suite: str, value: Value, direction: Falling) -> str:
    """Return the name of a benchmark, in which asv's page groups by dots: only what an address can hold."""
    task = f"{value.task} tuned {value.trials}" if value.trials else value.task
    parts = [suite, task, *([] if value.split == "test" else [value.split]), direction.name]
    return ".".join(re.sub(r"[^\w-]+", "-", part).strip("-") for part in parts)


def _is_quality(found: Results, value: Value) -> bool:
    return bool(found.metrics[value.metric]["role"] == "quality")


def _claim(out: Path) -> None:
    """Take a folder that may be written. Raises ResultsError where it holds something else."""
    try:
        if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MADE_HERE).exists())):
            raise ResultsError(f"{out} holds something else than an earlier export; choose another with --out")
        out.mkdir(parents=True, exist_ok=True)
        (out / MADE_HERE).touch()
    except OSError as error:
        raise ResultsError(f"{out} cannot be written: {error.strerror}; choose another with --out") from error


def _write_settings(out: Path, project: str, repository: str, branch: str, quality: set[str]) -> None:
    """Write asv's settings. Of quality every step counts: what is noise, the intervals over seeds say."""
    (out / "benchmarks").mkdir(exist_ok=True)
    (out / "benchmarks" / "__init__.py").write_text('"""Empty: what is here was measured by bench."""\n')
    settings = {
        "version": 1,
        "project": project,
        "repo": repository,
        "branches": [branch],
        "environment_type": "existing",
        "show_commit_url": "#",
        "benchmark_dir": "benchmarks",
        "results_dir": "results",
        "html_dir": "html",
        "env_dir": "env",
        "regressions_thresholds": {f"^{re.escape(name)}([(@]|$)": 0.0 for name in sorted(quality)},
    }
    (out / "asv.conf.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
