"""The manifest of bench-pde: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde import (
    denoiser_manifest,
    field_manifest,
    flow_manifest,
    linear_manifest,
    metric_list,
    operator_manifest,
    solver_manifest,
    task_list,
)
from bench_pde.denoiser_family import DENOISER
from bench_pde.family import NEURAL_OPERATOR
from bench_pde.field_family import NEURAL_FIELD
from bench_pde.flow_family import FLOW_SOLVER
from bench_pde.linear_family import LINEAR_SOLVER
from bench_pde.solver_family import PDE_SOLVER
from harness import Dataset, Method, Metric, Section, Task, hookimpl

__all__ = ["DENOISER", "FLOW_SOLVER", "LINEAR_SOLVER", "NEURAL_FIELD", "NEURAL_OPERATOR", "PDE_SOLVER"]


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the methods, one file each."""
    yield from operator_manifest.OPERATORS
    yield from solver_manifest.methods()
    yield from linear_manifest.methods()
    yield from flow_manifest.methods()
    yield from field_manifest.methods()
    yield from denoiser_manifest.methods()


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute the problems."""
    yield from task_list.tasks()
    yield from solver_manifest.tasks()
    yield from linear_manifest.tasks()
    yield from flow_manifest.tasks()
    yield from field_manifest.tasks()
    yield from denoiser_manifest.tasks()


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute errors of fields, and what else the families measure."""
    yield from metric_list.metrics()
    yield from linear_manifest.metrics()
    yield from field_manifest.metrics()
    yield from denoiser_manifest.metrics()


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute the data sets: what is generated, what others have published, and photographs."""
    yield from operator_manifest.datasets()
    yield from linear_manifest.datasets()
    yield from field_manifest.datasets()
    yield from denoiser_manifest.datasets()


@hookimpl
def bench_sections() -> Iterator[Section]:
    """Contribute a table of times beside classical solvers, and pictures of fields, rollouts and spectra."""
    yield Section("Beside classical solvers", "bench_pde.classical_report:section")
    yield Section("Fields, rollouts and spectra", "bench_pde.report:section", "bench_pde.report:plots")
