"""What operators can be asked for on a grid; see `bench_pde.limits`. Imports no array library."""

from collections.abc import Mapping, Sequence
from typing import Any


def fno(*, grid: Sequence[int], modes: int) -> None:
    if min(grid) < 2 * modes:
        raise ValueError(
            f"a grid of {min(grid)} points does not resolve {modes} modes; at least {2 * modes} are needed"
        )


def u_net(*, grid: Sequence[int], levels: int) -> None:
    if min(grid) < 2**levels:
        raise ValueError(f"a grid of {min(grid)} points cannot be halved {levels} times; choose fewer levels")


def halved(*, grid: Sequence[int], times: int) -> None:
    """Raise ValueError where a grid cannot be halved so often without a remainder."""
    if any(n % 2**times for n in grid):
        raise ValueError(f"a grid of {' x '.join(map(str, grid))} points cannot be halved {times} times")


def u_net_modern(*, grid: Sequence[int], multipliers: Sequence[int] | None) -> list[int]:
    """Return the multipliers."""
    factors = [1, 2, 2, 4] if multipliers is None else list(multipliers)
    halved(grid=grid, times=len(factors) - 1)
    return factors


def deeponet(*, grid: Sequence[int]) -> None:
    if len(grid) == 2 and min(grid) < 13:
        raise ValueError(f"a grid of {min(grid)} points is too small for the branch; 13 are needed")


def mt_deeponet(*, grid: Sequence[int], in_channels: int, network: str | None, coefficients: int) -> bool:
    """Return whether the network is that for shapes."""
    if network == "shapes" or (network is None and len(grid) == 2):
        if len(grid) != 2 or min(grid) < 16:
            shape = " x ".join(map(str, grid))
            raise ValueError(f"the branch for shapes takes grids of two dimensions with 16 points or more, got {shape}")
        return True
    if not 0 <= coefficients < in_channels:
        raise ValueError(f"of {in_channels} channels {coefficients} cannot be coefficients: none or some remain")
    return False


def mgno(*, grid: Sequence[int], levels: int | None, boundary: str) -> list[tuple[int, ...]]:
    """Return the grids of the levels, the finest first."""
    sizes: list[tuple[int, ...]] = [tuple(grid)]
    while (levels is None and -(-min(sizes[-1]) // 2) >= 4) or (levels is not None and len(sizes) < levels):
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
    if min(sizes[-1]) < 2:
        raise ValueError(f"a grid of {grid[0]} x {grid[1]} points is too small for {levels} levels")
    if boundary == "periodic" and any(n % 2 ** (len(sizes) - 1) for n in grid):
        raise ValueError(f"a periodic grid of {grid[0]} x {grid[1]} points cannot be halved {len(sizes) - 1} times")
    return sizes


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check that an operator with these parameters can be built with what a task gives. Raises ValueError."""
    for grid in given["grids"] if "grids" in given else [given["grid"]]:
        _operator(name, grid, given, params)


def _operator(name: str, grid: Sequence[int], given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    if name == "fno":
        fno(grid=grid, modes=params["modes"])
    elif name == "u-net":
        u_net(grid=grid, levels=params["levels"])
    elif name == "u-net-modern":
        u_net_modern(grid=grid, multipliers=params["multipliers"])
    elif name == "mgno":
        mgno(grid=grid, levels=params["levels"], boundary=given["boundary"])
    elif name == "sinenet":
        halved(grid=grid, times=params["levels"])
    elif name == "deeponet":
        deeponet(grid=grid)
    elif name == "mt-deeponet":
        mt_deeponet(grid=grid, in_channels=given["in_channels"], network=params["network"],
                    coefficients=params["coefficients"])  # fmt: skip
