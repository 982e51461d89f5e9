"""What bench-pde contributes to the family of linear solvers, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde.linear_family import LINEAR_SOLVER
from harness import JSON, Dataset, Method, Metric, Preset, Task

_FITS, _POSED = "bench_pde.linear_limits:method", "bench_pde.linear_limits:task"
_DCDM = "Kaneda et al. 2023, arXiv:2205.10763"
_LEARNED = frozenset({"descends", "any-grid"})
_KRYLOV = _LEARNED | {"converges"}


def methods() -> Iterator[Method]:
    """Yield the solvers, one file each."""
    yield Method(
        "cg",
        LINEAR_SOLVER,
        "bench_pde.linear.cg:ConjugateGradients",
        reference="Hestenes, Stiefel 1952, doi:10.6028/jres.049.044",
        traits=_KRYLOV,
        summary="conjugate gradients",
        check=_FITS,
    )
    yield Method(
        "icpcg",
        LINEAR_SOLVER,
        "bench_pde.linear.icpcg:IncompleteCholeskyCG",
        reference="Meijerink, van der Vorst 1977, doi:10.1090/S0025-5718-1977-0438681-4",
        traits=_KRYLOV,
        summary="conjugate gradients with an incomplete Cholesky factorisation",
        check=_FITS,
    )
    yield Method(
        "mgpcg",
        LINEAR_SOLVER,
        "bench_pde.linear.mgpcg:MultigridCG",
        reference="McAdams, Sifakis, Teran 2010, doi:10.2312/SCA/SCA10/065-073",
        traits=_KRYLOV,
        summary="conjugate gradients with a multigrid cycle",
        check=_FITS,
    )
    yield Method(
        "dcdm",
        LINEAR_SOLVER,
        "bench_pde.linear.dcdm:DeepConjugateDirections",
        reference=_DCDM,
        traits=_LEARNED,
        presets=(
            _preset("64", [4, 6, 4]),
            _preset("128", [6, 10, 6]),
        ),
        summary="deep conjugate directions: a network proposes where to go",
        check=_FITS,
    )


def _preset(size: str, convolutions: list[JSON]) -> Preset:
    source = f"ayano721/2023_DCDM, src/train.py and src/datasetcreate.py, {size}³ cells"
    return Preset(size, source, {"convolutions": convolutions, "vectors": 10000, "lr": 0.0001})


_TRAINING = ("training_seconds", "parameters", "peak_memory")


def tasks() -> Iterator[Task]:
    """Yield the systems to solve."""
    yield Task(
        "poisson-systems",
        LINEAR_SOLVER,
        "bench_pde.tasks.systems:PoissonSystems",
        metrics=("iterations", "unsolved", "relative_residual", "solve_seconds", "setup_seconds", *_TRAINING),
        datasets=("poisson-systems",),
        reference=_DCDM,
        summary="pressure on a grid with obstacles, to a tolerance",
        check=_POSED,
    )
    yield Task(
        "poisson-systems-speed",
        LINEAR_SOLVER,
        "bench_pde.tasks.systems:PoissonSystemsSpeed",
        metrics=(
            "time_ratio",
            "time_ratio_low",
            "time_ratio_high",
            "noise_floor",
            "seconds_per_call",
            "parameters",
            "peak_memory",
        ),
        datasets=("poisson-systems",),
        reference=_DCDM,
        summary="the same, timed in turns with conjugate gradients",
        check=_POSED,
        against="cg",
        alone=True,
    )


def metrics() -> Iterator[Metric]:
    """Yield what is measured of a solver."""
    quality = {
        "iterations": "mean number of iterations to the tolerance",
        "unsolved": "share of right-hand sides whose tolerance is not reached",
        "relative_residual": "norm of b - A x over that of b",
    }
    for name, summary in quality.items():
        yield Metric(name, f"bench_pde.linear.metrics:{name}", better="lower", summary=summary)
    costs = {
        "solve_seconds": "median time to the tolerance",
        "setup_seconds": "median time of what depends on the matrix alone",
        "training_seconds": "time of training",
    }
    for name, summary in costs.items():
        yield Metric(name, f"bench_pde.linear.metrics:{name}", better="lower", unit="s", role="cost", summary=summary)


def datasets() -> Iterator[Dataset]:
    """Yield the data, which is generated."""
    yield Dataset("poisson-systems", "bench_pde.linear.poisson_systems:poisson_systems")
