"""The tasks of neural operators by name, with what each measures. Imports no torch."""

from collections.abc import Iterator

from bench_pde.family import NEURAL_OPERATOR
from harness import SCALING_METRICS, SPEED_METRICS, Task

_POSED = "bench_pde.limits:task"
_CHAOS = "Brandstetter, Welling, Worrall 2022, arXiv:2202.07643"
_FNO_DATA = "Li et al. 2021, arXiv:2010.08895"
_MGNO = "He, Liu, Xu 2024, arXiv:2310.19809"
_MT_DEEPONET = "Kumar et al. 2024, arXiv:2408.02198"
_PDEBENCH = "Takamoto et al. 2022, arXiv:2210.07182"
_WAVES = "de Hoop et al. 2022, arXiv:2203.13181"

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


def tasks() -> Iterator[Task]:
    """Yield the problems, generated and published, and the tasks of speed."""
    yield from _in_time()
    yield from _maps()
    yield from _published()
    yield from _speed()


def _in_time() -> Iterator[Task]:
    for name, target, dimensions, reference, summary in (
        ("advection", "Advection", "1d", _PDEBENCH, "a shape that moves along"),
        ("burgers", "Burgers", "1d", _PDEBENCH, "a wave that steepens and decays"),
        ("reaction-diffusion", "ReactionDiffusion", "1d", _PDEBENCH, "logistic growth that spreads"),
        ("kuramoto-sivashinsky", "KuramotoSivashinsky", "1d", _CHAOS, "chaos of a flame front"),
        ("diffusion-sorption", "DiffusionSorption", "1d", _PDEBENCH, "a pollutant in soil"),
        ("navier-stokes", "NavierStokes", "2d", _FNO_DATA, "vorticity of a stirred fluid"),
        ("diffusion-reaction", "DiffusionReaction", "2d", _PDEBENCH, "patterns of two substances"),
        ("dam-break", "DamBreak", "2d", _PDEBENCH, "a round dam breaks in shallow water"),
        ("wave", "Wave", "2d", "", "waves of a clamped membrane"),
        ("compressible-flow", "CompressibleFlow", "2d", _PDEBENCH, "a viscous gas in random motion"),
    ):
        metrics = (*_ERRORS, "correlation_time", *_BASELINES, *_COSTS, *_BESIDE_CLASSICAL)
        yield _task(name, f"problems:{target}", dimensions, reference, summary, metrics)


def _maps() -> Iterator[Task]:
    for name, target, dimensions, reference, summary in (
        ("burgers-map", "BurgersMap", "1d", _FNO_DATA, "from a Gaussian field to its state at time 1"),
        ("darcy", "Darcy", "2d", _FNO_DATA, "from a medium of two conductivities to the pressure"),
        ("darcy-rough", "DarcyRough", "2d", _MGNO, "from a medium of two conductivities in fine grain"),
        ("darcy-multiscale", "DarcyMultiscale", "2d", _MGNO, "from a medium with many scales to the pressure"),
        ("helmholtz", "Helmholtz", "2d", _WAVES, "from the speed of waves to a standing wave"),
    ):
        metrics = (*_ERRORS, *_BASELINES, *_COSTS, *_BESIDE_CLASSICAL)
        yield _task(name, f"problems:{target}", dimensions, reference, summary, metrics)
    for name, target, summary in (
        ("fisher", "Fisher", "growth by several laws, told apart by coefficients"),
        ("darcy-shapes", "DarcyShapes", "from media of several shapes to the pressure"),
    ):
        metrics = (*_ERRORS, *_BASELINES, *_COSTS)
        yield _task(name, f"several:{target}", "2d", _MT_DEEPONET, summary, metrics)


def _published() -> Iterator[Task]:
    rollout = ("correlation_time",)
    for name, target, dimensions, reference, rolled in (
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
        metrics = (*_ERRORS, *rolled, *_BASELINES, *_COSTS)
        summary = "published data, read from its files"
        yield _task(name, f"published:{target}", dimensions, reference, summary, metrics)


def _speed() -> Iterator[Task]:
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
            check=_POSED,
            against="fno",
            alone=True,
        )


def _task(name: str, target: str, dimensions: str, reference: str, summary: str, metrics: tuple[str, ...]) -> Task:
    return Task(
        name,
        NEURAL_OPERATOR,
        f"bench_pde.tasks.{target}",
        metrics=metrics,
        datasets=(name,),
        reference=reference,
        requires=frozenset({dimensions}),
        summary=summary,
        check=_POSED,
    )
