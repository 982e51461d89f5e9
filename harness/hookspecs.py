"""Every hook that a plugin can implement. A plugin is a module named by an entry point of the group "bench".

The contributing hooks are called once per process, without arguments, and return or yield what the plugin
adds; they must not import torch or anything else that is slow. The observing hooks return nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from harness.spec import Dataset, Executor, Method, Metric, Section, Task

if TYPE_CHECKING:
    from harness.plan import Run

PROJECT = "bench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def bench_methods() -> Iterable[Method]:  # type: ignore[empty-body]
    """Contribute methods."""


@hookspec
def bench_tasks() -> Iterable[Task]:  # type: ignore[empty-body]
    """Contribute tasks."""


@hookspec
def bench_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Contribute metrics; a task names them, or a suite names them for a task."""


@hookspec
def bench_datasets() -> Iterable[Dataset]:  # type: ignore[empty-body]
    """Contribute data sets; a task names those that it reads."""


@hookspec
def bench_sections() -> Iterable[Section]:  # type: ignore[empty-body]
    """Contribute report sections; every report holds them all, after the leaderboards."""


@hookspec
def bench_suites() -> Iterable[Path]:  # type: ignore[empty-body]
    """Contribute suite files; `bench run NAME` finds them by the file's stem."""


@hookspec
def bench_references() -> Iterable[Path]:  # type: ignore[empty-body]
    """Contribute BibTeX files; `bench cite` finds in them the works whose arXiv number or DOI a reference names."""


@hookspec
def bench_executors() -> Iterable[Executor]:  # type: ignore[empty-body]
    """Contribute executors: `bench run --executor NAME` gives one the runs of a suite."""


@hookspec
def bench_run_started(run: Run) -> None:
    """Observe that a run starts, once for each attempt at it. An exception here ends nothing: it is reported."""


@hookspec
def bench_run_finished(run: Run, status: str, reason: str, rows: list[Mapping[str, Any]]) -> None:
    """Observe that a run ended, after its rows are safely stored. An exception here ends nothing: it is reported."""
