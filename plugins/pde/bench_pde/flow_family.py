"""The family of flow solvers: they step the velocity of an incompressible fluid through time."""

from types import MappingProxyType

from harness import Family

FLOW_SOLVER = Family(
    name="flow-solver",
    contract=(
        "(*, flow: bench_pde.problems.flow.Flow, budget: bench_pde.problems.problem.Budget, **params) -> nn.Module, "
        "the state after the last of the flow's times: from points (n, 2) to velocities (n, 2), both float64. Its "
        "parameters are what the method carries from one time to the next. The method may evaluate the initial "
        "velocity wherever it likes, draws what is random from the budget's generator and torch's global one, takes "
        "at most `budget.steps` gradients or solves, and reports each with its loss"
    ),
    given=frozenset({"flow", "budget"}),
    traits=MappingProxyType({}),
    checks="bench_pde.flow_checks",
    exercise="bench_pde.exercise:flow_solver",
)
