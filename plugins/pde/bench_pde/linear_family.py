"""The family of linear solvers: sparse symmetric positive definite systems from grids, solved to a tolerance."""

from types import MappingProxyType

from harness import Family

LINEAR_SOLVER = Family(
    name="linear-solver",
    contract=(
        "(*, example: bench_pde.linear.system.System, training: bench_pde.linear.system.Training, **params) -> "
        "bench_pde.linear.system.LinearSolver. `example` is a system like those to be solved, without obstacles and "
        "maybe smaller, which a method may learn from; it takes at most `training.steps` gradients on "
        "`training.batch_size` right-hand sides each, and reports each with its loss. Then `prepared(system)` is a "
        "function (b, tolerance, limit) -> Solution: from the guess 0, until ‖b - A x‖ <= tolerance ‖b‖ or `limit` "
        "iterations are done"
    ),
    given=frozenset({"example", "training"}),
    traits=MappingProxyType(
        {
            "converges": "reaches any tolerance above rounding, in fewer iterations than there are unknowns",
            "descends": "with each iteration the error in the energy norm √(eᵀ A e) falls or stays",
            "any-grid": "solves systems on grids finer and coarser than its example's",
        }
    ),
    checks="bench_pde.linear_checks",
    exercise="bench_pde.linear_checks:exercise",
)
