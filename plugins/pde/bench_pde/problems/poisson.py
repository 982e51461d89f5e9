"""Steady equations whose solutions oscillate fast or on several scales: Δu = f, and Δu + u (u² - 1) = f (Allen-Cahn).

The table of Fang et al. 2024 (GP-HM, ICLR, arXiv:2311.04465), Dirichlet data on all faces. In two dimensions the
solution is g(x) g(y), or g(x) + g(y) where the case is "product". ω is that of the paper unless given:

    case                 g(x)                               domain     ω
    sine                 sin ωx                             [0, 2π]    100
    product              sin 6x cos ωx                      [0, 2π]    100, in two dimensions 20
    growing              x sin ωx                           [0, 2π]    200
    three-scales         sin x + 0.1 sin 20x + a cos ωx     [0, 1]     100; a is 0.05, in two dimensions 1
    sine-and-parabola    sin ωx - 2 (x - 1/2)²              [0, 1]     500
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, cos, sin

from bench_pde import solver_limits
from bench_pde.problems.problem import Problem, everywhere

Case = Literal["sine", "product", "growing", "three-scales", "sine-and-parabola"]

_PUBLISHED = {"sine": 100.0, "product": 100.0, "growing": 200.0, "three-scales": 100.0, "sine-and-parabola": 500.0}


@dataclass(frozen=True)
class Profile:
    """A function of one coordinate and its second derivative."""

    value: Callable[[Tensor], Tensor]
    second: Callable[[Tensor], Tensor]


def profile(case: Case, w: float, amplitude: float = 0.05) -> Profile:
    """Return g of a case."""
    if case == "sine":
        return Profile(lambda x: sin(w * x), lambda x: -w * w * sin(w * x))
    if case == "product":
        return Profile(
            lambda x: sin(6 * x) * cos(w * x),
            lambda x: -(36 + w * w) * sin(6 * x) * cos(w * x) - 12 * w * cos(6 * x) * sin(w * x),
        )
    if case == "growing":
        return Profile(lambda x: x * sin(w * x), lambda x: 2 * w * cos(w * x) - w * w * x * sin(w * x))
    if case == "three-scales":
        return Profile(
            lambda x: sin(x) + 0.1 * sin(20 * x) + amplitude * cos(w * x),
            lambda x: -sin(x) - 40 * sin(20 * x) - amplitude * w * w * cos(w * x),
        )
    return Profile(lambda x: sin(w * x) - 2 * (x - 0.5) ** 2, lambda x: -w * w * sin(w * x) - 4)


def poisson(*, dimensions: int = 1, case: Case = "sine", wave_number: float = 0.0) -> Problem:
    """Return Δu = f in one or two dimensions; a wave number of 0 stands for that of the paper.

    Raises:
        ValueError: another number of dimensions, or a negative wave number.
    """
    return _manufactured(dimensions, case, wave_number, lambda u: 0 * u)


def allen_cahn(*, dimensions: int = 1, case: Case = "sine", wave_number: float = 0.0) -> Problem:
    """Return Δu + u (u² - 1) = f; see `poisson`."""
    return _manufactured(dimensions, case, wave_number, lambda u: u * (u * u - 1))


def _manufactured(dimensions: int, case: Case, wave_number: float, reaction: Callable[[Tensor], Tensor]) -> Problem:
    solver_limits.manufactured(dimensions=dimensions, wave_number=wave_number)
    published = 20.0 if case == "product" and dimensions == 2 else _PUBLISHED[case]
    g = profile(case, wave_number or published, 0.05 if dimensions == 1 else 1.0)
    end = 1.0 if case in ("three-scales", "sine-and-parabola") else 2 * math.pi
    box = ((0.0, end),) * dimensions

    def exact(points: Tensor) -> Tensor:
        values = g.value(points)
        return values.sum(1) if case == "product" else values.prod(1)

    def laplacian(points: Tensor) -> Tensor:
        seconds = g.second(points)
        others = g.value(points).flip(1) if dimensions == 2 and case != "product" else 1
        return (seconds * others).sum(1)

    axes = "xy"[:dimensions]
    seconds = tuple(2 * axis for axis in axes)

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        truth = exact(points)
        return sum(u[name] for name in seconds) + reaction(u[""]) - laplacian(points) - reaction(truth)

    return Problem(axes, box, ("", *seconds), residual, everywhere(exact, tuple(range(dimensions))), exact)
