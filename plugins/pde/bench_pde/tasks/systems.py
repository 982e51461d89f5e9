"""Linear systems as tasks: all methods solve the same ones to the same tolerance."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bench_pde import linear_limits
from bench_pde.linear.system import LinearSolver, Solution, Solve, System, Training, poisson
from harness import Build, Context, Diverged, Outputs
from harness.conditions import obey
from harness.measure import PeakMemory, first_call, parameter_count
from harness.speed import Subject, compared


@dataclass(frozen=True)
class _OnSystems:
    """See `bench_pde.linear.poisson_systems`. Methods may learn, `steps` gradients long, from the matrix of an empty
    box of `trained_on` cells per axis, and never see a system that they are scored on."""

    dimensions: int = 2
    points: int = 32
    obstacles: int = 3
    systems: int = 6
    tolerance: float = 1e-4
    limit: int = 2000
    trained_on: int = 32
    steps: int = 1500
    batch_size: int = 16

    def __post_init__(self) -> None:
        obey(linear_limits.systems, vars(self))
        obey(linear_limits.solving, vars(self))

    def _made(self, build: Build, context: Context) -> LinearSolver:
        """Return the method, which has learned what it learns."""

        def report(step: int, loss: float) -> None:
            if not math.isfinite(loss):
                raise Diverged(f"the loss is {loss} at step {step}")
            context.report(step, self.steps, loss=loss)

        generator = torch.Generator().manual_seed(context.seeds.order)
        example = poisson(np.ones((self.trained_on,) * self.dimensions, bool)).to(context.device)
        return build(example=example, training=Training(self.steps, self.batch_size, generator, report))

    def _systems(self, context: Context) -> Iterator[tuple[System, list[Tensor]]]:
        """Yield each system with its right-hand sides, (n,)."""
        names = ("dimensions", "points", "obstacles", "systems")
        data = context.data("poisson-systems", **{name: getattr(self, name) for name in names})
        for is_open, right in zip(data["is_open"], data["right"], strict=True):
            system = poisson(np.array(is_open)).to(context.device)
            b = torch.tensor(right).flatten(1).to(context.device) * system.is_open.flatten()
            yield system, list(b)

    def _is_missed(self, end: float) -> bool:
        return not end <= 1.01 * self.tolerance  # a residual that is carried along is off by rounding


def _end(system: System, b: Tensor, solution: Solution) -> float:
    """Return ‖b - A x‖ / ‖b‖."""
    return float((b - system.apply(solution.x)).norm() / b.norm())


@dataclass(frozen=True)
class PoissonSystems(_OnSystems):
    """Scored by the number of iterations; times are costs."""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory, start = PeakMemory(context.device), time.perf_counter()
        solver = self._made(build, context)
        costs = {"training_seconds": time.perf_counter() - start, "parameters": parameter_count(solver)}
        solved, solutions = list[Solve](), list[Solution]()
        setup, solve, ends = list[float](), list[float](), list[float]()
        for system, right in self._systems(context):
            setup.append(first_call(lambda system=system: solved.append(solver.prepared(system)), context.device))
            for b in right:
                call = partial(solved[-1], b, self.tolerance, self.limit)
                solve.append(first_call(lambda call=call: solutions.append(call()), context.device))
                ends.append(_end(system, b, solutions[-1]))
        if (peak := memory.mib) is not None:
            costs["peak_memory"] = peak
        missed = [self._is_missed(end) for end in ends]
        counts = [self.limit if lost else s.iterations for lost, s in zip(missed, solutions, strict=True)]
        yield Outputs(split="test", step=0, counts=counts, missed=missed, residuals=ends, setup=setup, solve=solve)
        for step in [2**power for power in range(max(counts).bit_length())]:
            after = [s.residuals[min(step, s.iterations)] / s.residuals[0] for s in solutions]
            yield Outputs(split="history", step=step, residuals=after)
        yield Outputs(split="train", step=self.steps, **costs)


@dataclass(frozen=True)
class PoissonSystemsSpeed(_OnSystems):
    """Scored by the time to the tolerance against the reference's, in turns: "solve" is all right-hand sides of all
    systems when their matrices are prepared, "setup-and-solve" is with the preparation. Training is in neither.

    A method that misses the tolerance has no such time: its run fails, and where the reference does, every run.

    Args:
        rounds, seconds: as `harness.measure.interleaved` has them, where the latter is its limit.
    """

    rounds: int = 12
    seconds: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(linear_limits.timing, vars(self))

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        systems = list(self._systems(context))

        def make(build: Build) -> Subject:
            solver = self._made(build, context)

            def solve(prepared: list[Solve]) -> None:
                for solved, (_, right) in zip(prepared, systems, strict=True):
                    for b in right:
                        solved(b, self.tolerance, self.limit)

            def prepare() -> list[Solve]:
                return [solver.prepared(system) for system, _ in systems]

            prepared, items = prepare(), sum(len(right) for _, right in systems)
            self._reach(prepared, systems)
            calls = {"solve": partial(solve, prepared), "setup-and-solve": lambda: solve(prepare())}
            return Subject(solver, calls, items)

        yield from compared(make, build, context, rounds=self.rounds, limit=self.seconds)

    def _reach(self, prepared: list[Solve], systems: list[tuple[System, list[Tensor]]]) -> None:
        """Raise ArithmeticError where the tolerance is missed."""
        ends = [
            _end(system, b, solve(b, self.tolerance, self.limit))
            for solve, (system, right) in zip(prepared, systems, strict=True)
            for b in right
        ]
        if missed := sum(self._is_missed(end) for end in ends):
            raise ArithmeticError(
                f"{missed} of {len(ends)} right-hand sides miss the tolerance of {self.tolerance:g} within "
                f"{self.limit} iterations, so that there is no time to it; the worst residual is {max(ends):.2g}"
            )
