"""Semi-Lagrangian transport on a grid (Courant, Isaacson & Rees 1952, doi:10.1002/cpa.3160050303): a classical solver.

For u_t + v·∇u = 0 the value at a node is that of the last state where the node's characteristic comes from,

    u_(n+1)(x) = u_n(x - dt v(x - dt/2 v(x)))

by multilinear interpolation, which is what makes it diffuse; where the characteristic comes in through a face, it is
that of the boundary condition at the time it does. v is read off the equation's residual, which has to be linear in the
derivatives. Between times the field is linear in t. The loss that is reported is the mean square, over the nodes, of
the residual of the midpoint rule with central differences.

    u_n    (nodes, …, nodes), with the ends of every axis
    v      (n, coordinates of space)
"""

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.interpolation import multilinear
from bench_pde.problems.problem import Budget, Problem, grid
from bench_pde.solvers.field import Field
from bench_pde.solvers.insr import boundary
from bench_pde.solvers.stepped import Stepped, duration, initial_condition, time_axis, times
from harness import Skip


class Nodes(nn.Module):
    """Values on a grid over a box, interpolated."""

    def __init__(self, box: tuple[tuple[float, float], ...], values: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(values)
        low, high = torch.tensor(box, dtype=torch.float64).T
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("spacing", (high - low) / (torch.tensor(values.shape) - 1), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, dimensions). Returns (n, 1)."""
        return multilinear(self.values[..., None], (points - self.low) / self.spacing)


class Transport:
    """The velocity that an equation transports by, and what comes in through the faces."""

    def __init__(self, problem: Problem) -> None:
        """Raises Skip where the equation has more than first derivatives, or no time that goes on."""
        self._problem, self._time = problem, time_axis(problem)
        self._space = [axis for axis in problem.axes if axis != "t"]
        if not set(problem.wanted) <= {"t", *self._space}:
            raise Skip("the method transports, and the equation has more than first derivatives")

    def velocity(self, points: Tensor) -> Tensor:
        """Return v at points (n, dimensions). Raises Skip where the equation is not linear and homogeneous."""
        ones, random = torch.ones(len(points), dtype=points.dtype), torch.Generator().manual_seed(0)
        rate = self._residual(points, {"t": ones})
        slopes = torch.stack([self._residual(points, {axis: ones}) for axis in self._space], 1)
        values = {name: torch.randn(len(points), generator=random, dtype=points.dtype) for name in ("t", *self._space)}
        linear = rate * values["t"] + sum(slopes[:, i] * values[axis] for i, axis in enumerate(self._space))
        if not torch.allclose(self._residual(points, values), linear):
            raise Skip("the method transports, and the equation is not linear in its first derivatives")
        return slopes / rate[:, None]

    def moved(self, points: Tensor, dt: float) -> tuple[Tensor, Tensor]:
        """Return where the characteristics through points were dt ago, (n, dimensions), and the values of those that
        have come in through a face with a condition, (n,); NaN for the others.
        """
        half = self._back(points, points, dt / 2)
        before = self._back(points, half, dt)
        entering = torch.full_like(points[:, 0], torch.nan)
        for condition in boundary(self._problem):
            if condition.value is None or condition.derivative:
                continue
            face, a = self._problem.box[condition.axis][condition.side], condition.axis
            outside = before[:, a] < face if condition.side == 0 else before[:, a] > face
            way = ((face - points[:, a]) / (before[:, a] - points[:, a]))[:, None]
            crossing = self._problem.on_face(condition, points + way * (before - points))
            entering = torch.where(outside, condition.value(crossing), entering)
        return before, entering

    def _back(self, points: Tensor, at: Tensor, dt: float) -> Tensor:
        moved = points.clone()
        moved[:, self._time] -= dt
        places = [i for i in range(points.shape[1]) if i != self._time]
        moved[:, places] -= dt * self.velocity(at)
        return moved

    def _residual(self, points: Tensor, given: dict[str, Tensor]) -> Tensor:
        zero = torch.zeros(len(points), dtype=points.dtype)
        return self._problem.residual(points, {name: given.get(name, zero) for name in ("t", *self._space)})


@torch.no_grad()
def semi_lagrangian(*, problem: Problem, budget: Budget, nodes: int = 100, dt: float = 0.05) -> Field:
    """Return the states at all times on a grid of `nodes` per axis; dt is shortened so that whole steps fit.

    Raises:
        Skip: the equation is no linear transport from an initial state.
        ValueError: fewer than two nodes, or more times than the budget has steps.
    """
    start = initial_condition(problem)
    solver_limits.semi_lagrangian(duration=duration(problem), dt=dt, nodes=nodes, steps=budget.steps)
    t, transport, axis = times(problem, dt), Transport(problem), time_axis(problem)
    box = (*problem.box[:axis], *problem.box[axis + 1 :])
    sizes = (nodes,) * len(box)
    points = torch.zeros(nodes ** len(box), len(problem.axes), dtype=torch.float64)
    places = [i for i in range(len(problem.axes)) if i != axis]
    points[:, places] = grid(box, sizes)
    points[:, axis] = float(t[0])
    assert start.value is not None
    states = [Nodes(box, start.value(points).reshape(sizes))]
    for n in range(len(t) - 1):
        points[:, axis] = float(t[n + 1])
        before, entering = transport.moved(points, float(t[n + 1] - t[n]))
        carried = states[n](before[:, places])[:, 0]
        values = torch.where(entering.isnan(), carried, entering).reshape(sizes)
        states.append(Nodes(box, values))
        states[n].requires_grad_(False)
        budget.report(n + 1, _left(problem, points, states[n], states[n + 1], float(t[n + 1] - t[n])))
    return Stepped(problem.axes, t, nn.ModuleList(states))


def _left(problem: Problem, points: Tensor, old: Nodes, new: Nodes, dt: float) -> float:
    """Return the mean square of the midpoint rule's residual at the nodes."""
    middle = (old.values + new.values) / 2
    slopes = torch.gradient(middle, spacing=[float(h) for h in new.spacing])
    u = {axis: slope.flatten() for axis, slope in zip(problem.axes.replace("t", ""), slopes, strict=True)}
    u["t"] = ((new.values - old.values) / dt).flatten()
    half = points.clone()
    half[:, time_axis(problem)] -= dt / 2
    return float(problem.residual(half, u).square().mean())
