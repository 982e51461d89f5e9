"""Implicit neural spatial representations (INSR; Chen, Wu, Grinspun, Zheng & Chen 2023, ICML, arXiv:2210.00124).

The state at time t_n is the weights of a SIREN u_n of the coordinates of space alone. The first fits the initial state;
from there, each step of time is a minimisation over the weights of the next network, which begins at the last one's:

    min E_x R(x)² + mean of what the boundary conditions are missed by, squared, at t_(n+1)

where R is the residual of the implicit midpoint rule: the equation's own at t_n + dt/2, with (u_(n+1) - u_n) / dt for
u_t, and the mean of both states for u and for derivatives by space. Points are drawn anew for each gradient. Between
two times u is linear in t, so that R is the residual of this field in space and time, half-way.

In the paper: float32, dt 0.05, 20 wide with 3 layers of sines (901 numbers) for advection, 5000 points, 50 on the
boundary, at most 20,000 gradients of Adam at 1e-4 for the initial fit and for every step, "plateau". The authors draw
points of the boundary within 1e-4 of it; here they lie on it. What is carried from step to step is the size of the
state, and the last network's are counted as parameters: the earlier ones are kept only so that the solution can be
evaluated at their times.

    u_n       network from (n, coordinates of space) to (n, 1)
    wanted    derivatives that the equation asks for: of first order in time
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.problem import Budget, Condition, Problem
from bench_pde.solvers.field import Field
from bench_pde.solvers.minimising import Schedule, minimise, shares
from bench_pde.solvers.siren import Siren
from bench_pde.solvers.stepped import Stepped, duration, initial_condition, time_axis, times


class Step:
    """The minimisation that leads from one state to the next."""

    def __init__(self, problem: Problem, before: Siren, after: Siren, t: float, dt: float) -> None:
        self._problem, self._before, self._after, self._t, self._dt = problem, before, after, t, dt
        self._time = time_axis(problem)

    def loss(self, inside: Tensor, faces: list[Tensor]) -> Tensor:
        """Return what is minimised, as for the PINN; the coordinate of time in the points is overwritten.

        Args:
            inside: points (n, dimensions).
            faces: points on the face of each condition of `boundary(problem)`.
        """
        equation = self.residual(inside).square().mean()
        missed = [
            self._problem.condition_error(condition, self._derivatives, self._at(self._t + self._dt, points))
            for condition, points in zip(boundary(self._problem), faces, strict=True)
        ]
        return self._problem.weight * equation + (torch.cat(missed).square().mean() if missed else 0)

    def residual(self, points: Tensor) -> Tensor:
        """Return R, (n,)."""
        names = tuple(name for name in {"", *self._problem.wanted} if name != "t")
        with torch.no_grad():
            old = self._before.derivatives(self._places(points), names)
        new = self._after.derivatives(self._places(points), names)
        values = {name: (old[name] + new[name])[:, 0] / 2 for name in names}
        values["t"] = (new[""] - old[""])[:, 0] / self._dt
        return self._problem.residual(self._at(self._t + self._dt / 2, points), values)

    def _derivatives(self, points: Tensor, names: tuple[str, ...]) -> Mapping[str, Tensor]:
        return {name: u[:, 0] for name, u in self._after.derivatives(self._places(points), names).items()}

    def _places(self, points: Tensor) -> Tensor:
        return torch.cat([points[:, : self._time], points[:, self._time + 1 :]], 1)

    def _at(self, t: float, points: Tensor) -> Tensor:
        moved = points.clone()
        moved[:, self._time] = t
        return moved


def boundary(problem: Problem) -> list[Condition]:
    """Return the conditions on the faces of space."""
    return [condition for condition in problem.conditions if condition.axis != time_axis(problem)]


def insr(
    *,
    problem: Problem,
    budget: Budget,
    dt: float = 0.05,
    width: int = 20,
    layers: int = 3,
    fit: float = 0.25,
    fit_lr: float = 0.001,
    lr: float = 0.0005,
    schedule: Schedule = "cosine",
) -> Field:
    """Return the states at all times, after a budget of gradients that the times share equally.

    Args:
        dt: length of a step in time; it is shortened so that a whole number of them make up the duration.
        layers: layers of sines.
        fit: the share of the gradients that the initial fit takes, at the learning rate `fit_lr`.

    Raises:
        Skip: the equation is not of first order in time, or says more than the initial state at the beginning.
        ValueError: the budget has no gradient for each time, or a parameter is out of range.
    """
    start = initial_condition(problem)
    solver_limits.insr(duration=duration(problem), dt=dt, fit=fit, steps=budget.steps, lr=lr, fit_lr=fit_lr)
    t = times(problem, dt)
    first, each = shares(budget.steps, fit, len(t) - 1)
    taken = 0

    def report(loss: float) -> None:
        nonlocal taken
        taken += 1
        budget.report(taken, loss)

    def drawn() -> tuple[Tensor, list[Tensor]]:
        conditions = boundary(problem)
        faces = [problem.face(condition, budget.face_points, budget.generator) for condition in conditions]
        return problem.interior(budget.points, budget.generator), faces

    state = Siren(problem.axes.replace("t", ""), 1, width, layers)
    begun = Stepped(problem.axes, t, nn.ModuleList([state, state]))

    def misfit() -> Tensor:
        points = problem.on_face(start, problem.interior(budget.points, budget.generator))
        assert start.value is not None
        return (begun(points) - start.value(points)).square().mean()

    minimise(misfit, state.parameters(), first, fit_lr, schedule, report)
    states = [state]
    for n, steps in enumerate(each):
        states.append(copy.deepcopy(states[-1]))
        step = Step(problem, states[n], states[n + 1], float(t[n]), float(t[n + 1] - t[n]))
        minimise(lambda step=step: step.loss(*drawn()), states[-1].parameters(), steps, lr, schedule, report)
        states[n].requires_grad_(False)
    return Stepped(problem.axes, t, nn.ModuleList(states))
