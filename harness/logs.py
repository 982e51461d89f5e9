"""What runs have printed: one file for each attempt, ``_logs/<run>-<attempt>.log`` in the results folder of a suite."""

from __future__ import annotations

import re
from pathlib import Path

from harness import store
from harness.errors import ResultsError


def log_path(folder: Path, run: str, attempt: int) -> Path:
    """Return where what an attempt at a run prints is kept."""
    return folder / store.LOGS / f"{run}-{attempt}.log"


def is_run(text: str) -> bool:
    """Tell whether a text can be the id of a run, or its beginning."""
    return re.fullmatch(r"[0-9a-f]{1,12}", text) is not None


def find(results: Path, run: str, attempt: int | None = None) -> Path:
    """Return the log of a run, whatever its suite: `run` is its id or the beginning of it; by default the last attempt.

    Where several suites hold the run, the newest file counts. Raises ResultsError where there is none, or more than one
    run begins so.
    """
    if not is_run(run):
        raise ResultsError(f"'{run}' is not the id of a run: up to twelve of the characters 0-9 and a-f")
    numbers = {path: int(path.stem[13:]) for path in results.glob(f"*/{store.LOGS}/{run}*.log") if _is_log(path)}
    ids = sorted({path.name[:12] for path in numbers})
    if len(ids) != 1:
        several = f"several runs begin with {run}: {', '.join(ids)}" if ids else f"no run {run} has left a log"
        raise ResultsError(f"{several} under {results}; --results names another folder")
    chosen = [path for path in sorted(numbers, key=numbers.__getitem__) if attempt in (None, numbers[path])]
    if not chosen:
        known = ", ".join(map(str, sorted(set(numbers.values()))))
        raise ResultsError(f"run {ids[0]} has no attempt {attempt}; there are {known}")
    last_of_each_suite = {path.parent: path for path in chosen}
    return max(last_of_each_suite.values(), key=lambda path: path.stat().st_mtime)


def _is_log(path: Path) -> bool:
    return re.fullmatch(r"[0-9a-f]{12}-[0-9]{1,9}", path.stem) is not None
