"""A field that is known at some times, and linear between them; and what there is to say of time in a problem."""

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.problem import Condition, Problem
from bench_pde.solvers.field import Field
from harness import Skip


class Stepped(Field):
    """States at increasing times, each a module from points in space to (n, 1).

    The parameters of the last are what the method carries from step to step; it freezes those of the others.
    """

    times: Tensor

    def __init__(self, axes: str, times: Tensor, states: nn.ModuleList) -> None:
        super().__init__(axes)
        self.register_buffer("times", times)
        self.states = states

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, dimensions), time among them. Returns (n,)."""
        axis = self.axes.index("t")
        t, places = points[:, axis], torch.cat([points[:, :axis], points[:, axis + 1 :]], 1)
        last = len(self.states) - 2
        before = torch.searchsorted(self.times, t.detach().contiguous(), right=True).sub(1).clamp(0, last)
        share = (t - self.times[before]) / (self.times[before + 1] - self.times[before])
        order, values = [], []
        for n in before.unique().tolist():
            chosen = (before == n).nonzero()[:, 0]
            old, new = (self.states[i](places[chosen])[:, 0] for i in (n, n + 1))
            order.append(chosen)
            values.append(old + share[chosen] * (new - old))
        return torch.cat(values)[torch.cat(order).argsort()]


def time_axis(problem: Problem) -> int:
    """Return which coordinate is time."""
    return problem.axes.index("t")


def initial_condition(problem: Problem) -> Condition:
    """Return the condition that is the initial state.

    Raises:
        Skip: the equation is not of first order in time, or says more at the beginning or something at the end.
    """
    if "t" not in problem.axes or any("t" in name and name != "t" for name in problem.wanted):
        raise Skip("the method steps through time, and the equation is not of first order in time")
    found = [condition for condition in problem.conditions if condition.axis == time_axis(problem)]
    if len(found) != 1 or found[0].side != 0 or found[0].derivative or found[0].value is None:
        raise Skip("the method steps through time, and is given more or less than the initial state")
    return found[0]


def duration(problem: Problem) -> float:
    """Return how long a problem goes on."""
    begin, end = problem.box[time_axis(problem)]
    return end - begin


def times(problem: Problem, dt: float) -> Tensor:
    """Return evenly spaced times from the first to the last of a problem, at most dt apart.

    Raises:
        ValueError: dt is not positive.
    """
    steps = solver_limits.times(duration=duration(problem), dt=dt)
    return torch.linspace(*problem.box[time_axis(problem)], steps + 1, dtype=torch.float64)
