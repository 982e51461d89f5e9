"""The manifest of bench-pde: what it contributes, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde import (
    denoiser_manifest,
    field_manifest,
    flow_manifest,
    linear_manifest,
    published_files,
    solver_manifest,
)
from bench_pde.denoiser_family import DENOISER
from bench_pde.family import NEURAL_OPERATOR
from bench_pde.field_family import NEURAL_FIELD
from bench_pde.flow_family import FLOW_SOLVER
from bench_pde.linear_family import LINEAR_SOLVER
from bench_pde.solver_family import PDE_SOLVER
from harness import SCALING_METRICS, SPEED_METRICS, Dataset, Method, Metric, Preset, Section, Task, hookimpl

__all__ = ["DENOISER", "FLOW_SOLVER", "LINEAR_SOLVER", "NEURAL_FIELD", "NEURAL_OPERATOR", "PDE_SOLVER"]

_FITS, _POSED = "bench_pde.limits:method", "bench_pde.limits:task"
_ANY_GRID = frozenset({"1d", "2d", "any-grid"})
_BUILT_FOR_ONE = frozenset({"1d", "2d"})

_FNO_DATA = "Li et al. 2021, arXiv:2010.08895"
_MGNO = "He, Liu, Xu 2024, arXiv:2310.19809"
_MT_DEEPONET = "Kumar et al. 2024, arXiv:2408.02198"
_MT_DEEPONET_CODE = "varunsingh88/MT-DeepONet"
_PDEBENCH = "Takamoto et al. 2022, arXiv:2210.07182"


@hookimpl
def bench_methods() -> Iterator[Method]:
    """Contribute the operators, one file each."""
    yield Method(
        "fno",
        NEURAL_OPERATOR,
        "bench_pde.methods.fno:FNO",
        reference="Li et al. 2021, arXiv:2010.08895",
        traits=_ANY_GRID,
        summary="Fourier neural operator",
        check=_FITS,
    )
    yield Method(
        "u-net",
        NEURAL_OPERATOR,
        "bench_pde.methods.unet:UNet",
        reference="Ronneberger, Fischer, Brox 2015, arXiv:1505.04597",
        traits=_ANY_GRID,
        summary="the U-Net of 2015 as in PDEBench and PDEArena",
        check=_FITS,
    )
    yield Method(
        "u-net-modern",
        NEURAL_OPERATOR,
        "bench_pde.methods.unet_modern:ModernUNet",
        reference="Gupta, Brandstetter 2023, arXiv:2209.15616",
        traits=_BUILT_FOR_ONE,
        summary="U-Net of wide residual blocks, as in PDEArena",
        check=_FITS,
    )
    yield Method(
        "deeponet",
        NEURAL_OPERATOR,
        "bench_pde.methods.deeponet:DeepONet",
        reference="Lu et al. 2021, doi:10.1038/s42256-021-00302-5",
        traits=_BUILT_FOR_ONE,
        summary="deep operator network: a sum of learned functions with learned coefficients",
        check=_FITS,
    )
    yield Method(
        "mgno",
        NEURAL_OPERATOR,
        "bench_pde.methods.mgno:MgNO",
        reference=_MGNO,
        traits=frozenset({"2d"}),
        summary="linear maps parameterised as multigrid cycles",
        check=_FITS,
    )
    yield Method(
        "sinenet",
        NEURAL_OPERATOR,
        "bench_pde.methods.sinenet:SineNet",
        reference="Zhang et al. 2024, arXiv:2403.19507",
        traits=frozenset({"2d"}),
        summary="a row of small U-Nets, each adding to what the one before has made",
        check=_FITS,
    )
    yield Method(
        "mt-deeponet",
        NEURAL_OPERATOR,
        "bench_pde.methods.mt_deeponet:MTDeepONet",
        reference=_MT_DEEPONET,
        traits=_BUILT_FOR_ONE,
        presets=(
            Preset("fisher", f"{_MT_DEEPONET_CODE}, Fisher/", {"network": "coefficients", "coefficients": 4}),
            Preset("darcy", f"{_MT_DEEPONET_CODE}, Darcy/", {"network": "shapes"}),
        ),
        summary="a deep operator network for several tasks, told which one it has",
        check=_FITS,
    )
    yield from solver_manifest.methods()
    yield from linear_manifest.methods()
    yield from flow_manifest.methods()
    yield from field_manifest.methods()
    yield from denoiser_manifest.methods()


_COSTS = ("parameters", "seconds_per_step", "peak_memory")
_ERRORS = (
    "relative_l2",
    "nrmse",
    "rmse",
    "max_error",
    "conserved_rmse",
    "boundary_rmse",
    "fourier_low",
    "fourier_mid",
    "fourier_high",
)
_BASELINES = ("persistence_relative_l2", "linear_relative_l2")
_BESIDE_CLASSICAL = (
    "classical_ratio",
    "classical_error",
    "classical_time",
    "inference_time",
    "persistence_classical_ratio",
    "linear_classical_ratio",
)


def _task(name: str, target: str, dimensions: str, reference: str, summary: str, *metrics: str) -> Task:
    return Task(
        name,
        NEURAL_OPERATOR,
        f"bench_pde.tasks.{target if ':' in target else f'problems:{target}'}",
        metrics=(*_ERRORS, *metrics, *_BASELINES, *_COSTS, *(() if ":" in target else _BESIDE_CLASSICAL)),
        datasets=(name,),
        reference=reference,
        requires=frozenset({dimensions}),
        summary=summary,
        check=_POSED,
    )


@hookimpl
def bench_tasks() -> Iterator[Task]:
    """Contribute the problems."""
    rollout = "correlation_time"
    yield _task("advection", "Advection", "1d", _PDEBENCH, "a shape that moves along", rollout)
    yield _task("burgers", "Burgers", "1d", _PDEBENCH, "a wave that steepens and decays", rollout)
    yield _task("burgers-map", "BurgersMap", "1d", _FNO_DATA, "from a Gaussian field to its state at time 1")
    yield _task("reaction-diffusion", "ReactionDiffusion", "1d", _PDEBENCH, "logistic growth that spreads", rollout)
    chaos = "Brandstetter, Welling, Worrall 2022, arXiv:2202.07643"
    yield _task("kuramoto-sivashinsky", "KuramotoSivashinsky", "1d", chaos, "chaos of a flame front", rollout)
    yield _task("darcy", "Darcy", "2d", _FNO_DATA, "from a medium of two conductivities to the pressure")
    yield _task("navier-stokes", "NavierStokes", "2d", _FNO_DATA, "vorticity of a stirred fluid", rollout)
    yield _task("diffusion-sorption", "DiffusionSorption", "1d", _PDEBENCH, "a pollutant in soil", rollout)
    yield _task("diffusion-reaction", "DiffusionReaction", "2d", _PDEBENCH, "patterns of two substances", rollout)
    yield _task("dam-break", "DamBreak", "2d", _PDEBENCH, "a round dam breaks in shallow water", rollout)
    yield _task("wave", "Wave", "2d", "", "waves of a clamped membrane", rollout)
    yield _task("compressible-flow", "CompressibleFlow", "2d", _PDEBENCH, "a viscous gas in random motion", rollout)
    rough, many = "from a medium of two conductivities in fine grain", "from a medium with many scales to the pressure"
    yield _task("darcy-rough", "DarcyRough", "2d", _MGNO, rough)
    yield _task("darcy-multiscale", "DarcyMultiscale", "2d", _MGNO, many)
    waves = "de Hoop et al. 2022, arXiv:2203.13181"
    yield _task("helmholtz", "Helmholtz", "2d", waves, "from the speed of waves to a standing wave")
    for name, target, summary in (
        ("fisher", "Fisher", "growth by several laws, told apart by coefficients"),
        ("darcy-shapes", "DarcyShapes", "from media of several shapes to the pressure"),
    ):
        yield _task(name, f"several:{target}", "2d", _MT_DEEPONET, summary)
    yield from _published_tasks()
    yield from _speed_tasks()
    yield from solver_manifest.tasks()
    yield from linear_manifest.tasks()
    yield from flow_manifest.tasks()
    yield from field_manifest.tasks()
    yield from denoiser_manifest.tasks()


def _published_tasks() -> Iterator[Task]:
    rollout = ("correlation_time",)
    for name, target, dimensions, reference, metrics in (
        ("pdebench-advection", "PdeBenchAdvection", "1d", _PDEBENCH, rollout),
        ("pdebench-burgers", "PdeBenchBurgers", "1d", _PDEBENCH, rollout),
        ("pdebench-reaction-diffusion", "PdeBenchReactionDiffusion", "1d", _PDEBENCH, rollout),
        ("pdebench-diffusion-sorption", "PdeBenchDiffusionSorption", "1d", _PDEBENCH, rollout),
        ("pdebench-diffusion-reaction", "PdeBenchDiffusionReaction", "2d", _PDEBENCH, rollout),
        ("pdebench-dam-break", "PdeBenchDamBreak", "2d", _PDEBENCH, rollout),
        ("pdebench-compressible-flow", "PdeBenchCompressibleFlow", "2d", _PDEBENCH, rollout),
        ("pdebench-darcy", "PdeBenchDarcy", "2d", _PDEBENCH, ()),
        ("fno-burgers", "FnoBurgers", "1d", _FNO_DATA, ()),
        ("fno-darcy", "FnoDarcy", "2d", _FNO_DATA, ()),
        ("fno-navier-stokes", "FnoNavierStokes", "2d", _FNO_DATA, rollout),
        ("neuraloperator-darcy", "NeuralOperatorDarcy", "2d", _FNO_DATA, ()),
    ):
        yield Task(
            name,
            NEURAL_OPERATOR,
            f"bench_pde.tasks.published:{target}",
            metrics=(*_ERRORS, *metrics, *_BASELINES, *_COSTS),
            datasets=(name,),
            reference=reference,
            requires=frozenset({dimensions}),
            summary="published data, read from its files",
            check=_POSED,
        )


def _speed_tasks() -> Iterator[Task]:
    ratios = (*SPEED_METRICS, "parameters", "parameters_total", "parameter_bytes", "peak_memory")
    for name, target, dimensions, metrics, summary in (
        ("operator-speed-1d", "Speed1d", "1d", ratios, "time of a training step and an inference call on a line"),
        ("operator-speed-2d", "Speed2d", "2d", ratios, "time of a training step and an inference call on a square"),
        (
            "operator-scaling-2d",
            "Scaling2d",
            "2d",
            (*SCALING_METRICS, *ratios),
            "how time and memory grow with the grid",
        ),
    ):
        yield Task(
            name,
            NEURAL_OPERATOR,
            f"bench_pde.tasks.speed:{target}",
            metrics=metrics,
            requires=frozenset({dimensions}),
            summary=summary,
            against="fno",
            alone=True,
        )


@hookimpl
def bench_metrics() -> Iterator[Metric]:
    """Contribute errors of fields."""
    summaries = {
        "relative_l2": "norm of the error over the norm of the target, over the whole sample",
        "nrmse": "root mean square error over that of the target, by frame",
        "rmse": "root mean square error by frame",
        "max_error": "largest error",
        "conserved_rmse": "error of the field's sum",
        "boundary_rmse": "error on the boundary",
        "final_error": "relative L2 error at the last of the times that a solution has",
        "energy_error": "relative error of a flow's energy at the end",
        "peak_error": "relative error of the largest value at the last of the times",
        "fourier_low": "error of the wave numbers 0 to 3",
        "fourier_mid": "error of the wave numbers 4 to 11",
        "fourier_high": "error of the wave numbers from 12",
    }
    for name, summary in summaries.items():
        yield Metric(name, f"bench_pde.metrics:{name}", better="lower", summary=summary)
    yield Metric(
        "skill",
        "bench_pde.metrics:skill",
        better="higher",
        summary="how much nearer than the field 0, relative to the target's norm; 0 for what is no nearer",
    )
    yield Metric(
        "correlation_time",
        "bench_pde.metrics:correlation_time",
        better="higher",
        unit="frames",
        summary="frames until the correlation with the truth falls below 0.8",
    )
    baselines = {
        "persistence_relative_l2": "predicting that nothing changes, or the mean of the training targets",
        "linear_relative_l2": "ridge regression from the whole input to the whole output",
    }
    for name, summary in baselines.items():
        yield Metric(name, f"bench_pde.metrics:{name}", better="lower", role="baseline", summary=summary)
    yield from _classical_metrics()
    yield from linear_manifest.metrics()
    yield from field_manifest.metrics()
    yield from denoiser_manifest.metrics()


def _classical_metrics() -> Iterator[Metric]:
    """Yield how methods stand beside classical solvers."""
    ratio = "over that of a classical solver at equal error"
    for name, role, unit, summary in (
        ("classical_ratio", "cost", "", f"time of one inference {ratio}; above 1, the method is the slower"),
        ("classical_error", "cost", "", "relative L2 error of that classical solver, on the samples that are timed"),
        ("classical_time", "cost", "s", "time of that classical solver for a sample"),
        ("inference_time", "cost", "s", "time of a method for a sample, a whole rollout"),
        ("persistence_classical_ratio", "baseline", "", f"time of predicting no change, or the mean, {ratio}"),
        ("linear_classical_ratio", "baseline", "", f"time of a ridge regression {ratio}"),
    ):
        yield Metric(name, f"bench_pde.equal_error:{name}", better="lower", unit=unit, role=role, summary=summary)


@hookimpl
def bench_datasets() -> Iterator[Dataset]:
    """Contribute the data sets: what is generated, what others have published, and photographs."""
    functions = {
        "advection": "advection:advection",
        "burgers": "burgers:burgers",
        "burgers-map": "burgers:burgers_map",
        "reaction-diffusion": "reaction_diffusion:reaction_diffusion",
        "kuramoto-sivashinsky": "kuramoto_sivashinsky:kuramoto_sivashinsky",
        "darcy": "darcy:darcy",
        "navier-stokes": "navier_stokes:navier_stokes",
        "diffusion-sorption": "diffusion_sorption:diffusion_sorption",
        "diffusion-reaction": "diffusion_reaction:diffusion_reaction",
        "dam-break": "dam_break:dam_break",
        "wave": "wave:wave",
        "compressible-flow": "compressible:compressible_flow",
        "darcy-rough": "multiscale:darcy_rough",
        "darcy-multiscale": "multiscale:darcy_multiscale",
        "helmholtz": "helmholtz:helmholtz",
        "fisher": "fisher:fisher",
        "darcy-shapes": "darcy_shapes:darcy_shapes",
    }
    for name, function in functions.items():
        yield Dataset(name, f"bench_pde.equations.{function}")
    for name, sources in published_files.SOURCES.items():
        reader = "pdebench" if name in published_files.PDEBENCH else name.replace("-", "_")
        reference = _PDEBENCH if name.startswith("pdebench") else _FNO_DATA
        yield Dataset(name, f"bench_pde.published:{reader}", reference, sources=sources)
    yield from linear_manifest.datasets()
    yield from field_manifest.datasets()
    yield from denoiser_manifest.datasets()


@hookimpl
def bench_sections() -> Iterator[Section]:
    """Contribute a table of times beside classical solvers, and pictures of fields, rollouts and spectra."""
    yield Section("Beside classical solvers", "bench_pde.classical_report:section")
    yield Section("Fields, rollouts and spectra", "bench_pde.report:section", "bench_pde.report:plots")
