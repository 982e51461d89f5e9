"""Conformance checks of linear solvers: what the family's contract and its traits promise, measured on small systems.

Each `check_<name>(build)` calls `build(example=, training=)` and raises AssertionError saying what it found. Checks
named after a trait ("-" written as "_") are for the methods that claim it. Methods that learn get a few steps only:
what is promised holds whatever they have learned.
"""

import functools
import io
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from bench_pde.linear.poisson_systems import obstructed
from bench_pde.linear.system import LinearSolver, System, Training, poisson
from harness import Context
from harness.conformance import difference, seeded

Build = Callable[..., LinearSolver]

STEPS, TOLERANCE, LIMIT = 4, 0.3, 20
ROUNDING = 1e-8  # float64, through some hundred iterations


def check_solution(build: Build) -> None:
    """The residuals told are true, and the method goes on until the tolerance or the limit, and no further."""
    for name, solver, system, b in _systems(build):
        solution = solver.prepared(system)(b, TOLERANCE, LIMIT)
        assert solution.x.shape == b.shape, f"{name}: x has the shape {tuple(solution.x.shape)}"
        assert solution.x.dtype == torch.float64, f"{name}: x is {solution.x.dtype}"
        true, told = float((b - system.apply(solution.x)).norm() / b.norm()), solution.residuals
        assert told[0] == float(b.norm()), f"{name}: the residual of the guess 0 is {told[0]}, not that of b"
        assert abs(told[-1] / told[0] - true) <= ROUNDING, f"{name}: the last residual told is not the true {true:.1e}"
        reached = [residual <= TOLERANCE * told[0] for residual in told]
        assert not any(reached[:-1]), f"{name}: it goes on after the tolerance is reached"
        assert reached[-1] or solution.iterations == LIMIT, f"{name}: it ends before the tolerance and the limit"


def check_converges(build: Build) -> None:
    """A tolerance near rounding is reached in fewer iterations than there are unknowns."""
    for name, solver, system, b in _systems(build):
        solution = solver.prepared(system)(b, 1e-10, int(system.is_open.sum()))
        end = float((b - system.apply(solution.x)).norm() / b.norm())
        assert end <= 1.001e-10, f"{name}: after {solution.iterations} iterations the residual is {end:.1e}"


def check_nothing_where_closed(build: Build) -> None:
    """The solution is 0 in cells without an unknown."""
    for name, solver, system, b in _systems(build):
        x = solver.prepared(system)(b, TOLERANCE, LIMIT).x
        assert not x[~system.is_open.flatten()].any(), f"{name}: the solution is not 0 in closed cells"


def check_limit(build: Build) -> None:
    """No more iterations are done than the limit says, and none for b = 0."""
    for name, solver, system, b in _systems(build):
        solve = solver.prepared(system)
        for limit in (0, 1, 3):
            done = solve(b, 1e-14, limit).iterations
            assert done <= limit, f"{name}: {done} iterations at a limit of {limit}"
        solution = solve(torch.zeros_like(b), TOLERANCE, LIMIT)
        assert solution.iterations == 0, f"{name}: b = 0 takes {solution.iterations} iterations"
        assert not solution.x.any(), f"{name}: b = 0 has a solution other than 0"


def check_scale(build: Build) -> None:
    """The solution for 8 b is 8 times that for b, in as many iterations."""
    for name, solver, system, b in _systems(build):
        solve = solver.prepared(system)
        one, eight = solve(b, TOLERANCE, LIMIT), solve(8 * b, TOLERANCE, LIMIT)
        assert one.iterations == eight.iterations, f"{name}: {one.iterations} and {eight.iterations} iterations"
        error = difference(eight.x, 8 * one.x)
        assert error <= ROUNDING, f"{name}: solutions of b and 8 b differ by {error:.1e}, beyond the factor"


def check_deterministic(build: Build) -> None:
    """One seed gives one solver."""
    for (name, first, system, b), (_, second, _, _) in zip(_systems(build), _systems(build), strict=True):
        solutions = [solver.prepared(system)(b, TOLERANCE, LIMIT).x for solver in (first, second)]
        assert torch.equal(*solutions), f"{name}: two solvers from one seed differ"


def check_state_dict_round_trip(build: Build) -> None:
    """The saved state of a solver makes another one the same."""
    for (name, first, system, b), (_, second, _, _) in zip(_systems(build), _systems(build, seed=1), strict=True):
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        solutions = [solver.prepared(system)(b, TOLERANCE, 5).x for solver in (first, second)]
        assert torch.equal(*solutions), f"{name}: solutions before saving and after loading differ"


def check_training(build: Build) -> None:
    """A method that learns reports each step with a finite loss, in order; one that does not reports none."""
    seen: list[tuple[int, float]] = []
    solver = _build(build, 2, report=lambda step, loss: seen.append((step, loss)))
    expected = list(range(1, STEPS + 1)) if list(solver.parameters()) else []
    assert [step for step, _ in seen] == expected, f"the steps reported are {seen}"
    assert np.isfinite([loss for _, loss in seen]).all(), f"the losses are {seen}"


def check_descends(build: Build) -> None:
    """The error in the energy norm falls or stays with each iteration."""
    for name, solver, system, b in _systems(build):
        solve, exact = solver.prepared(system), torch.linalg.solve(system.matrix.to_dense(), b)
        before = float("inf")
        for limit in range(8):
            e = solve(b, 1e-14, limit).x - exact
            energy = float(e @ system.apply(e))
            assert energy <= before * (1 + ROUNDING), f"{name}: iteration {limit} makes the error larger"
            before = energy


def check_any_grid(build: Build) -> None:
    """Systems on other grids are accepted, square or not."""
    solver = _build(build, 2)
    for grid in ((10, 14), (24, 24)):
        system = poisson(np.ones(grid, bool))
        b = torch.randn(grid, generator=torch.Generator().manual_seed(0), dtype=torch.float64).flatten()
        x = solver.prepared(system)(b, TOLERANCE, LIMIT).x
        assert x.isfinite().all(), f"on a grid of {grid} the solution is not finite"


def exercise(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return what is timed from commit to commit: a build, with the checks' training, and a solution in the plane."""
    _, solver, system, b = next(_systems(build))
    solve = solver.prepared(system)
    return {"training": lambda: _build(build, 2), "inference": lambda: solve(b, TOLERANCE, LIMIT)}


def _systems(build: Build, seed: int = 0) -> Iterator[tuple[str, LinearSolver, System, Tensor]]:
    """Yield small systems of two and three dimensions with a solver and a right-hand side."""
    for dimensions in (2, 3):
        solver, rng = _build(build, dimensions, seed), np.random.default_rng(3)
        system = poisson(obstructed((12, 8, 8)[:dimensions], 1, rng))
        b = torch.from_numpy(rng.standard_normal(system.is_open.numel())) * system.is_open.flatten()
        yield f"{dimensions}d", solver, system, b


def _build(
    build: Build, dimensions: int, seed: int = 0, report: Callable[[int, float], None] | None = None
) -> LinearSolver:
    with seeded(seed):
        options = {} if report is None else {"report": report}
        training = Training(STEPS, 4, torch.Generator().manual_seed(seed), **options)
        return build(example=_example(dimensions), training=training)


@functools.cache
def _example(dimensions: int) -> System:
    return poisson(np.ones((8,) * dimensions, bool))
