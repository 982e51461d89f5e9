"""The manifest of bench-merging: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator

from bench_merging import method_list, metric_list, task_list
from bench_merging.family import MERGERS
from bench_merging.pools.sources import HANDWRITING, IMAGES
from harness import Dataset, Method, Metric, Task, hookimpl

__all__ = ["MERGERS"]


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the mergers, one file each."""
    yield from method_list.methods()


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute what is asked of mergers."""
    yield from task_list.tasks()


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute the metrics of merging."""
    yield from metric_list.metrics()


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute the pools."""
    yield Dataset(
        "procedural-pool",
        "bench_merging.pools.procedural:procedural_pool",
        summary="a base and up to eight experts of procedural images and digits, trained here",
    )
    yield Dataset(
        "token-pool",
        "bench_merging.pools.tokens:token_pool",
        summary="a base and five experts of procedural sequences of tokens, trained here",
    )
    yield Dataset(
        "handwriting-pool",
        "bench_merging.pools.real:handwriting_pool",
        reference="LeCun et al. 1998; Cohen et al. 2017, arXiv:1702.05373",
        summary="a base and four experts of MNIST, EMNIST Letters and digits, trained here",
        sources=HANDWRITING,
    )
    yield Dataset(
        "images-pool",
        "bench_merging.pools.real:images_pool",
        reference="LeCun et al. 1998; Cohen et al. 2017, arXiv:1702.05373; Krizhevsky 2009",
        summary="the same with two experts of CIFAR-10 (JPEG, quality 75)",
        sources=IMAGES,
    )
    yield Dataset(
        "procedural-task",
        "bench_merging.feedforward_tasks:procedural_task",
        summary="one task of the procedural pool, without models",
    )
    yield Dataset(
        "corrupted-pool",
        "bench_merging.pools.corrupted:corrupted_pool",
        summary="clean and robust models of one task, and a host of another, trained here",
    )
    yield Dataset(
        "independent-pool",
        "bench_merging.pools.independent:independent_pool",
        summary="two models trained from different initialisations, trained here",
    )
