"""How many numbers the parts of a field are stored in. Imports no array library."""

import math


def perceptron_numbers(inputs: int, hidden: int, outputs: int) -> int:
    """Return how many numbers three linear layers have, the middle one square."""
    return (inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * outputs


def resolutions(levels: int, coarsest: int, finest: int) -> list[int]:
    """Return the cells per axis of each level of a hash grid.

    Raises:
        ValueError: no level, or the finest is coarser than the coarsest.
    """
    if levels < 1 or not 1 <= coarsest <= finest:
        raise ValueError(
            f"levels must be positive and coarsest from 1 to finest, got {levels}, {coarsest} and {finest}"
        )
    growth = (math.log(finest) - math.log(coarsest)) / max(1, levels - 1)
    return [math.floor(coarsest * math.exp(level * growth) + 1e-9) for level in range(levels)]


def entries(cells: list[int], dimensions: int, table: int) -> list[int]:
    """Return how many entries each level has: one per node, and at most `table`."""
    return [min((r + 1) ** dimensions, table) for r in cells]


def largest_table(cells: list[int], dimensions: int, room: int) -> int:
    """Return the largest T with which all levels together have at most `room` entries; 0 where there is none."""
    low, high = 0, max((r + 1) ** dimensions for r in cells)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(entries(cells, dimensions, middle)) <= room:
            low = middle
        else:
            high = middle - 1
    return low
