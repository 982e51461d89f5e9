"""What bench-sequence contributes to the family of forecasters, by name. Imports no torch."""

from collections.abc import Iterator

from bench_sequence.forecaster_family import FORECASTER
from harness import JSON, Method, Preset, Task

_INFORMER = "Zhou et al. 2021, arXiv:2012.07436; Wu et al. 2021, arXiv:2106.13008"
_RECIPE = frozenset({"steps", "batch_size", "lr", "weight_decay", "warmup"})
_COSTS = ("parameters", "seconds_per_step", "peak_memory")


def methods() -> Iterator[Method]:
    """Yield the forecasters, one file each."""
    yield Method(
        "s4-network",
        FORECASTER,
        "bench_sequence.s4_network:S4Network",
        reference="Gu, Goel, Ré 2022, arXiv:2111.00396",
        summary="S4 layers on the window and zeros in place of the horizon",
        presets=(
            _preset(
                "informer", "github.com/state-spaces/s4", {"b_clip": 2.0}, lr=0.01, weight_decay=0.0, batch_size=50
            ),
        ),
    )
    yield Method(
        "spacetime-network",
        FORECASTER,
        "bench_sequence.spacetime_network:SpaceTimeForecaster",
        reference="Zhang, Saab, Poli, Dao, Goel, Ré 2023, arXiv:2303.09489",
        traits=frozenset({"shift", "separate"}),
        summary="companion state spaces, and a decoder that feeds its own outputs back",
        presets=(
            _preset(
                "informer",
                "github.com/HazyResearch/spacetime",
                {"layers": 1},
                lr=0.001,
                weight_decay=0.0001,
                batch_size=50,
            ),
        ),
    )
    yield Method(
        "timesnet-network",
        FORECASTER,
        "bench_sequence.timesnet_network:TimesNetForecaster",
        reference="Wu et al. 2023, arXiv:2210.02186",
        traits=frozenset({"shift"}),
        summary="TimesBlocks on the embedded window, extended by the horizon",
        presets=tuple(
            _preset(name, "github.com/thuml/Time-Series-Library", sizes, lr=0.0001, batch_size=32)
            for name, sizes in (
                ("etth1", {"d_model": 16, "d_ff": 32}),
                ("etth2", {"d_model": 32, "d_ff": 32}),
                ("ettm1", {"d_model": 64, "d_ff": 64}),  # at horizons 96 and 192
                ("ettm2", {"d_model": 32, "d_ff": 32}),  # at horizons up to 336
                ("exchange", {"d_model": 64, "d_ff": 64}),  # at the shorter horizons
                ("illness", {"d_model": 768, "d_ff": 768}),
            )
        ),
    )
    yield Method(
        "dlinear",
        FORECASTER,
        "bench_sequence.dlinear:DLinear",
        reference="Zeng, Chen, Zhang, Xu 2023, arXiv:2205.13504",
        traits=frozenset({"separate"}),
        summary="trend and rest of the window, each through one linear map",
    )


def tasks() -> Iterator[Task]:
    """Yield what there is to forecast."""
    yield Task(
        "series-forecasting",
        FORECASTER,
        "bench_sequence.tasks.whole_models:SeriesForecasting",
        metrics=("mse", "mae", "repeated_mse", "seasonal_mse", "linear_mse", *_COSTS),
        datasets=("etth1", "etth2", "ettm1", "ettm2", "exchange", "illness"),
        recipe=_RECIPE,
        reference=_INFORMER,
        summary="the next rows of electricity transformers, exchange rates or illness, by whole models",
    )
    yield Task(
        "process-forecasting",
        FORECASTER,
        "bench_sequence.tasks.whole_models:ProcessForecasting",
        metrics=("mse", "least_mse", *_COSTS),
        datasets=("autoregressive",),
        recipe=_RECIPE,
        reference="Zhang et al. 2023, arXiv:2303.09489",
        summary="the next values of sums of sinusoids or of autoregressive processes",
    )


def _preset(name: str, where: str, params: dict[str, JSON], **recipe: JSON) -> Preset:
    return Preset(name, f"authors' configuration, {where}", params, recipe)
