"""The family of PDE solvers: they are told an equation with its boundary and initial data, and see no solutions."""

from types import MappingProxyType

from harness import Family

PDE_SOLVER = Family(
    name="pde-solver",
    contract=(
        "(*, problem: bench_pde.problems.problem.Problem, budget: bench_pde.problems.problem.Budget, **params) -> "
        "bench_pde.solvers.field.Field, the solution that the method has found: a module from points (n, dimensions) "
        "to values (n,), both float64, whose derivatives(points, names) are those of its values. The method may "
        "evaluate the equation and its conditions wherever it likes, draws what is random from the budget's generator "
        "and torch's global one, takes at most `budget.steps` gradients or solves, and reports each with its loss. It "
        "raises harness.Skip for an equation of a kind that it does not solve"
    ),
    given=frozenset({"problem", "budget"}),
    traits=MappingProxyType({"any-equation": "solves equations without time and of second order in it, too"}),
    checks="bench_pde.solver_checks",
    exercise="bench_pde.exercise:solver",
)
