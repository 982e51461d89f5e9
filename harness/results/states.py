"""What is stored as a history: each state of a cell, with the runs that were made in it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.results.newest import CELL

STATE = ["task_source", "source", "libraries", "method_params", "recipe"]


@dataclass(frozen=True)
class State:
    """A method on a task with one state of its code, its libraries and its parameters, on one device.

    `environments` are digests, as in the rows, in the order in which runs were begun; the first began at `began`.
    `version` is that of the distribution which ships the method.
    """

    runs: frozenset[str]
    began: pd.Timestamp
    environments: tuple[str, ...]
    version: str


def states(attempts: pd.DataFrame) -> list[State]:
    """Return the states of all cells, oldest first. `attempts` has a row for each attempt; trials are left out."""
    runs = attempts[attempts["trial"] == 0].sort_values(["started_at", "session"], kind="stable")
    found = [
        State(
            runs=frozenset(group["run"]),
            began=group["started_at"].iloc[0],
            environments=tuple(dict.fromkeys(group["environment"])),
            version=str(group["method_version"].iloc[0]),
        )
        for _, group in runs.groupby([*CELL, *STATE], sort=False, dropna=False)
    ]
    return sorted(found, key=lambda state: state.began)
