"""Flows as tasks: the method steps one through time, and its last velocity is compared with the true one."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from bench_pde import solver_limits
from bench_pde.problems.flow import Flow, taylor_green
from bench_pde.problems.problem import grid
from bench_pde.tasks.spending import Spending
from harness import Build, Context, Outputs
from harness.conditions import obey


@dataclass(frozen=True)
class SolveTaylorGreen:
    """See `bench_pde.problems.flow`. Scored at the middles of 64² cells."""

    dt: float = 0.05
    times: int = 20
    steps: int = 8000
    points: int = 500
    face_points: int = 20

    def __post_init__(self) -> None:
        obey(solver_limits.budget, vars(self))
        self.flow()

    def flow(self) -> Flow:
        """Return the flow. Raises ValueError for parameters that make none."""
        return taylor_green(dt=self.dt, times=self.times)

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build the method, which takes the flow to its end, and score the velocity.

        Raises:
            ValueError: the device is not the CPU.
        """
        spending, flow = Spending(context, self.steps, self.points, self.face_points), self.flow()
        torch.manual_seed(context.seeds.method)
        velocity = build(flow=flow, budget=spending.budget)
        costs = spending.costs(velocity)
        points = grid(((-63 / 64, 63 / 64),) * 2, (64, 64))
        with torch.no_grad():
            predicted, truth = (u(points).reshape(1, 1, 64, 64, 2) for u in (velocity, flow.end))
        yield Outputs(split="test", step=self.steps, prediction=predicted, target=truth)
        yield Outputs(split="train", step=self.steps, **costs)
