"""A results folder of a million values: 20 methods on 50 tasks, 100 seeds each, 10 values of each run."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

METHODS, TASKS, SEEDS, VALUES = 20, 50, 100, 10
METRIC = {"better": "higher", "unit": "", "role": "quality", "summary": "", "worst": 0.0}


def write(folder: Path, sessions: int, *, methods: int = METHODS, tasks: int = TASKS, seeds: int = SEEDS) -> None:
    """Write the results of so many sessions, a file each, which hold the seeds in turns."""
    import pyarrow as pa

    from harness import schema, store

    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(methods, tasks, seeds)
    for session in range(sessions):
        name = f"20260101T00000{session}-0000000{session}"
        part = rows[rows["seed"] % sessions == session].assign(session=name)
        known = {field.name for field in schema.SCHEMA}
        table = pa.Table.from_pandas(
            part[[column for column in part.columns if column in known]].reindex(columns=schema.SCHEMA.names),
            schema=schema.SCHEMA,
            preserve_index=False,
        )
        store.write_file(folder / f"{name}.parquet", table, {name: _header(tasks)})


def _header(tasks: int) -> dict[str, Any]:
    keys = [f"t{i} {{}}" for i in range(tasks)]
    return {
        "schema_version": 1, "suite": "s", "metrics": {"accuracy": METRIC}, "primary": dict.fromkeys(keys, "accuracy"),
        "anchors": {key: {"chance": 0.0, "reference": 30.0} for key in keys},
    }  # fmt: skip


def _rows(methods: int, tasks: int, seeds: int) -> pd.DataFrame:
    cells = pd.DataFrame(itertools.product(range(methods), range(tasks), range(seeds)), columns=["m", "t", "seed"])
    runs = pd.DataFrame(
        {
            "suite": "s", "run": [f"{i:012x}" for i in range(len(cells))], "family": "f",
            "method": "m" + cells["m"].astype(str), "method_params": "{}", "method_version": "1",
            "variant": "{}", "recipe": "{}", "origin": "default", "trials": 0, "trial": 0,
            "task": "t" + cells["t"].astype(str), "task_params": "{}", "task_version": "1",
            "seed": cells["seed"].astype(np.int64), "status": "done", "reason": "", "attempt": 1,
            "started_at": pd.Timestamp("2026-01-01", tz="UTC"), "seconds": 1.0, "device": "cpu", "hardware": "h",
            "environment": "e", "source": "c", "task_source": "t", "libraries": "{}", "data": "", "host": "here",
            "schema_version": 1,
        }
    )  # fmt: skip
    rows = runs.loc[runs.index.repeat(VALUES)].reset_index(drop=True)
    step = np.tile(np.arange(VALUES), len(runs))
    rows["split"], rows["step"], rows["unit"] = np.where(step == VALUES - 1, "test", "val"), step, ""
    rows["metric"] = "accuracy"
    rows["value"] = np.random.default_rng(0).uniform(0.1, 1, len(rows)) + np.repeat(cells["m"].to_numpy(), VALUES)
    return rows
