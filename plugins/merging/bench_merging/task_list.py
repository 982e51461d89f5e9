"""The tasks of bench-merging by name, for each level of access. Imports no torch."""

from collections.abc import Iterator

from bench_merging.compression import COMPRESSION
from bench_merging.family import MERGERS
from bench_merging.feedforward import FEED_FORWARD
from bench_merging.levels import LEVELS
from bench_merging.metric_list import ALIGNMENTS
from harness import SCALING_METRICS, SPEED_METRICS, Task

_POSED = "bench_merging.limits:task"
_POOLS = ("procedural-pool", "token-pool", "handwriting-pool", "images-pool", "independent-pool", "corrupted-pool")
_TRAINED = ("unlabelled-train", "training")  # levels at which methods see training data
_QUALITY = ("mean_accuracy", "normalised_accuracy", "worst_accuracy", "task_accuracy", "barrier")
_COSTS = ("pretrained_accuracy", "merge_seconds", "extra_parameters", "evaluations", "peak_memory")


def tasks() -> Iterator[Task]:
    """Yield two tasks for each level of access, for pools that are trained here and for checkpoints in folders, and
    those that ask for something else than one model of the base's shape."""
    yield from _merging()
    yield from _resizing()
    yield from _matching()
    yield from _compressing()
    yield from _timing()
    yield from _streaming()


def _merging() -> Iterator[Task]:
    for level, family in MERGERS.items():
        attribute = level.title().replace("-", "")
        yield Task(
            f"merge-{level}",
            family,
            f"bench_merging.tasks:{attribute}",
            metrics=(*_QUALITY, "prototype_accuracy", "corrupted_accuracy", *_COSTS),
            datasets=_POOLS,
            summary=f"make one model of a pool's experts; a method sees, beyond weights, {LEVELS[level]}",
            check=_POSED,
        )
        yield Task(
            f"merge-{level}-folder",
            family,
            f"bench_merging.folder_tasks:{attribute}",
            metrics=(*_QUALITY, *_COSTS),
            guard=f"bench_merging.folder:{'check_trained' if level in _TRAINED else 'check'}",
            summary=f"the same for checkpoints in folders; a method sees, beyond weights, {LEVELS[level]}",
            check=_POSED,
        )


def _resizing() -> Iterator[Task]:
    for level in ("unlabelled-train", "evaluations"):
        yield Task(
            f"merge-{level}-resized",
            MERGERS[level],
            f"bench_merging.resized_tasks:Resized{level.title().replace('-', '')}",
            metrics=(*(q for q in _QUALITY if q != "barrier"), "size_ratio", *_COSTS[:2], *_COSTS[3:]),
            datasets=_POOLS,
            summary=f"the same, and the model may be wider or deeper; a method sees, beyond weights, {LEVELS[level]}",
            check=_POSED,
        )


def _matching() -> Iterator[Task]:
    for level in ("data-free", "unlabelled-train", "labelled"):
        yield Task(
            f"match-{level}",
            MERGERS[level],
            f"bench_merging.matching_tasks:Match{level.title().replace('-', '')}",
            metrics=("line_barrier", *ALIGNMENTS, *_QUALITY[:3], "merge_seconds", "evaluations", "peak_memory"),
            datasets=_POOLS,
            requires=frozenset({"midpoint"}),
            reference="Ito, Yamada, Kumagai 2025, arXiv:2402.04051",
            summary=f"match the units of two models; a method sees, beyond weights, {LEVELS[level]}",
            check=_POSED,
        )


def _compressing() -> Iterator[Task]:
    yield Task(
        "compress",
        COMPRESSION,
        "bench_merging.compression_tasks:Compress",
        metrics=(*_QUALITY[:3], "size_ratio", "merge_seconds"),
        datasets=_POOLS,
        summary="make every expert of a pool narrower, from its weights alone",
        check=_POSED,
    )
    yield Task(
        "vision-transformer-training",
        FEED_FORWARD,
        "bench_merging.feedforward_tasks:VisionTransformerTraining",
        metrics=("accuracy", "parameters", "seconds_per_step", "peak_memory"),
        datasets=("procedural-task",),
        reference="Huang et al. 2023, arXiv:2308.06093",
        summary="train a small vision transformer whose feed-forward layers are merged when it is done",
        check=_POSED,
    )


def _timing() -> Iterator[Task]:
    for name, attribute, first, summary in (
        ("merge-speed", "MergeSpeed", (), "time of merging random experts against a reference"),
        ("merge-scaling", "MergeScaling", SCALING_METRICS, "how time and memory grow with the number of experts"),
    ):
        yield Task(
            name,
            MERGERS["data-free"],
            f"bench_merging.speed_tasks:{attribute}",
            metrics=(*first, *SPEED_METRICS, "peak_memory"),
            against="average",
            alone=True,
            summary=summary,
            check=_POSED,
        )


def _streaming() -> Iterator[Task]:
    yield Task(
        "merge-stream",
        MERGERS["data-free"],
        "bench_merging.stream:Stream",
        metrics=("mean_accuracy", "normalised_accuracy", "worst_accuracy", "backward_transfer", "merge_seconds"),
        datasets=("procedural-pool", "token-pool", "handwriting-pool", "images-pool"),
        reference="Tang et al. 2025, arXiv:2501.09522",
        summary="continual merging: a pool's experts one at a time, in a random order",
        check=_POSED,
    )
