"""What neural fields and their signals can be asked for; see `bench_pde.solver_limits`. Imports no array library.

A field of points with `dimensions` coordinates has `outputs` channels, is fitted to so many `samples`, and is stored in
at most `numbers` numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bench_pde.fields.sizes import entries, largest_table, perceptron_numbers, resolutions
from harness.conditions import obey, positive


def fitting(*, numbers: int, steps: int, batch_size: int, lr: float) -> None:
    positive(numbers=numbers, steps=steps, batch_size=batch_size, lr=lr)


def drawn_image(*, size: int) -> None:
    if size < 8:
        raise ValueError(f"size must be at least 8, got {size}")


def photographs(*, first: int, side: int) -> None:
    if side < 1 or first < 0 or first + side * side > 1000:
        raise ValueError(f"images {first} to {first + side * side - 1} are not all among the 1000 of the file")


def shape(*, samples: int) -> None:
    if samples < 10:
        raise ValueError(f"samples must be at least 10, got {samples}")


def dense_grid(*, dimensions: int, outputs: int, numbers: int, features: int, hidden: int, feature_lr: float) -> int:
    """Return the nodes per axis."""
    positive(features=features, hidden=hidden, feature_lr=feature_lr)
    left = (numbers - perceptron_numbers(features, hidden, outputs)) // features
    nodes = 1
    while (nodes + 1) ** dimensions <= left:
        nodes += 1
    if nodes < 2:
        raise ValueError(f"{numbers} numbers leave {max(left, 0)} nodes beside a network {hidden} wide; give more")
    return nodes


def hash_grid(
    *,
    dimensions: int,
    outputs: int,
    numbers: int,
    levels: int,
    features: int,
    coarsest: int,
    finest: int,
    hidden: int,
    feature_lr: float,
) -> tuple[list[int], int]:
    """Return the cells per axis of each level, and how many entries a table has at most."""
    positive(features=features, hidden=hidden, feature_lr=feature_lr)
    cells = resolutions(levels, coarsest, finest)
    left = (numbers - perceptron_numbers(levels * features, hidden, outputs)) // features
    table = largest_table(cells, dimensions, left)
    if table < 1:
        raise ValueError(f"{numbers} numbers leave no table beside a network {hidden} wide; give more")
    return cells, table


def frequencies(*, lowest: float, highest: float, omega_lowest: float, omega_highest: float, feature_lr: float) -> None:
    """Of NeuRBF."""
    positive(
        lowest=lowest, highest=highest, omega_lowest=omega_lowest, omega_highest=omega_highest, feature_lr=feature_lr
    )


def neurbf(
    *,
    dimensions: int,
    outputs: int,
    samples: int,
    numbers: int,
    kernel: str,
    neighbours: int,
    features: int,
    levels: int,
    level_features: int,
    coarsest: int,
    finest: int,
    hidden: int,
) -> tuple[list[int], int, int]:
    """Return the cells per axis of each level of the grid, how many entries a table has at most, and the kernels.

    The table is that of a hash grid with 16 levels of 2 features within the same budget.
    """
    positive(features=features, hidden=hidden, level_features=level_features)
    if neighbours < 2:
        raise ValueError(f"neighbours must be at least 2, got {neighbours}")
    cells = resolutions(levels, coarsest, finest)
    left = (numbers - perceptron_numbers(32, hidden, outputs)) // 2
    table = largest_table(resolutions(16, coarsest, finest), dimensions, left)
    inputs = levels * level_features + features
    fixed = sum(entries(cells, dimensions, table)) * level_features
    fixed += perceptron_numbers(inputs, hidden, outputs) + inputs
    each = features + dimensions + (dimensions * (dimensions + 1) // 2 if kernel == "inverse-quadratic" else 1)
    count = (numbers - fixed) // each
    if table < 1 or count < neighbours:
        raise ValueError(
            f"{numbers} numbers leave {max(count, 0)} kernels of {each} beside a network {hidden} wide and a grid, "
            f"and {neighbours} are needed; give more"
        )
    if count > samples:
        raise ValueError(f"{count} kernels are more than the {samples} samples; give fewer numbers")
    return cells, table, count


_SIGNALS: dict[str, Callable[..., object]] = {
    "fit-drawing": drawn_image,
    "fit-photographs": photographs,
    "fit-shape": shape,
}
_METHODS: dict[str, tuple[Callable[..., object], ...]] = {
    "dense-grid": (dense_grid,),
    "hash-grid": (hash_grid,),
    "neurbf": (frequencies, neurbf),
}


def task(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check the parameters of a task, and return what a field of it is like. Raises ValueError."""
    obey(fitting, params)
    obey(_SIGNALS[name], params)
    numbers = params["numbers"]
    if name == "fit-shape":
        return {"dimensions": 3, "outputs": 1, "samples": params["samples"], "numbers": numbers}
    side = params["size"] if name == "fit-drawing" else 32 * params["side"]
    return {"dimensions": 2, "outputs": 3, "samples": side**2, "numbers": numbers}


def method(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Check that a field with these parameters is within a task's budget. Raises ValueError."""
    for rule in _METHODS[name]:
        obey(rule, {**given, **params})
