"""The family of neural operators: maps from fields on a grid to fields on the same grid, learned from data."""

from types import MappingProxyType

from harness import Family

NEURAL_OPERATOR = Family(
    name="neural-operator",
    contract=(
        "(*, in_channels: int, out_channels: int, grid: list[int], boundary: str, **params) -> nn.Module from "
        "(batch, *grid, in_channels) to (batch, *grid, out_channels). The grid covers the unit interval or square, "
        'with x = i/n where boundary is "periodic", and x = i/(n-1) where it is "dirichlet" (the field is 0 there) or '
        "\"open\". Normalisation, rollout and loss are the task's; coordinates are the method's"
    ),
    given=frozenset({"in_channels", "out_channels", "grid", "boundary"}),
    traits=MappingProxyType(
        {
            "1d": "works on grids of one dimension",
            "2d": "works on grids of two dimensions",
            "any-grid": "accepts grids finer and coarser than the one that it was built for",
            "linear": "is a linear map of its input",
        }
    ),
    checks="bench_pde.checks",
    exercise="bench_pde.exercise:operator",
)
