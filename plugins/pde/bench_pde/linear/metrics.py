"""How well and at what cost linear systems were solved. Each list has a number per right-hand side, in one order."""

from collections.abc import Sequence
from statistics import fmean, median


def iterations(counts: Sequence[int]) -> float:
    """Mean number of iterations until ‖b - A x‖ <= tolerance ‖b‖; where that is not reached, the limit counts."""
    return fmean(counts)


def unsolved(missed: Sequence[bool]) -> float:
    """Share of the right-hand sides whose tolerance was not reached."""
    return fmean(missed)


def relative_residual(residuals: Sequence[float]) -> float:
    """Mean of ‖b - A x‖ / ‖b‖, for x at the end or, where the split is "history", after as many iterations as `step`;
    a solver that has ended by then counts with what it ended with."""
    return fmean(residuals)


def setup_seconds(setup: Sequence[float]) -> float:
    """Median time of what depends on a matrix alone, once for each matrix."""
    return median(setup)


def solve_seconds(solve: Sequence[float]) -> float:
    """Median time from a right-hand side to its solution, whether or not the tolerance was reached."""
    return median(solve)


def training_seconds(training_seconds: float) -> float:
    """Time of building the method, in which it learns."""
    return training_seconds
