"""Which stored attempts count: of each run the last, of each cell the newest state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

BOARD = ["task", "task_params", "hardware", "device"]
CELL = ["method", "variant", "trials", "trial", *BOARD]


def numbered_attempts(history: pd.DataFrame) -> tuple[np.ndarray[Any, Any], pd.DataFrame]:
    """Return for each row of the table the number of its attempt, and a row for each attempt, numbered from 0."""
    runs, sessions = (pd.factorize(history[name])[0] for name in ("run", "session"))
    attempts = history["attempt"].to_numpy(dtype=np.int64)
    keys = (runs * (sessions.max(initial=0) + 1) + sessions) * (attempts.max(initial=0) + 1) + attempts
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return number, history.iloc[first].reset_index(drop=True)


def is_newest(attempts: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Tell which attempts count: of each cell the newest state, of each seed in it the newest run's last attempt.

    A state is the code and the libraries, and the parameters where a preset or tuning chose them. Of a task only what
    ran with its newest code counts, whatever the method.
    """
    # Two sessions may have made the same attempt of a run: the first one counts.
    left = attempts.sort_values(["started_at", "session"], kind="stable")
    left = left.drop_duplicates(["run", "attempt"])
    left = left[left["attempt"] == left.groupby("run")["attempt"].transform("max")]
    states = ["source", "libraries", "method_params", "recipe"]
    for keys, state in ((BOARD, ["task_source"]), (CELL, states), ([*CELL, "seed"], ["run"])):
        newest = left.groupby(keys)[state].transform("last")
        left = left[(left[state] == newest).all(axis=1)]
    counts = np.zeros(len(attempts), dtype=bool)
    counts[left.index] = True
    return counts
