"""The data sets that a suite reads, prepared before its runs: on all cores, which no single run has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from harness import preparing
from harness.errors import BenchError
from harness.plan import Run
from harness.preparing import Listener
from harness.scoring import RunContext, seeds
from harness.targets import resolved


class _Enough(Exception):  # noqa: N818 - it is no error
    """The task has its data, and would build the method."""


def stock(runs: list[Run], progress: Callable[[str], Listener]) -> Iterator[str]:
    """Prepare what each task of some runs reads before it builds a method, and yield a line for each task.

    `progress(task)` is told how far the preparation is. Raises BenchError where a task cannot be prepared.
    """
    done = set()
    for run in runs:
        key = (run.task, json.dumps(run.task_params, sort_keys=True), run.seed)
        if run.skip or not run.datasets or key in done:
            continue
        done.add(key)
        context = RunContext(run, seeds(run.seed), run.device, send=lambda _: None)
        with preparing.heard_by(progress(run.task)):
            _begin(run, context)
        yield f"{run.task}, seed {run.seed}: {' '.join(f'{name}:{d}' for name, d in sorted(context.digests.items()))}"


def _begin(run: Run, context: RunContext) -> None:
    try:
        params = {name: value for name, value in {**run.task_params, **run.recipe}.items() if name != "reference"}
        task = resolved(run.task_target)(**params)
        for _ in task.run(_enough, context):
            pass
    except _Enough:
        return
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"task '{run.task}' cannot be prepared: {type(error).__name__}: {error}") from error


def _enough(**_: Any) -> NoReturn:
    raise _Enough
