"""A plugin in one file whose methods have something to tune: the nearer to 1, the better on validation data.

On test data it is the other way round, so that who chose by these would choose another trial.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from harness import (
    Build,
    Choice,
    Context,
    Family,
    LogUniform,
    Method,
    Metric,
    Outputs,
    Preset,
    Space,
    Task,
    Uniform,
    hookimpl,
)

DIAL = Family("dial", "(**params) -> float")


def dial(*, turn: float = 0.0, scale: float = 1.0) -> float:
    return turn * scale


def broken(*, turn: float = 0.0) -> float:
    """Fail on the larger half of its space."""
    if turn > 1:
        raise ValueError("turned too far")
    return turn


def wild(*, turn: float = 0.0) -> float:
    return float("nan") if turn > 1 else turn


def fixed(*, at: float = 1.0) -> float:
    return at


def miss(prediction: float, target: float) -> float:
    return abs(prediction - target)


@dataclass(frozen=True)
class Aim:
    """Turn to 1."""

    target: float = 1.0
    lr: float = 0.1
    seconds: float = 0.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        time.sleep(self.seconds)
        value = build() + self.lr / 1000
        for step in (1, 2):  # the first evaluation misses by twice as much
            yield Outputs(split="val", step=step, prediction=value * (3 - step), target=self.target * (3 - step))
        yield Outputs(split="test", step=2, prediction=abs(value - self.target), target=10.0)


@hookimpl
def bench_methods():
    turn = Space(params={"turn": Uniform(0, 2)}, recipe={"lr": LogUniform(0.01, 1)}, source="nobody")
    presets = (
        Preset("paper", "Nobody 2026, Table 1", params={"turn": 0.5}, recipe={"lr": 0.2}),
        Preset("authors", "their dial.yaml", params={"turn": 0.25}),
    )
    yield Method("dial", DIAL, "bench_dials:dial", reference="", presets=presets, space=turn)
    yield Method("broken", DIAL, "bench_dials:broken", reference="", space=Space(params={"turn": Choice((0.5, 1.5))}))
    yield Method("wild", DIAL, "bench_dials:wild", reference="", space=turn)
    yield Method("hopeless", DIAL, "bench_dials:broken", reference="", space=Space(params={"turn": Uniform(2, 3)}))
    yield Method("fixed", DIAL, "bench_dials:fixed", reference="")


@hookimpl
def bench_tasks():
    recipe = frozenset({"lr"})
    yield Task("aim", DIAL, "bench_dials:Aim", metrics=("miss",), recipe=recipe)
    yield Task("aim-again", DIAL, "bench_dials:Aim", metrics=("miss",))


@hookimpl
def bench_metrics():
    yield Metric("miss", "bench_dials:miss", better="lower")
