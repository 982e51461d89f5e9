"""Flows: the vortices are steady, and each part of both methods does what it says."""

import math

import pytest
import torch

from bench_pde.metrics import energy_error
from bench_pde.problems.flow import taylor_green, vortices
from bench_pde.problems.problem import Budget, grid
from bench_pde.solvers.field import differentiated
from bench_pde.solvers.insr_flow import (
    FlowState,
    Sides,
    advection_loss,
    insr_flow,
    pressure_loss,
    projection_loss,
)
from bench_pde.solvers.siren import Siren
from bench_pde.solvers.stable_fluids import StaggeredVelocity, faces, projected, stable_fluids
from bench_pde.tasks.flowing import SolveTaylorGreen
from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("flow-solver"), ids=str)
def test_conformance(case):
    case.check()


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class Vortices(torch.nn.Module):
    """The velocity of the vortices and the pressure that keeps them turning, in the shape of SIRENs."""

    def __init__(self, of):
        super().__init__()
        self.of = of

    def forward(self, points):
        return self.of(points)

    def derivatives(self, points, names):
        outputs = self.of(points).shape[1]
        columns = [differentiated(lambda at, i=i: self.of(at)[:, i], "xy", points, names) for i in range(outputs)]
        return {name: torch.stack([column[name] for column in columns], 1) for name in names}


def pressure(points):
    x, y = (math.pi * (points + 1)).T
    return ((torch.cos(2 * x) + torch.cos(2 * y)) / (4 * math.pi**2))[:, None]


def points(count=40):
    return 2 * torch.rand(count, 2, dtype=torch.float64) - 1


def sides(count=6):
    drawn = [points(count), points(count)]
    for axis, at in enumerate(drawn):
        at[:, axis] = at[:, axis].sign()
    return Sides(*drawn)


def test_the_vortices_are_a_steady_solution():
    at, u = points(), Vortices(vortices)
    value, slope = u(at), u.derivatives(at, ("x", "y"))
    push = Vortices(pressure).derivatives(at, ("x", "y"))
    assert (slope["x"][:, 0] + slope["y"][:, 1]).abs().max() < 1e-12
    carried = value[:, :1] * slope["x"] + value[:, 1:] * slope["y"]
    assert (carried + torch.cat([push["x"], push["y"]], 1)).abs().max() < 1e-12
    assert sides().through(u) < 1e-28
    assert sides().push(Vortices(pressure)) < 1e-28


def test_the_parts_of_a_step_vanish_where_they_are_solved():
    """A velocity that is a gradient is projected to rest by its own potential."""
    q = Siren("xy", 1, 5, 2)

    def gradient(at):
        slopes = q.derivatives(at, ("x", "y"))
        return torch.cat([slopes["x"], slopes["y"]], 1)

    at, rest, away = points(), Vortices(lambda at: 0 * at), sides()
    before = Vortices(gradient)
    assert pressure_loss(q, before, at, away) - away.push(q) < 1e-16
    assert projection_loss(rest, before, q, at, away) < 1e-28
    assert projection_loss(before, before, q, at, away) > 1e-3
    assert advection_loss(rest, rest, 0.05, at, away) == 0
    still = Siren("xy", 2, 5, 2)
    assert advection_loss(still, still, 0.0, at, away) - away.through(still) == 0


def test_tracing_back_keeps_the_vortices_to_first_order():
    """Advection alone leaves them but for what the pressure takes away: dt (u·∇)u = -dt ∇p."""
    u, at, errors = Vortices(vortices), points(200), list[float]()
    for dt in (0.02, 0.01):
        carried = u((at - dt * u(at)).clamp(-1, 1))
        push = Vortices(pressure).derivatives(at, ("x", "y"))
        left = carried - u(at) - dt * torch.cat([push["x"], push["y"]], 1)
        errors.append(float(left.detach().norm()))
    assert 1.9 < math.log2(errors[0] / errors[1]) < 2.1


def test_projection_of_the_classical_solver():
    u, v = torch.randn(9, 8, dtype=torch.float64), torch.randn(8, 9, dtype=torch.float64)
    once = projected(u, v)
    assert once.divergence().abs().max() < 1e-12
    assert once.u[[0, -1]].abs().max() == once.v[:, [0, -1]].abs().max() == 0
    twice = projected(once.u.detach(), once.v.detach())
    assert (twice.u - once.u).abs().max() < 1e-12
    p = torch.randn(8, 8, dtype=torch.float64)
    u[:], v[:] = 0, 0
    u[1:-1], v[:, 1:-1] = p.diff(dim=0), p.diff(dim=1)
    assert projected(u, v).u.abs().max() < 1e-12  # a gradient


def test_a_staggered_velocity_that_is_linear_is_interpolated_exactly():
    across_x, across_y = faces(6)
    field = StaggeredVelocity(1 + 2 * across_x[..., 0] - across_x[..., 1], across_y[..., 0] + 3 * across_y[..., 1])
    at = 0.8 * points()
    expected = torch.stack([1 + 2 * at[:, 0] - at[:, 1], at[:, 0] + 3 * at[:, 1]], 1)
    assert (field(at) - expected).abs().max() < 1e-12
    assert torch.allclose(field.divergence(), torch.full((6, 6), 5.0, dtype=torch.float64))


def test_finer_grids_lose_less_energy():
    flow = taylor_green(times=10)
    at = grid(((-0.95, 0.95),) * 2, (20, 20))
    lost = []
    for cells in (12, 24, 36):
        velocity = stable_fluids(flow=flow, budget=Budget(10), cells=cells)
        values, truth = (u(at).detach().reshape(1, 1, 20, 20, 2) for u in (velocity, flow.end))
        lost.append(energy_error(values, truth))
    assert lost[0] > 1.5 * lost[1] > 1.8 * lost[2] > 0


def test_networks_keep_the_vortices_turning():
    flow = taylor_green(times=1)
    budget = Budget(400, 100, 10, torch.Generator().manual_seed(0))
    state = insr_flow(flow=flow, budget=budget, fit=0.6)
    at = grid(((-1.0, 1.0),) * 2, (20, 20))
    truth = flow.end(at)
    assert (state(at) - truth).norm() < 0.3 * truth.norm()
    assert sum(p.numel() for p in state.parameters()) == 3330 + 3297
    assert sum(p.numel() for p in FlowState(32, 4).velocity.parameters()) == 3330


def test_energy_is_that_of_the_last_frame():
    target = torch.ones(2, 2, 3, 3, 2)
    prediction = 2 * target
    prediction[:, 1] = 1.1
    assert energy_error(prediction, target) == pytest.approx(0.21)
    assert energy_error(0 * target, 0 * target) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: taylor_green(times=0), "times must be positive, got 0"),
        (lambda: SolveTaylorGreen(dt=-1.0), "dt must be positive, got -1"),
        (lambda: SolveTaylorGreen(steps=0), "steps must be positive, got 0"),
        (lambda: stable_fluids(flow=taylor_green(times=3), budget=Budget(2)), "3 times are more than the 2 steps"),
        (lambda: stable_fluids(flow=taylor_green(times=3), budget=Budget(3), cells=1), "cells must be at least 2"),
        (lambda: insr_flow(flow=taylor_green(times=3), budget=Budget(9)), "9 steps are too few"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
