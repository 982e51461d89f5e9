"""How long leaderboards of 1,000,000 stored values take: reading them, one table per task, and methods over all tasks.

Three shapes of a million: long learning curves, many runs with few values, and many tasks.

    .venv/bin/python benchmarks/leaderboard.py
"""

import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from harness import schema, store
from harness.results import Results

SHAPES = {  # methods, tasks, seeds, values of each run
    "curves": (10, 10, 10, 1000),
    "many runs": (20, 50, 100, 10),
    "many tasks": (10, 100, 10, 100),
}
METRIC = {"better": "higher", "unit": "", "role": "quality", "summary": "", "worst": 0.0}
COST = METRIC | {"better": "lower", "role": "cost", "worst": None}


def table(methods: int, tasks: int, seeds: int, values: int) -> pa.Table:
    """Return the rows of a results folder: of each run a learning curve, a cost, and one test score."""
    cells = pd.DataFrame(
        itertools.product(range(methods), range(tasks), range(seeds)), columns=["m", "t", "seed"], dtype=np.int64
    )
    runs = pd.DataFrame(
        {
            "suite": "s", "run": [f"{i:012x}" for i in range(len(cells))], "family": "f",
            "method": "m" + cells["m"].astype(str), "method_params": "{}", "method_version": "1",
            "variant": "{}", "recipe": "{}", "origin": "default", "trials": 0, "trial": 0,
            "task": "t" + cells["t"].astype(str), "task_params": "{}", "task_version": "1", "seed": cells["seed"],
            "status": "done", "reason": "", "attempt": 1, "started_at": pd.Timestamp("2026-01-01", tz="UTC"),
            "seconds": 1.0, "device": "cpu", "hardware": "h", "environment": "e", "source": "c", "task_source": "t",
            "libraries": "{}", "data": "", "host": "here", "session": "s", "schema_version": 1,
        }
    )  # fmt: skip
    rows = runs.loc[runs.index.repeat(values)].reset_index(drop=True)
    step = np.tile(np.arange(values), len(runs))
    is_test, is_cost = step == values - 1, step == values - 2
    rows["split"] = np.select([is_test, is_cost], ["test", "train"], "val")
    rows["step"], rows["unit"] = step, ""
    rows["metric"] = np.where(is_cost, "cost", "accuracy")
    rows["value"] = np.random.default_rng(0).uniform(0.1, 1, len(rows)) + np.repeat(cells["m"].to_numpy(), values)
    return pa.Table.from_pandas(rows[schema.SCHEMA.names], schema=schema.SCHEMA, preserve_index=False)


def timed(shape: tuple[int, int, int, int], folder: Path) -> Iterator[tuple[str, float]]:
    """Yield what was done, and the seconds that it took."""
    rows, keys = table(*shape), [f"t{i} {{}}" for i in range(shape[1])]
    header = {
        "schema_version": 1, "metrics": {"accuracy": METRIC, "cost": COST}, "primary": dict.fromkeys(keys, "accuracy"),
        "anchors": {key: {"chance": 0.0, "reference": 10.0} for key in keys},
    }  # fmt: skip
    start = time.perf_counter()
    store.write_file(folder / "s.parquet", rows, {"s": header})
    yield "write", time.perf_counter() - start
    start = time.perf_counter()
    results = Results.load(folder)
    yield "read", time.perf_counter() - start
    start = time.perf_counter()
    boards = results.leaderboards()
    yield "leaderboards", time.perf_counter() - start
    start = time.perf_counter()
    assert len(boards) == shape[1]
    assert len(results.overviews()[0].standings) == shape[0]
    yield "over all tasks", time.perf_counter() - start


for name, shape in SHAPES.items():
    with tempfile.TemporaryDirectory() as folder:
        found = dict(timed(shape, Path(folder)))
    total = found["read"] + found["leaderboards"]
    print(f"{name} {json.dumps(shape)}: " + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in found.items()))
    print(f"    read and leaderboards: {total:.2f} s")
