"""The problems as tasks: the method solves one, and its solution is compared with the true one on a grid."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from bench_pde import solver_limits
from bench_pde.problems.diffusing import allen_cahn_in_time, nonlinear_diffusion
from bench_pde.problems.helmholtz import helmholtz
from bench_pde.problems.klein_gordon import klein_gordon
from bench_pde.problems.poisson import allen_cahn, poisson
from bench_pde.problems.problem import Problem
from bench_pde.problems.transport import advection, flow_mixing, moving_bump
from bench_pde.solvers.field import Field
from bench_pde.tasks.kept import pictures
from bench_pde.tasks.spending import Spending
from harness import Build, Context, Outputs
from harness.conditions import obey


@dataclass(frozen=True)
class Solving:
    """Solve a problem with a budget of gradients; a subclass says which. Scored on a grid with the box's ends."""

    steps: int = 2000
    points: int = 500
    face_points: int = 100

    scored: ClassVar[tuple[int, ...]] = (1001, 101, 33)  # points of an axis on grids of 1, 2 and 3 dimensions

    def __post_init__(self) -> None:
        obey(solver_limits.budget, vars(self))
        self.problem()

    def problem(self) -> Problem:
        """Return the problem. Raises ValueError for parameters that make none."""
        raise NotImplementedError

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build the method, which solves the problem, and score the solution.

        Raises:
            ValueError: the device is not the CPU.
        """
        spending, problem = Spending(context, self.steps, self.points, self.face_points), self.problem()
        torch.manual_seed(context.seeds.method)
        field = build(problem=problem, budget=spending.budget)
        costs = spending.costs(field)
        sizes = (self.scored[len(problem.axes) - 1],) * len(problem.axes)
        truth, predicted = problem.truth(sizes), _values(field, problem.grid(sizes)).reshape(sizes)
        yield Outputs(split="test", step=self.steps, prediction=_sample(predicted), target=_sample(truth))
        if len(sizes) == 3:  # of time, the end
            predicted, truth = predicted[..., -1], truth[..., -1]
        context.keep("fields", **pictures(_sample(predicted), _sample(truth)))
        yield Outputs(split="train", step=self.steps, **costs)


@dataclass(frozen=True)
class SolvePoisson(Solving):
    """See `bench_pde.problems.poisson`; a wave number of 0 stands for the paper's.

    The numbers of intervals are prime, so that no wave is 0 at all points that are scored.
    """

    case: Literal["sine", "product", "growing", "three-scales", "sine-and-parabola"] = "sine"
    dimensions: int = 1
    wave_number: float = 0.0

    scored = (1010, 504, 33)

    def problem(self) -> Problem:
        return poisson(dimensions=self.dimensions, case=self.case, wave_number=self.wave_number)


@dataclass(frozen=True)
class SolveSteadyAllenCahn(Solving):
    """See `bench_pde.problems.poisson`; a wave number of 0 stands for the paper's. Scored as `SolvePoisson` is."""

    case: Literal["sine", "product", "growing", "three-scales", "sine-and-parabola"] = "sine"
    dimensions: int = 1
    wave_number: float = 0.0

    scored = SolvePoisson.scored

    def problem(self) -> Problem:
        return allen_cahn(dimensions=self.dimensions, case=self.case, wave_number=self.wave_number)


@dataclass(frozen=True)
class SolveAdvection(Solving):
    """See `bench_pde.problems.transport`."""

    speed: float = 200.0

    def problem(self) -> Problem:
        return advection(speed=self.speed)


@dataclass(frozen=True)
class SolveMovingBump(Solving):
    """See `bench_pde.problems.transport`."""

    speed: float = 0.25
    width: float = 0.1
    duration: float = 3.0

    scored = (1001, 201, 33)

    def problem(self) -> Problem:
        return moving_bump(speed=self.speed, width=self.width, duration=self.duration)


@dataclass(frozen=True)
class SolveFlowMixing(Solving):
    """See `bench_pde.problems.transport`."""

    duration: float = 4.0

    def problem(self) -> Problem:
        return flow_mixing(duration=self.duration)


@dataclass(frozen=True)
class SolveHelmholtz(Solving):
    """See `bench_pde.problems.helmholtz`."""

    a1: int = 4
    a2: int = 1
    coefficient: float = 1.0

    def problem(self) -> Problem:
        return helmholtz(a1=self.a1, a2=self.a2, coefficient=self.coefficient)


@dataclass(frozen=True)
class SolveKleinGordon(Solving):
    """See `bench_pde.problems.klein_gordon`."""

    k: float = 2.0
    duration: float = 10.0

    def problem(self) -> Problem:
        return klein_gordon(k=self.k, duration=self.duration)


@dataclass(frozen=True)
class SolveAllenCahn(Solving):
    """See `bench_pde.problems.diffusing`."""

    def problem(self) -> Problem:
        return allen_cahn_in_time()


@dataclass(frozen=True)
class SolveNonlinearDiffusion(Solving):
    """See `bench_pde.problems.diffusing`."""

    def problem(self) -> Problem:
        return nonlinear_diffusion()


@torch.no_grad()
def _values(field: Field, points: Tensor) -> Tensor:
    return torch.cat([field(part) for part in points.split(4096)])


def _sample(values: Tensor) -> Tensor:
    """Return a field as one sample of one frame and one channel, (1, 1, *grid, 1)."""
    return values[None, None, ..., None]
