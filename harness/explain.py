"""Why a run is, or is not, to be run again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import provenance, schema, store
from harness.ledger import is_settled
from harness.plan import Run

_COLUMNS = [
    "run", "attempt", "status", "reason", "started_at", "session", "method", "method_params", "recipe", "trials",
    "trial", "task", "task_params", "seed", "device", "hardware", "source", "task_source", "libraries",
]  # fmt: skip


class Explainer:
    """Compares runs with what is stored in a results folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        rows = store.read(folder).rows if folder.is_dir() else schema.SCHEMA.empty_table()
        attempts = rows.group_by(_COLUMNS).aggregate([]).to_pylist()
        # The last attempt counts, and of one that two sessions have made the first, as in `harness.results`.
        attempts.sort(key=lambda row: (row["started_at"], row["session"]), reverse=True)
        attempts.sort(key=lambda row: row["attempt"])
        self._latest = {row["run"]: row for row in attempts}
        self._pairs = {(row["method"], row["task"]) for row in attempts}
        self._alike: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in self._latest.values():
            self._alike.setdefault(_cell(row), []).append(row)

    def of(self, run: Run) -> str:
        """Say in a few words why `run` is up to date, or why not."""
        row = self._latest.get(run.id)
        if row is None:
            return self._why_new(run)
        if row["status"] == "done":
            return f"up to date: done on {row['started_at']:%Y-%m-%d %H:%M} UTC, attempt {row['attempt']}"
        if row["status"] == "skipped":
            return f"up to date: skipped: {row['reason']}"
        if is_settled(row["status"], is_trial=run.trial > 0):
            return f"up to date: such are its hyper-parameters: {row['status']}: {row['reason']}"
        return f"attempt {row['attempt']} did not succeed: {row['status']}: {row['reason']}"

    def _why_new(self, run: Run) -> str:
        params = {name: _spelled(getattr(run, name)) for name in ("method_params", "recipe", "task_params")}
        alike = self._alike.get(_cell({**vars(run), **params}))
        if alike is None:
            is_known = (run.method, run.task) in self._pairs
            return "never run with these parameters" if is_known else "never run"
        same_seed = [row for row in alike if row["seed"] == run.seed]
        if not same_seed:
            return f"never run with seed {run.seed}"
        row = max(same_seed, key=lambda row: row["started_at"])
        return f"changed since run {row['run']}: {', '.join(_differences(row, run))}"


def _cell(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what rows have in common whose runs differ in nothing that a suite says but the seed."""
    return tuple(row[name] for name in ("method", "method_params", "recipe", "trials", "trial", "task", "task_params"))


def _spelled(params: Mapping[str, Any]) -> str:
    """Return parameters as the column of a results file has them."""
    return json.dumps(params, sort_keys=True)


def _differences(row: Mapping[str, Any], run: Run) -> list[str]:
    """Name all that differs between a stored run and `run`, whose parameters are alike."""
    found = []
    if row["task_source"] != run.task_source:
        found.append("the code of the task, its metrics or data sets, or of the harness that scores them")
    elif row["source"] != run.source:
        found.append("the method's code")
    found += _changes(row["libraries"], run.libraries)
    if row["hardware"] != provenance.fingerprint(provenance.hardware()):
        found.append("the machine")
    if row["device"] != run.device:
        found.append(f"device {row['device']} -> {run.device}")
    return found or ["its cores, GPUs or metrics, or why it is skipped"]


def _changes(stored: str, now: Mapping[str, Any]) -> list[str]:
    """Return each name whose value differs between a stored JSON mapping and one at hand, with both values."""
    before = json.loads(stored)
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    return [f"{name} {before.get(name, 'absent')} -> {now.get(name, 'absent')}" for name in changed]
