"""Runs that end badly on demand: a plugin for the tests of executors, and of all else that has to cope with such runs.

The method `fault` ends its run in the way that its parameter `ending` names (`harness.faults.endings` has them all), in
the middle of the training of the task `fault-drill`. No installation declares this plugin; the fixture
`harness.testing.faulty` does.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.hookspecs import hookimpl
from harness.spec import Dataset, Family, Method, Task

FAULT = Family("fault", "(*, width, **params) -> nn.Module on (batch, width)", given=frozenset({"width"}))


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the method that ends as it is told to."""
    yield Method("fault", FAULT, "harness.faults.drill:fault", reference="", summary="ends its run as it is told to")


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute the task that trains it."""
    yield Task(
        "fault-drill",
        FAULT,
        "harness.faults.drill:FaultDrill",
        metrics=("mse",),
        datasets=("fault-points",),
        summary="a training of some milliseconds",
    )
    yield Task(
        "fault-drill-alone",
        FAULT,
        "harness.faults.drill:FaultDrill",
        metrics=("mse",),
        datasets=("fault-points",),
        summary="the same, with the machine to itself",
        alone=True,
    )


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute what it is trained on."""
    yield Dataset("fault-points", "harness.faults.drill:points", summary="a noisy line in the plane")
