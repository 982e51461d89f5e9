"""Conformance checks of PDE solvers: what the family's contract promises, measured on three small problems.

A method may refuse by Skip what it does not solve, but not all of them. Each `check_<name>(build)` calls
`build(problem=, budget=)` and raises AssertionError saying what it found. Checks named after a trait ("-" written as
"_") are for the methods that claim it.
"""

import io
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from bench_pde.problems.poisson import allen_cahn, poisson
from bench_pde.problems.problem import Budget, Problem
from bench_pde.problems.transport import moving_bump
from bench_pde.solvers.field import Field, differentiated
from harness import Skip
from harness.conformance import difference, seeded

Build = Callable[..., Field]

STEPS = 4
ROUNDING = 1e-8  # of second derivatives in float64, against the largest


def check_shape(build: Build) -> None:
    """Points (n, dimensions) become values (n,), float64 and finite, each whatever the others are."""
    for name, problem, field, points in _solved(build):
        u = field(points)
        assert u.shape == points.shape[:1], f"{name}: {tuple(points.shape)} points gave values {tuple(u.shape)}"
        assert u.dtype == torch.float64, f"{name}: the values are {u.dtype}"
        assert u.isfinite().all(), f"{name}: a value is not finite"
        assert field.axes == problem.axes, f"{name}: the field's axes are {field.axes!r}"
        error = difference(field(points[:1]), u[:1])
        assert error <= ROUNDING, f"{name}: a point alone and among others give values that differ by {error:.1e}"


def check_derivatives(build: Build) -> None:
    """The derivatives that a solution gives are those of its values by automatic differentiation."""
    for name, problem, field, points in _solved(build):
        names = ("", *problem.axes, *(2 * axis for axis in problem.axes))
        own, automatic = field.derivatives(points, names), differentiated(field, problem.axes, points, names)
        for derivative in names:
            error = difference(own[derivative], automatic[derivative])
            assert error <= ROUNDING, f"{name}: the derivative {derivative!r} is off by {error:.1e}"


def check_budget(build: Build) -> None:
    """Every step is reported with a finite loss, in order, and none beyond the budget."""
    for name, problem in _problems():
        seen: list[tuple[int, float]] = []
        try:
            _solve(build, problem, report=lambda step, loss, seen=seen: seen.append((step, loss)))
        except Skip:
            continue
        assert 1 <= len(seen) <= STEPS, f"{name}: {len(seen)} steps were reported, of {STEPS}"
        assert [step for step, _ in seen] == list(range(1, len(seen) + 1)), f"{name}: the steps reported are {seen}"
        losses = torch.tensor([loss for _, loss in seen])
        assert losses.isfinite().all(), f"{name}: the losses are {losses.tolist()}"


def check_deterministic(build: Build) -> None:
    """One seed gives one solution."""
    for (name, _, first, points), (_, _, second, _) in zip(_solved(build), _solved(build), strict=True):
        assert torch.equal(first(points), second(points)), f"{name}: two solutions from one seed differ"


def check_state_dict_round_trip(build: Build) -> None:
    """The saved state of a solution makes another one the same."""
    for (name, _, first, points), (_, _, second, _) in zip(_solved(build), _solved(build, seed=1), strict=True):
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        error = difference(second(points), first(points))
        assert error <= ROUNDING, f"{name}: values before saving and after loading differ by {error:.1e}"


def check_any_equation(build: Build) -> None:
    """No problem is refused."""
    for name, problem in _problems():
        try:
            _solve(build, problem)
        except Skip as refusal:
            raise AssertionError(f"{name}: the method claims any equation, and refuses: {refusal}") from refusal


def _problems() -> Iterator[tuple[str, Problem]]:
    yield "Poisson on an interval", poisson(case="three-scales", wave_number=30.0)
    yield "Allen-Cahn on a square", allen_cahn(dimensions=2, case="three-scales", wave_number=25.0)
    yield "a moving bump", moving_bump(duration=0.15)


def _solved(build: Build, seed: int = 0) -> Iterator[tuple[str, Problem, Field, Tensor]]:
    """Yield the problems that the method does not refuse, with its solution and a few points."""
    problems = dict(_problems())
    for name, problem in list(problems.items()):
        points = problem.interior(7, torch.Generator().manual_seed(7))
        try:
            field = _solve(build, problem, seed)
        except Skip:
            del problems[name]
        else:
            yield name, problem, field, points
    assert problems, "the method refuses every problem"


def _solve(
    build: Build, problem: Problem, seed: int = 0, report: Callable[[int, float], None] = lambda step, loss: None
) -> Field:
    with seeded(seed):
        generator = torch.Generator().manual_seed(seed)
        return build(problem=problem, budget=Budget(STEPS, 20, 5, generator, report))
