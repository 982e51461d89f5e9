"""What bench-pde contributes to the family of PDE solvers, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde.solver_family import PDE_SOLVER
from harness import Method, Task

_GP_HM = "Fang et al. 2024, arXiv:2311.04465"
_PIG = "Kang et al. 2025, arXiv:2412.05994"
_PINN = "Raissi, Perdikaris, Karniadakis 2019, doi:10.1016/j.jcp.2018.10.045"


def methods() -> Iterator[Method]:
    """Yield the solvers, one file each."""
    yield Method(
        "pinn",
        PDE_SOLVER,
        "bench_pde.solvers.pinn:pinn",
        reference=_PINN,
        summary="physics-informed neural network",
    )
    yield Method(
        "rff-pinn",
        PDE_SOLVER,
        "bench_pde.solvers.random_features:random_fourier_features",
        reference="Tancik et al. 2020, arXiv:2006.10739",
        summary="physics-informed network on random Fourier features",
    )
    yield Method(
        "pig",
        PDE_SOLVER,
        "bench_pde.solvers.pig:pig",
        reference=_PIG,
        summary="physics-informed Gaussians: features are sums of Gaussians that move",
    )
    yield Method(
        "gp-hm",
        PDE_SOLVER,
        "bench_pde.solvers.gp_hm:gp_hm",
        reference=_GP_HM,
        summary="Gaussian process on a grid whose kernel learns the frequencies",
    )


def tasks() -> Iterator[Task]:
    """Yield the problems to solve."""
    yield _task("solve-poisson", "SolvePoisson", _GP_HM, "solutions that oscillate fast or on several scales")
    yield _task("solve-steady-allen-cahn", "SolveSteadyAllenCahn", _GP_HM, "the same with a cubic term")
    yield _task("solve-advection", "SolveAdvection", _GP_HM, "a fast wave")
    yield _task("solve-helmholtz", "SolveHelmholtz", _PIG, "a standing wave in a square")
    yield _task("solve-klein-gordon", "SolveKleinGordon", _PIG, "a nonlinear wave")
    yield _task("solve-flow-mixing", "SolveFlowMixing", _PIG, "hot and cold mixed by a vortex")
    yield _task("solve-nonlinear-diffusion", "SolveNonlinearDiffusion", _PIG, "bumps spread where they are high")
    yield _task("solve-allen-cahn", "SolveAllenCahn", _PINN, "two phases that part")


def _task(name: str, target: str, reference: str, summary: str) -> Task:
    return Task(
        name,
        PDE_SOLVER,
        f"bench_pde.tasks.solving:{target}",
        metrics=("relative_l2", "max_error", "rmse", "parameters", "seconds_per_step", "peak_memory"),
        reference=reference,
        summary=summary,
    )
