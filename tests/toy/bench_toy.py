"""A plugin in one file whose methods take no time, or fail in every way that a run can."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from harness import Build, Context, Dataset, Family, Method, Metric, Outputs, Section, Skip, Task, hookimpl

TOY = Family("toy", "(*, x: float, **params) -> float", given=frozenset({"x"}), traits={"exact": "returns x"})


def shift(*, x: float, offset: float = 0.0) -> float:
    return x + offset


def noise(*, x: float, scale: float = 1.0) -> float:
    import torch

    return x + scale * float(torch.rand(()))


def raises(*, x: float) -> float:
    print("about to fail")
    raise ValueError("no such\nluck")


def exits(*, x: float, code: int = 3) -> float:
    os._exit(code)


def dies(*, x: float) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


def diverges(*, x: float) -> float:
    return float("nan")


def declines(*, x: float) -> float:
    raise Skip("x is not to its liking")


def distance(prediction: float, target: float) -> float:
    return abs(prediction - target)


def numbers(*, count: int = 3) -> dict:
    import numpy as np

    return {"numbers": np.arange(count, dtype=np.float64)}


@dataclass(frozen=True)
class Guess:
    """Name a number."""

    target: float = 0.0
    count: int = 3

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        x = float(context.data("numbers", count=self.count)["numbers"].sum())
        context.report(1, 2, guess=x)
        yield Outputs(split="val", step=1, prediction=x, target=self.target)
        yield Outputs(split="test", step=2, prediction=build(x=x), target=self.target)


def section(results) -> str:
    return f"## Toy section\n\n{len(results.runs)} runs.\n"


@hookimpl
def bench_methods():
    for function in (noise, raises, exits, dies, diverges, declines):
        yield Method(function.__name__, TOY, f"bench_toy:{function.__name__}", reference="")
    yield Method("shift", TOY, "bench_toy:shift", reference="Nobody 2026", traits=frozenset({"exact"}), summary="adds")


@hookimpl
def bench_tasks():
    yield Task("guess", TOY, "bench_toy:Guess", metrics=("distance",), datasets=("numbers",))
    yield Task("strict-guess", TOY, "bench_toy:Guess", metrics=("distance",), datasets=("numbers",),
               requires=frozenset({"exact"}))  # fmt: skip


@hookimpl
def bench_metrics():
    yield Metric("distance", "bench_toy:distance", better="lower", unit="m")


@hookimpl
def bench_datasets():
    yield Dataset("numbers", "bench_toy:numbers")


@hookimpl
def bench_sections():
    yield Section("Toy section", "bench_toy:section")


@hookimpl
def bench_run_started(run):
    print(f"observed start of {run.method}", file=sys.stderr)


@hookimpl
def bench_run_finished(run, status, reason, rows):
    print(f"observed {status} of {run.method} with {len(rows)} rows", file=sys.stderr)
