"""What linear solvers and their systems can be asked for; see `bench_pde.solver_limits`. Imports no array library."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.conditions import enough_rounds, not_negative, obey, positive


def systems(*, dimensions: int, points: int, obstacles: int, systems: int) -> None:
    if dimensions not in (2, 3):
        raise ValueError(f"dimensions must be 2 or 3, got {dimensions}")
    if points < 8:
        raise ValueError(f"points must be 8 or more, got {points}")
    if obstacles < 0 or systems < 1:
        raise ValueError(f"obstacles must not be negative and systems positive, got {obstacles} and {systems}")


def solving(*, tolerance: float, limit: int, trained_on: int, steps: int, batch_size: int) -> None:
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be between 0 and 1, got {tolerance:g}")
    positive(limit=limit, trained_on=trained_on, steps=steps, batch_size=batch_size)


def timing(*, rounds: int, seconds: float) -> None:
    enough_rounds(rounds)
    positive(seconds=seconds)


def mgpcg(*, smoothing: int, damping: float, coarsest: int) -> None:
    positive(smoothing=smoothing, coarsest=coarsest)
    if not 0 < damping < 1:
        raise ValueError(f"damping must be between 0 and 1, got {damping:g}")


def grid_of_dcdm(*, grid: Sequence[int]) -> None:
    if len(grid) not in (2, 3) or any(n % 2 for n in grid):
        shape = " x ".join(map(str, grid))
        raise ValueError(f"dcdm works on grids of two or three dimensions with even numbers of cells, got {shape}")


def dcdm(*, width: int, convolutions: Sequence[int] | None, vectors: int, lr: float, memory: int) -> list[int]:
    """Return the convolutions."""
    positive(width=width, vectors=vectors, lr=lr)
    not_negative(memory=memory)
    counts = [4, 6, 4] if convolutions is None else list(convolutions)
    if len(counts) != 3 or any(n < 2 or n % 2 for n in counts):
        raise ValueError(f"convolutions are three even numbers from 2, got {counts}")
    return counts


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return the grids of its systems and of the example. Raises ValueError."""
    obey(systems, params)
    obey(solving, params)
    if name == "poisson-systems-speed":
        obey(timing, params)
    return {"grids": [[params[size]] * params["dimensions"] for size in ("points", "trained_on")]}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check a method's parameters, with what a task gives. Raises ValueError."""
    if name == "mgpcg":
        mgpcg(**params)
    elif name == "dcdm":
        for grid in given["grids"]:
            grid_of_dcdm(grid=grid)
        dcdm(**params)
