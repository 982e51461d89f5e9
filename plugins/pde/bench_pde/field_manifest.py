"""What bench-pde contributes to the family of neural fields, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde.field_family import NEURAL_FIELD
from bench_pde.fields.sources import PHOTOGRAPHS
from harness import Dataset, Method, Metric, Preset, Task

_FITS, _POSED = "bench_pde.field_limits:method", "bench_pde.field_limits:task"
_NEURBF = "Chen et al. 2023, arXiv:2309.15426"
_HASH = "Müller et al. 2022, arXiv:2201.05989"

_DISTANCE = {
    "kernel": "linear",
    "neighbours": 8,
    "features": 16,
    "lowest": 1.0,
    "highest": 8.0,
    "levels": 16,
    "level_features": 1,
    "omega_lowest": 30.0,
    "omega_highest": 300.0,
    "feature_lr": 1e-4,
}


def methods() -> Iterator[Method]:
    """Yield the fields, one file each."""
    yield Method(
        "dense-grid",
        NEURAL_FIELD,
        "bench_pde.fields.dense_grid:DenseGrid",
        reference=_HASH,
        summary="learned features on a grid, and a small network",
        check=_FITS,
    )
    yield Method(
        "hash-grid",
        NEURAL_FIELD,
        "bench_pde.fields.hash_grid:HashGrid",
        reference=_HASH,
        summary="learned features on grids of growing resolution whose nodes share a table, and a small network",
        check=_FITS,
    )
    yield Method(
        "neurbf",
        NEURAL_FIELD,
        "bench_pde.fields.neurbf:NeuRBF",
        reference=_NEURBF,
        presets=(
            Preset("image", source="the authors' configs/img.py, and the defaults"),
            Preset("distance", source="the authors' configs/sdf.py", params=_DISTANCE),
        ),
        summary="radial basis functions placed where there is detail, on several frequencies, beside a hash grid",
        check=_FITS,
    )


def tasks() -> Iterator[Task]:
    """Yield the signals."""
    costs = ("stored_numbers", "parameters", "seconds_per_step", "peak_memory")
    for name, target, dataset, summary in (
        ("fit-drawing", "FitDrawing", "drawn-image", "a drawn picture: smooth shading, edges and texture"),
        ("fit-photographs", "FitPhotographs", "photographs", "photographs side by side"),
    ):
        yield Task(
            name,
            NEURAL_FIELD,
            f"bench_pde.tasks.fitting:{target}",
            metrics=("fitting_psnr", *costs),
            datasets=(dataset,),
            reference=_NEURBF,
            recipe=frozenset({"lr"}),
            summary=summary,
            check=_POSED,
        )
    yield Task(
        "fit-shape",
        NEURAL_FIELD,
        "bench_pde.tasks.fitting:FitShape",
        metrics=("iou", "distance_mae", "surface_mae", *costs),
        reference=_NEURBF,
        recipe=frozenset({"lr"}),
        summary="the signed distance of a shape",
        check=_POSED,
    )


def metrics() -> Iterator[Metric]:
    """Yield how well a field keeps a signal."""
    yield Metric(
        "fitting_psnr",
        "bench_pde.field_metrics:fitting_psnr",
        better="higher",
        unit="dB",
        summary="peak signal-to-noise ratio on the pixels trained on",
    )
    yield Metric(
        "iou",
        "bench_pde.field_metrics:iou",
        better="higher",
        summary="points inside both the true and the fitted shape over those inside either",
        worst=0.0,
    )
    for name, summary in (
        ("distance_mae", "mean error of the distance"),
        ("surface_mae", "mean error of the distance near the surface"),
    ):
        yield Metric(name, f"bench_pde.field_metrics:{name}", better="lower", summary=summary)
    yield Metric(
        "stored_numbers",
        "bench_pde.field_metrics:stored_numbers",
        better="lower",
        role="cost",
        summary="numbers in the state of a field, learned or not",
    )


def datasets() -> Iterator[Dataset]:
    """Yield the images."""
    yield Dataset("drawn-image", "bench_pde.fields.images:drawn_image", summary="a picture drawn from a seed")
    yield Dataset(
        "photographs",
        "bench_pde.fields.images:photographs",
        reference="Krizhevsky 2009, Learning multiple layers of features from tiny images",
        summary="test images of CIFAR-10 side by side",
        sources=PHOTOGRAPHS,
    )
