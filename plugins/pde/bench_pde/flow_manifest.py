"""What bench-pde contributes to the family of flow solvers, by name. Imports no torch."""

from collections.abc import Iterator

from bench_pde.flow_family import FLOW_SOLVER
from harness import Method, Preset, Task

_FITS, _POSED = "bench_pde.solver_limits:method", "bench_pde.solver_limits:task"
_INSR = "Chen et al. 2023, arXiv:2210.00124"


def methods() -> Iterator[Method]:
    """Yield the solvers, one file each."""
    yield Method(
        "insr-flow",
        FLOW_SOLVER,
        "bench_pde.solvers.insr_flow:insr_flow",
        reference=_INSR,
        presets=(
            Preset(
                "taylor-green",
                source="the authors' scripts/fluid2Dtlgn.sh: 20,000 gradients for the first fit and each of 300 parts",
                params={"fit": 1 / 301, "lr": 1e-4, "fit_lr": 1e-4, "schedule": "plateau"},
            ),
        ),
        summary="implicit neural spatial representation of velocity and pressure, stepped by three minimisations",
        check=_FITS,
    )
    yield Method(
        "stable-fluids",
        FLOW_SOLVER,
        "bench_pde.solvers.stable_fluids:stable_fluids",
        reference="Stam 1999, doi:10.1145/311535.311548",
        summary="classical: semi-Lagrangian advection and projection on a staggered grid",
        check=_FITS,
    )


def tasks() -> Iterator[Task]:
    """Yield the flows."""
    yield Task(
        "solve-taylor-green",
        FLOW_SOLVER,
        "bench_pde.tasks.flowing:SolveTaylorGreen",
        metrics=("relative_l2", "energy_error", "max_error", "parameters", "seconds_per_step", "peak_memory"),
        reference=_INSR,
        summary="four vortices that turn for ever",
        check=_POSED,
    )
