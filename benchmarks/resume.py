"""What it costs to find that runs are done, and to share runs between sessions, per run.

Plans a suite of a plugin that it makes, and fills a results folder with a done attempt of ten values for each run, as
one session leaves it. Then it times, in fresh processes, what `bench run` does before it starts anything: the plan, and
the ledger on top of it; and --explain. At the end it times how two sessions at once lease runs and give them up.

    .venv/bin/python benchmarks/resume.py [RUNS [SHARED]]
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness import runner, schema, store
from harness.backlog import Backlog, Stop
from harness.catalog import load_catalog
from harness.explain import Explainer
from harness.leases import Leases
from harness.ledger import Ledger
from harness.plan import Run
from harness.scoring import Value
from harness.suite import read_suite
from harness.testing import install_plugin
from harness.worker import Outcome

PLUGIN = """
from dataclasses import dataclass
import numpy, torch
from harness import Dataset, Family, Method, Metric, Task, hookimpl
FAMILY = Family("many", "(*, x) -> float", given=frozenset({"x"}))
def adds(*, x, a: int = 0, b: float = 0.5, mode: str = "fast"): return x + a
@dataclass(frozen=True)
class Guess:
    length: int = 8
    lr: float = 1e-3
def off(prediction): return prediction
def numbers(*, count: int = 3): return {}
@hookimpl
def bench_methods(): yield Method("adds", FAMILY, "bench_many:adds", reference="")
@hookimpl
def bench_tasks(): yield Task("guess", FAMILY, "bench_many:Guess", metrics=("off",), datasets=("many-numbers",))
@hookimpl
def bench_metrics(): yield Metric("off", "bench_many:off", better="lower")
@hookimpl
def bench_datasets(): yield Dataset("many-numbers", "bench_many:numbers")
"""
VALUES, SEEDS, ROUNDS = 10, 20, 3


def main() -> None:
    sys.path.insert(0, "plugin")
    command = sys.argv[1:]
    if command and command[0] in ("resume", "explain", "share"):
        {"resume": resume, "explain": explain, "share": share}[command[0]](*command[1:])
        return
    runs, shared = int((command or ["10000"])[0]), int((command[1:] or ["2000"])[0])
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), runs)
        for task in ["resume"] * ROUNDS + ["explain"]:
            subprocess.run([sys.executable, str(Path(__file__).resolve()), task], cwd=folder, check=True)
        for sessions in (1, 2):
            share_among(Path(folder), sessions, shared)


def prepare(folder: Path, count: int) -> None:
    """Make the plugin, the suite and its results in a folder."""
    install_plugin(folder / "plugin", "bench-many", "bench_many", PLUGIN)
    grid = list(range(-(-count // (SEEDS * 10))))
    (folder / "many.yaml").write_text(
        f"seeds: {list(range(SEEDS))}\ntasks: [{{task: guess, grid: {{length: {list(range(10))}}}}}]\n"
        f"methods: [{{method: adds, grid: {{a: {grid}}}}}]\n"
    )
    sys.path.insert(0, str(folder / "plugin"))
    job = planned(folder)
    session = store.open_session(job.folder, {"suite": "many"})
    values = some_values()
    records = [record(run, values, session.journal.session) for run in job.runs]
    rows = store.pa.Table.from_pylist([row for one in records for row in schema.as_rows(one)], schema=schema.SCHEMA)
    path = job.folder / f"{session.journal.session}.parquet"
    store.write_file(path, rows, {session.journal.session: {}})
    session.journal.path.unlink()
    print(f"{len(job.runs)} runs of {VALUES} values in {path.stat().st_size / 2**20:.1f} MiB")


def planned(folder: Path) -> runner.Job:
    suite = read_suite(folder / "many.yaml")
    return runner.prepare(suite, load_catalog(), runner.Options(results=folder / "results"))


def some_values() -> list[Value]:
    return [Value("test", step, "off", float(step)) for step in range(VALUES)]


def record(run: Run, values: list[Value], session: str) -> dict[str, Any]:
    attempt: Any = SimpleNamespace(run=run, number=1)
    outcome = Outcome("done", "", values, runner.datetime.now(runner.UTC), 1.0)
    common = runner._common(attempt, outcome) | {"session": session, "schema_version": 1}
    return {"common": common, "values": runner._values(run, values)}


def resume() -> None:
    """Time the plan and the ledger of a suite that is done."""
    catalog, suite = load_catalog(), read_suite(Path("many.yaml"))
    start = time.perf_counter()
    job = runner.prepare(suite, catalog, runner.Options())
    middle = time.perf_counter()
    waiting = job.waiting()
    end = time.perf_counter()
    assert not waiting, f"{len(waiting)} runs are not done"
    plan, ledger = (1000 * seconds / len(job.runs) for seconds in (middle - start, end - middle))
    print(f"plan {plan:.4f} ms + ledger {ledger:.4f} ms = {plan + ledger:.4f} ms per run")


def explain() -> None:
    """Time the explanation of runs that are all done, and of runs that have all changed."""
    job = planned(Path())
    start = time.perf_counter()
    explainer = Explainer(job.folder)
    for run in job.runs:
        explainer.of(run)
    middle = time.perf_counter()
    for run in job.runs:
        explainer._why_new(run)
    end = time.perf_counter()
    done, changed = (1000 * seconds / len(job.runs) for seconds in (middle - start, end - middle))
    print(f"explain {done:.4f} ms per run that is done, {changed:.4f} ms more per run that has changed")


def share_among(folder: Path, sessions: int, count: int) -> None:
    """Have some processes share the runs of a new folder."""
    results = folder / f"shared-by-{sessions}"
    command = [sys.executable, str(Path(__file__).resolve()), "share", str(results), str(count)]
    processes = [
        subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(sessions)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0].split() for process in processes]
    made, alone, shared = (sum(float(answer[place]) for answer in answers) for place in range(3))
    assert made == count, f"{made} runs were made instead of {count}"
    print(
        f"{sessions} sessions, {count} runs: lease and release {1000 * alone / sessions / count:.3f} ms per run; "
        f"take, store and end {1000 * shared / made:.3f} ms of a session per run that it makes"
    )


def share(results: str, count: str) -> None:
    """Be one session: take each run and give it up, then do all that another session does not."""
    folder = Path(results)
    session = store.open_session(folder, {"suite": "many"})
    leases, ledger = Leases(folder, session.journal), Ledger(folder)
    some = planned(Path()).runs[: int(count)]
    runs = [replace(some[number % len(some)], id=f"{number:012x}") for number in range(int(count))]
    backlog = Backlog(runs, ledger, leases, Stop(), retry=0, passed=lambda event: None)
    print("ready", flush=True)
    sys.stdin.readline()
    values = some_values()
    start = time.perf_counter()
    for run in runs:
        if leases.take(run.id):
            leases.release(run.id)
    alone, made, start = time.perf_counter() - start, 0, time.perf_counter()
    while backlog.waiting:
        attempt = backlog.take()
        if attempt is None:
            time.sleep(0.01)
            continue
        one = record(attempt.run, values, "")
        session.append(one["common"], one["values"])
        backlog.ended(attempt, "done")
        made += 1
    print(made, alone, time.perf_counter() - start)
    session.close()


if __name__ == "__main__":
    main()
