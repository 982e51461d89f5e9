"""What bench-pde contributes to the family of PDE solvers, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde.solver_family import PDE_SOLVER
from harness import Method, Preset, Task

_FITS, _POSED = "bench_pde.solver_limits:method", "bench_pde.solver_limits:task"
_GP_HM = "Fang et al. 2024, arXiv:2311.04465"
_PIG = "Kang et al. 2025, arXiv:2412.05994"
_INSR = "Chen et al. 2023, arXiv:2210.00124"
_PINN = "Raissi, Perdikaris, Karniadakis 2019, doi:10.1016/j.jcp.2018.10.045"

_ANY = frozenset({"any-equation"})


def methods() -> Iterator[Method]:
    """Yield the solvers, one file each."""
    yield Method(
        "pinn",
        PDE_SOLVER,
        "bench_pde.solvers.pinn:pinn",
        reference=_PINN,
        traits=_ANY,
        summary="physics-informed neural network",
        check=_FITS,
    )
    yield Method(
        "rff-pinn",
        PDE_SOLVER,
        "bench_pde.solvers.random_features:random_fourier_features",
        reference="Tancik et al. 2020, arXiv:2006.10739",
        traits=_ANY,
        summary="physics-informed network on random Fourier features",
        check=_FITS,
    )
    yield Method(
        "pig",
        PDE_SOLVER,
        "bench_pde.solvers.pig:pig",
        reference=_PIG,
        traits=_ANY,
        summary="physics-informed Gaussians: features are sums of Gaussians that move",
        check=_FITS,
    )
    yield Method(
        "gp-hm",
        PDE_SOLVER,
        "bench_pde.solvers.gp_hm:gp_hm",
        reference=_GP_HM,
        traits=_ANY,
        summary="Gaussian process on a grid whose kernel learns the frequencies",
        check=_FITS,
    )
    yield Method(
        "insr",
        PDE_SOLVER,
        "bench_pde.solvers.insr:insr",
        reference=_INSR,
        presets=(
            Preset(
                "advection",
                source="the authors' scripts/advect1D.sh, 20,000 gradients for the first fit and each of 240 times",
                params={"fit": 1 / 241, "lr": 1e-4, "fit_lr": 1e-4, "schedule": "plateau"},
            ),
        ),
        summary="implicit neural spatial representation: a network of space, stepped through time by minimisation",
        check=_FITS,
    )
    yield Method(
        "semi-lagrangian",
        PDE_SOLVER,
        "bench_pde.solvers.semi_lagrangian:semi_lagrangian",
        reference="Courant, Isaacson, Rees 1952, doi:10.1002/cpa.3160050303",
        summary="classical: transport along characteristics on a grid",
        check=_FITS,
    )


def tasks() -> Iterator[Task]:
    """Yield the problems to solve."""
    yield _task(
        "solve-poisson", "SolvePoisson", _GP_HM, "solutions that oscillate fast or on several scales", requires=_ANY
    )
    yield _task("solve-steady-allen-cahn", "SolveSteadyAllenCahn", _GP_HM, "the same with a cubic term", requires=_ANY)
    yield _task("solve-advection", "SolveAdvection", _GP_HM, "a fast wave")
    yield _task("solve-helmholtz", "SolveHelmholtz", _PIG, "a standing wave in a square", requires=_ANY)
    yield _task("solve-klein-gordon", "SolveKleinGordon", _PIG, "a nonlinear wave", requires=_ANY)
    yield _task("solve-flow-mixing", "SolveFlowMixing", _PIG, "hot and cold mixed by a vortex")
    yield _task("solve-nonlinear-diffusion", "SolveNonlinearDiffusion", _PIG, "bumps spread where they are high")
    yield _task("solve-moving-bump", "SolveMovingBump", _INSR, "a bump that moves along", "final_error", "peak_error")
    yield _task("solve-allen-cahn", "SolveAllenCahn", _PINN, "two phases that part")


def _task(
    name: str, target: str, reference: str, summary: str, *metrics: str, requires: frozenset[str] = frozenset()
) -> Task:
    errors = ("relative_l2", "skill", "max_error", "rmse", *metrics)
    return Task(
        name,
        PDE_SOLVER,
        f"bench_pde.tasks.solving:{target}",
        metrics=(*errors, "parameters", "seconds_per_step", "peak_memory"),
        reference=reference,
        requires=requires,
        summary=summary,
        check=_POSED,
    )
