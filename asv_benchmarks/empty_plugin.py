"""A plugin whose task does nothing, so that what is left is the harness."""

import math
import sys
from pathlib import Path

SOURCE = """
from dataclasses import dataclass

from harness import Family, Method, Metric, Outputs, Task, hookimpl

FAMILY = Family("empty", "() -> None")

def nothing(size: int = 0, width: int = 0):
    return None

def value(prediction):
    return prediction

@dataclass(frozen=True)
class Empty:
    def run(self, build, context):
        build()
        yield Outputs(split="test", step=1, prediction=1.0)

@hookimpl
def bench_methods():
    yield Method("nothing", FAMILY, "bench_empty:nothing", reference="")

@hookimpl
def bench_tasks():
    yield Task("empty", FAMILY, "bench_empty:Empty", metrics=("empty-value",))

@hookimpl
def bench_metrics():
    yield Metric("empty-value", "bench_empty:value", better="lower")
"""


def install(folder: Path) -> None:
    """Make `folder` hold the plugin as an installed distribution, and this process and its children find it."""
    info = folder / "bench_empty-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-empty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench]\nempty = bench_empty\n")
    (folder / "bench_empty.py").write_text(SOURCE)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def suite(folder: Path, runs: int) -> Path:
    """Write a suite of so many runs, ten seeds of a square grid, and return its path."""
    path, side = folder / f"empty-{runs}.yaml", list(range(math.isqrt(runs // 10)))
    grid = f"{{size: {side}, width: {side}}}"
    path.write_text(f"seeds: {list(range(10))}\ntasks: [empty]\nmethods:\n  - {{method: nothing, grid: {grid}}}\n")
    return path
