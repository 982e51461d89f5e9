"""INSR for incompressible flow (Chen, Wu, Grinspun, Zheng & Chen 2023, ICML, arXiv:2210.00124, section 4.2).

The velocity is a SIREN of the coordinates and so is the pressure. A step of time is Chorin's splitting, each of whose
three parts is a minimisation over the weights of one of them that begins at its last weights:

    advection     u* = argmin ½ E |u*(x) - u_n(x - dt u_n(x))|² + sides(u*)        the place clamped to the box
    pressure      p = argmin E (Δp - ∇·u*)² + mean of (∂p/∂n)² on the sides
    projection    u_(n+1) = argmin ½ E |u_(n+1)(x) - (u*(x) - ∇p(x))|² + sides(u_(n+1))

where ½ E is the mean over both components, as in the authors' code, and sides(u) is the mean of (u·n)² over the
vertical sides plus that over the horizontal ones. p is dt times the pressure over the density. No grid is interpolated,
so that advection is as exact as the fit. In the paper: float32, 32 wide with 4 layers of sines (3330 and 3297 numbers),
128² points and 1 % of them on each pair of sides, Adam at 1e-4. The authors draw points of the sides within 1e-4 of
them; here they are on them.

    u     (n, 2), p (n, 1)
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.flow import Flow
from bench_pde.problems.problem import Budget
from bench_pde.solvers.minimising import Schedule, minimise, shares
from bench_pde.solvers.siren import Siren


class FlowState(nn.Module):
    """The velocity, and the pressure that has last kept it free of divergence."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.velocity = Siren("xy", 2, width, layers)
        self.pressure = Siren("xy", 1, width, layers)

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, 2). Returns velocities (n, 2)."""
        return self.velocity(points)


@dataclass(frozen=True)
class Sides:
    """Random points on the vertical and the horizontal sides of the box, each (n, 2)."""

    vertical: Tensor
    horizontal: Tensor

    def through(self, velocity: Siren) -> Tensor:
        """Return the mean square of what flows through the sides."""
        return velocity(self.vertical)[:, 0].square().mean() + velocity(self.horizontal)[:, 1].square().mean()

    def push(self, pressure: Siren) -> Tensor:
        """Return the mean square of the pressure's derivative by the normal."""
        x = pressure.derivatives(self.vertical, ("x",))["x"]
        y = pressure.derivatives(self.horizontal, ("y",))["y"]
        return x.square().mean() + y.square().mean()


def advection_loss(new: Siren, old: Siren, dt: float, points: Tensor, sides: Sides) -> Tensor:
    """Return what the new velocity misses the old one by at the places that the fluid comes from."""
    with torch.no_grad():
        carried = old((points - dt * old(points)).clamp(-1, 1))
    return (new(points) - carried).square().mean() + sides.through(new)


def pressure_loss(pressure: Siren, velocity: Siren, points: Tensor, sides: Sides) -> Tensor:
    """Return how far the pressure's Laplacian is from the velocity's divergence."""
    with torch.no_grad():
        u = velocity.derivatives(points, ("x", "y"))
        divergence = u["x"][:, 0] + u["y"][:, 1]
    p = pressure.derivatives(points, ("xx", "yy"))
    return (p["xx"][:, 0] + p["yy"][:, 0] - divergence).square().mean() + sides.push(pressure)


def projection_loss(new: Siren, old: Siren, pressure: Siren, points: Tensor, sides: Sides) -> Tensor:
    """Return how far the new velocity is from the old one less the pressure's gradient."""
    with torch.no_grad():
        p = pressure.derivatives(points, ("x", "y"))
        target = old(points) - torch.cat([p["x"], p["y"]], 1)
    return (new(points) - target).square().mean() + sides.through(new)


def insr_flow(
    *,
    flow: Flow,
    budget: Budget,
    width: int = 32,
    layers: int = 4,
    fit: float = 0.25,
    fit_lr: float = 0.003,
    lr: float = 0.0002,
    schedule: Schedule = "cosine",
) -> FlowState:
    """Return the state after the last time; its parameters have the meaning of those of `insr`.

    Raises:
        ValueError: the budget has no gradient for each part of each step, or a parameter is out of range.
    """
    state, taken = FlowState(width, layers), 0
    solver_limits.insr_flow(times=flow.times, fit=fit, steps=budget.steps, lr=lr, fit_lr=fit_lr)
    first, each = shares(budget.steps, fit, 3 * flow.times)
    velocity, pressure = state.velocity, state.pressure

    def report(loss: float) -> None:
        nonlocal taken
        taken += 1
        budget.report(taken, loss)

    def points() -> Tensor:
        return _uniform(budget.points, budget.generator)

    def sides() -> Sides:
        return _on_sides(budget.face_points, budget.generator)

    def misfit() -> Tensor:
        at = points()
        return (velocity(at) - flow.start(at)).square().mean()

    minimise(misfit, velocity.parameters(), first, fit_lr, schedule, report)
    for n in range(flow.times):
        old = copy.deepcopy(velocity)
        parts = (
            (velocity, lambda old=old: advection_loss(velocity, old, flow.dt, points(), sides())),
            (pressure, lambda: pressure_loss(pressure, velocity, points(), sides())),
            (velocity, lambda old=old: projection_loss(velocity, old, pressure, points(), sides())),
        )
        for part, (network, loss) in enumerate(parts):
            old.load_state_dict(velocity.state_dict())
            minimise(loss, network.parameters(), each[3 * n + part], lr, schedule, report)
    return state


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    return 2 * torch.rand(count, 2, dtype=torch.float64, generator=generator) - 1


def _on_sides(count: int, generator: torch.Generator) -> Sides:
    """Return `count` points on each pair of sides."""
    drawn = [_uniform(count, generator) for _ in range(2)]
    for axis, points in enumerate(drawn):
        points[:, axis] = points[:, axis].sign()
    return Sides(*drawn)
