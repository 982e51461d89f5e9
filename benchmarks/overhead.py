"""What it costs to run something through the harness, against a plain loop in the same process.

Runs an empty task and one of 100 ms, in isolation and packed, and prints times per run as `bench run` takes them from
the first start to the last end: forking, scoring, the journal synced to disk. The start of the program comes on top,
and is printed apart.

    .venv/bin/python benchmarks/overhead.py
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from harness import runner
from harness.backlog import Stop
from harness.catalog import load_catalog
from harness.executors import Ended, Event, Started
from harness.suite import read_suite
from harness.testing import install_plugin

PLUGIN = """
import time
from dataclasses import dataclass

from harness import Family, Method, Metric, Outputs, Task, hookimpl

FAMILY = Family("empty", "() -> None")

def nothing():
    return None

def value(prediction):
    return prediction

@dataclass(frozen=True)
class Wait:
    seconds: float = 0.0

    def run(self, build, context):
        build()
        time.sleep(self.seconds)
        yield Outputs(split="test", step=1, prediction=1.0)

@hookimpl
def bench_methods():
    yield Method("nothing", FAMILY, "bench_empty:nothing", reference="")

@hookimpl
def bench_tasks():
    yield Task("wait", FAMILY, "bench_empty:Wait", metrics=("value",))

@hookimpl
def bench_metrics():
    yield Metric("value", "bench_empty:value", better="lower")
"""


def plain(runs: int, seconds: float) -> float:
    """Return the seconds per run of a loop."""
    sys.path.insert(0, str(Path.cwd()))
    from bench_empty import Wait, nothing, value

    start = time.perf_counter()
    for _ in range(runs):
        for outputs in Wait(seconds).run(nothing, None):
            value(outputs.values["prediction"])
    return (time.perf_counter() - start) / runs


def through_the_harness(runs: int, seconds: float, jobs: int, pack: int = 1) -> tuple[float, float]:
    """Return the seconds per run, and those before the first one starts."""
    folder = Path(tempfile.mkdtemp())
    suite = folder / "overhead.yaml"
    suite.write_text(
        f"seeds: {list(range(runs))}\npack: {pack}\nmethods: [nothing]\n"
        f"tasks:\n  - task: wait\n    params: {{seconds: {seconds}}}\n"
    )
    times: dict[type, list[float]] = {Started: [], Ended: []}

    def observe(event: Event) -> None:
        times.setdefault(type(event), []).append(time.perf_counter())

    begin = time.perf_counter()
    job = runner.prepare(read_suite(suite), load_catalog(), runner.Options(results=folder, jobs=jobs))
    runner.run(job, observe, Stop())
    assert len(times[Ended]) == runs
    # The server imports torch while the first process already waits for it: count from the first end.
    return (times[Ended][-1] - times[Ended][0]) / (runs - 1), times[Ended][0] - begin


def main() -> None:
    logging.disable()
    folder = Path(tempfile.mkdtemp())
    install_plugin(folder, "bench-empty", "bench_empty", PLUGIN)
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    loop = plain(1000, 0.0)
    print(f"plain loop, empty task: {1000 * loop:.4f} ms per run")
    for name, jobs, pack, runs in [
        ("isolated, -j 1", 1, 1, 200),
        ("isolated, -j 2", 2, 1, 400),
        ("pack: 100, -j 1", 1, 100, 2000),
        ("pack: 100, -j 2", 2, 100, 2000),
    ]:
        each, first = through_the_harness(runs, 0.0, jobs, pack)
        print(f"{name}: {1000 * each:.2f} ms per empty run, {each / loop:,.0f} times the loop; "
              f"the first ends after {first:.2f} s")  # fmt: skip
    waiting = plain(20, 0.1)
    for jobs in (1, 2):
        each, _ = through_the_harness(100, 0.1, jobs)
        print(f"100 runs of 100 ms, -j {jobs}: {1000 * each:.1f} ms per run, efficiency {waiting / each / jobs:.3f}")


if __name__ == "__main__":
    main()
