"""The manifest of bench-sequence: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench_sequence import dataset_list, forecaster_manifest, metric_list, mixer_manifest, task_list
from bench_sequence.family import SEQUENCE_MIXER
from bench_sequence.forecaster_family import FORECASTER
from bench_sequence.hyperparameters import presets, space
from harness import Dataset, Method, Metric, Task, hookimpl

__all__ = ["FORECASTER", "SEQUENCE_MIXER"]


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the mixers, one file each, with what is known of their hyper-parameters, and the forecasters."""
    mixers = (replace(one, presets=presets(one.name), space=space(one.name)) for one in mixer_manifest.METHODS)
    for method in (*mixers, *forecaster_manifest.methods()):
        yield replace(method, check="bench_sequence.limits:method")


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute what is asked of mixers and of forecasters."""
    for task in (*task_list.tasks(), *forecaster_manifest.tasks()):
        yield replace(task, check="bench_sequence.limits:task")


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute the metrics that only these tasks use."""
    yield from metric_list.metrics()


@hookimpl
def bench_references() -> Iterator[Path]:
    """Contribute the works that methods and tasks refer to."""
    yield Path(__file__).with_name("references.bib")


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute the data sets."""
    yield from dataset_list.datasets()
