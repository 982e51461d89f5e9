"""How long reports take: the page with its plots, a leaderboard from a million values, and writing a million.

    .venv/bin/python benchmarks/report.py [--benchopt PYTHON]

The first are of fresh processes, `bench report` as a user waits for it, on results of 10 methods: 1,000 runs over 10
tasks (10 seeds) and over 100 tasks (1 seed), each with 3 test metrics and 2 costs. `--benchopt` names a Python in which
benchopt is installed; its dashboard of as many results, 10 solvers x 10 or 100 data sets with 3 columns, is then timed
in turns with ours.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness import schema, store

METHODS = 10
METRICS = {
    "accuracy": ("higher", "quality", 0.0),
    "f1": ("higher", "quality", 0.0),
    "auc": ("higher", "quality", 0.0),
    "seconds_per_step": ("lower", "cost", None),
    "parameters": ("lower", "cost", None),
}


def results(folder: Path, tasks: int, seeds: int, steps: int = 1) -> int:
    """Fill a results folder as one session leaves it, and return how many values it holds."""
    n = tasks * METHODS * seeds
    run = np.arange(n)
    task, method, seed = run // (METHODS * seeds), run // seeds % METHODS, run % seeds
    per_run = 3 * steps + 2
    row = np.repeat(run, per_run)
    place = np.tile(np.arange(per_run), n)
    is_cost, step = place >= 3 * steps, place // 3 + 1
    metric = np.where(is_cost, 3 + place - 3 * steps, place % 3)
    generator = np.random.default_rng(0)
    quality = 0.5 + 0.03 * method[row] * generator.random(len(row)) + 0.02 * generator.standard_normal(len(row))
    value = np.where(is_cost, 0.01 * (1 + method[row]) * generator.lognormal(0, 0.1, len(row)), quality)
    last = ~is_cost & (step == steps)
    names = np.array(list(METRICS))
    text: dict[str, Any] = {
        "suite": "s", "family": "f", "method_params": "{}", "method_version": "1", "variant": "{}", "recipe": "{}",
        "origin": "default", "task_params": "{}", "task_version": "1", "unit": "", "status": "done", "reason": "",
        "device": "cpu", "hardware": "h", "environment": "e", "source": "c", "task_source": "t", "libraries": "{}",
        "data": "d:1", "host": "here", "session": "20260101T000000-00000000",
    }  # fmt: skip
    numbers: dict[str, Any] = {
        "run": np.array([f"{i:012x}" for i in run])[row],
        "method": np.array([f"method-{i}" for i in range(METHODS)])[method[row]],
        "task": np.array([f"task-{i:03d}" for i in range(tasks)])[task[row]],
        "seed": seed[row],
        "split": np.where(is_cost, "train", np.where(last, "test", "val")),
        "step": step,
        "metric": names[metric],
        "value": value,
        "trials": np.zeros(len(row), dtype=np.int64),
        "trial": np.zeros(len(row), dtype=np.int64),
        "attempt": np.ones(len(row), dtype=np.int64),
        "started_at": np.full(len(row), np.datetime64("2026-01-01", "us")),
        "seconds": np.ones(len(row)),
        "schema_version": np.full(len(row), schema.SCHEMA_VERSION),
    }
    columns = [
        pa.array(numbers[field.name]).cast(field.type)
        if field.name in numbers
        else pa.DictionaryArray.from_arrays(np.zeros(len(row), np.int32), [text[field.name]]).cast(field.type)
        for field in schema.SCHEMA
    ]
    tasks_ = [f"task-{i:03d} {{}}" for i in range(tasks)]
    header = {
        "schema_version": schema.SCHEMA_VERSION,
        "suite": "s",
        "title": f"{n} runs over {tasks} tasks",
        "suite_text": "tasks: [t]\n",
        "metrics": {
            name: {"better": better, "unit": "", "role": role, "summary": "", "worst": worst}
            for name, (better, role, worst) in METRICS.items()
        },
        "primary": dict.fromkeys(tasks_, "accuracy"),
        "anchors": {task: {"chance": 0.1, "reference": 1.0} for task in tasks_},
        "hardware": {"h": {"cpu": "A CPU", "cores": 2, "memory_gib": 4, "gpus": []}},
        "environment": {"e": {"python": "3"}},
    }
    folder.mkdir(parents=True)
    table = pa.Table.from_arrays(columns, schema=schema.SCHEMA)
    store.write_file(folder / f"{text['session']}.parquet", table, {text["session"]: header})
    return len(row)


def timed(*command: str | Path, cwd: Path) -> tuple[float, float]:
    """Return the seconds that a command takes by the wall clock, and of the processors."""
    code = (
        "import resource, subprocess, sys, time\nstart = time.time()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\nwall = time.time() - start\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(wall, used.ru_utime + used.ru_stime)\n"
        "sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, command)], cwd=cwd, check=True, capture_output=True, text=True
    )
    wall, processor = done.stdout.split()
    return float(wall), float(processor)


def show(name: str, times: list[tuple[float, float]]) -> None:
    walls, processors = zip(*times, strict=True)
    print(f"{name:58s} {min(walls):7.2f} {statistics.median(walls):7.2f} {min(processors):7.2f}", flush=True)


BENCHOPT = """
import sys, pandas as pd, numpy as np
from pathlib import Path
folder, tasks = Path(sys.argv[1]), int(sys.argv[2])
files = {
    "objective.py": "from benchopt import BaseObjective\\nclass Objective(BaseObjective):\\n    name = 'O'\\n"
    "    def set_data(self, X): pass\\n    def evaluate_result(self, x): return dict(value=0.0)\\n"
    "    def get_one_result(self): return dict(x=0)\\n    def get_objective(self): return dict(X=0)\\n",
    "datasets/d.py": "from benchopt import BaseDataset\\nclass Dataset(BaseDataset):\\n    name = 'd'\\n"
    "    def get_data(self): return dict(X=0)\\n",
    "solvers/s.py": "from benchopt import BaseSolver\\nclass Solver(BaseSolver):\\n    name = 's'\\n"
    "    sampling_strategy = 'run_once'\\n    def set_objective(self, X): pass\\n    def run(self, n): pass\\n"
    "    def get_result(self): return dict(x=0)\\n",
}
for name, text in files.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
rng, rows = np.random.default_rng(0), []
for d in range(tasks):
    for s in range(10):
        for r in range(1000 // tasks // 10):
            rows.append({"objective_name": "O", "data_name": f"d{d}", "solver_name": f"s{s}", "idx_rep": r,
                "stop_val": 1, "time": rng.random(), "objective_value": rng.random(), "objective_f1": rng.random(),
                "objective_auc": rng.random(), "sampling_strategy": "Run_once", "solver_description": "",
                "obj_description": "", "status": "done"})
out = folder / "outputs" / "x.parquet"
out.parent.mkdir(exist_ok=True)
pd.DataFrame(rows).to_parquet(out)
"""


def main() -> None:
    """Print minimum and median of the wall clock, and the minimum of processor time, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchopt", type=Path, help="a Python in which benchopt is installed")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    bench = Path(sys.executable).with_name("bench")
    print(f"{'':58s} {'min':>7s} {'median':>7s} {'CPU':>7s}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for tasks in (10, 100):
            results(folder / f"results-{tasks}", tasks, seeds=1000 // tasks // METHODS)
            ours, theirs = [], []
            for i in range(given.repeats):
                report = (bench, "report", f"results-{tasks}", "--format", "html", "--out", f"out-{tasks}")
                ours.append(timed(*report, cwd=folder))
                if given.benchopt:
                    one = folder / f"benchopt-{tasks}-{i}"
                    subprocess.run([given.benchopt, "-c", BENCHOPT, one, str(tasks)], check=True)
                    program = given.benchopt.with_name("benchopt")
                    dashboard = ("plot", one, "-f", one / "outputs" / "x.parquet", "--html", "--no-display")
                    theirs.append(timed(program, *dashboard, cwd=folder))
            show(f"page with plots, 1,000 runs over {tasks} tasks", ours)
            if theirs:
                show(f"  benchopt's, {METHODS} solvers x {tasks} data sets", theirs)
        count = results(folder / "million", tasks=10, seeds=10, steps=333)
        report = (bench, "report", "million", "--format", "csv", "--out", "csv")
        show(
            f"`bench report --format csv` of {count:,} values",
            [timed(*report, cwd=folder) for _ in range(given.repeats)],
        )
        within(folder, count, given.repeats)


def within(folder: Path, count: int, repeats: int) -> None:
    """Time ranking and storing a million values in this process, apart from starting the program."""
    from harness.report.entries import entries, write_csv
    from harness.results import Results

    def table() -> None:
        found = Results.load(folder / "million")
        write_csv(entries(found, found.leaderboards()), folder / "x.csv")

    stored = store.read(folder / "million")
    show(f"leaderboard.csv from {count:,} stored values", [clocked(table) for _ in range(repeats)])
    show(
        f"Parquet file of {count:,} values, checksums and sync",
        [clocked(lambda: store.write_file(folder / "x.parquet", stored.rows, {})) for _ in range(repeats)],
    )
    runs = records(stored.rows)
    show(
        f"session of 1,000 runs, {count:,} values, to its end",
        [clocked(lambda: session(folder, runs)) for _ in range(repeats)],
    )


def records(rows: pa.Table) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return runs as a session stores them: the columns that all rows of a run share, and its values."""
    values = rows.select(["run", *schema.VALUE_COLUMNS]).to_pandas()
    common = (
        rows.drop_columns(list(schema.VALUE_COLUMNS)).to_pandas().drop_duplicates("run").set_index("run", drop=False)
    )
    found = []
    for run, group in values.groupby("run", sort=False):
        shared = common.loc[run].to_dict() | {"started_at": "2026-01-01T00:00:00+00:00"}
        found.append((shared, group.drop(columns="run").to_dict("records")))
    return found


def session(folder: Path, runs: list[tuple[dict[str, Any], list[dict[str, Any]]]]) -> None:
    """Store runs one by one, each synced to disk, and publish them as one Parquet file."""
    opened = store.open_session(folder / "session", {"suite": "s"})
    for common, values in runs:
        opened.append(common, values)
    opened.close()


def clocked(function: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds that a call takes by the wall clock, and of the processors."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
