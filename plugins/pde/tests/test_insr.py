"""Implicit neural spatial representations and their classical rival, stepped through time."""

import copy
import itertools
import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from bench_pde.metrics import final_error, peak_error
from bench_pde.problems.diffusing import allen_cahn_in_time
from bench_pde.problems.klein_gordon import klein_gordon
from bench_pde.problems.poisson import poisson
from bench_pde.problems.problem import Budget
from bench_pde.problems.transport import advection, flow_mixing, moving_bump
from bench_pde.solvers.insr import Step, boundary, insr
from bench_pde.solvers.minimising import minimise, shares
from bench_pde.solvers.semi_lagrangian import Nodes, Transport, semi_lagrangian
from bench_pde.solvers.siren import Siren
from bench_pde.solvers.stepped import Stepped
from harness import Skip
from harness.catalog import load_catalog
from harness.testing import bench  # noqa: F401 - a fixture


class Exact(torch.nn.Module):
    """The true state at a time, in the shape of a SIREN."""

    def __init__(self, problem, t):
        super().__init__()
        self.problem, self.t = problem, t

    def derivatives(self, points, names):
        from bench_pde.solvers.field import differentiated

        def state(at):
            return self.problem.exact(torch.cat([at, torch.full_like(at[:, :1], self.t)], 1))

        return {n: u[:, None] for n, u in differentiated(state, self.problem.axes[:-1], points, names).items()}


def test_at_speed_zero_the_last_weights_are_a_minimum():
    """R and its gradient vanish where nothing moves, so that a step leaves the state as it is."""
    torch.manual_seed(0)
    problem = replace(moving_bump(), residual=lambda points, u: u["t"] + 0 * u["x"])
    state = Siren("x", 1, 6, 2)
    step = Step(problem, copy.deepcopy(state), state, 0.0, 0.05)
    residual = step.residual(problem.interior(50, torch.Generator()))
    assert (residual == 0).all()
    for gradient in torch.autograd.grad(residual.square().mean(), list(state.parameters())[:-1]):
        assert (gradient == 0).all()


@pytest.mark.parametrize("problem", [moving_bump(speed=0.5), flow_mixing()], ids=["bump", "mixing"])
def test_the_midpoint_rule_is_of_second_order(problem):
    points = problem.interior(300, torch.Generator().manual_seed(0))
    sizes = []
    for dt in (0.1, 0.05, 0.025):
        step = Step(problem, Exact(problem, 1.0), Exact(problem, 1.0 + dt), 1.0, dt)
        sizes.append(float(step.residual(points).detach().norm()))
    orders = [math.log2(a / b) for a, b in itertools.pairwise(sizes)]
    assert all(1.9 < order < 2.1 for order in orders), orders


def test_the_residual_of_a_step_is_that_of_the_field_in_space_and_time_halfway():
    torch.manual_seed(0)
    problem = moving_bump()
    old, new = Siren("x", 1, 6, 2), Siren("x", 1, 6, 2)
    times = torch.tensor([0.0, 0.05], dtype=torch.float64)
    field = Stepped("xt", times, torch.nn.ModuleList([old, new]))
    points = problem.interior(9, torch.Generator())
    points[:, 1] = 0.025
    expected = problem.equation_error(field.derivatives, points)
    assert torch.allclose(Step(problem, old, new, 0.0, 0.05).residual(points), expected, rtol=0, atol=1e-10)


def test_loss_is_the_mean_residual_and_what_the_boundary_is_missed_by():
    problem = moving_bump()
    exact = Step(problem, Exact(problem, 0.0), Exact(problem, 1e-3), 0.0, 1e-3)
    generator = torch.Generator().manual_seed(0)
    inside = problem.interior(100, generator)
    faces = [problem.face(condition, 3, generator) for condition in boundary(problem)]
    assert exact.loss(inside, faces) < 1e-8
    nothing = Siren("x", 1, 3, 1)
    with torch.no_grad():
        for parameter in nothing.parameters():
            parameter.zero_()
        nothing.layers[-1].bias.fill_(0.3)
    step = Step(problem, nothing, nothing, 0.0, 0.1)
    assert float(step.loss(inside, faces).detach()) == pytest.approx(0.09)


def test_a_field_is_its_states_at_their_times_and_linear_between():
    states = [Nodes(((0.0, 1.0),), torch.tensor(v, dtype=torch.float64)) for v in ([0.0, 1.0], [2.0, 4.0], [0.0, 0.0])]
    times = torch.tensor([0.0, 1.0, 1.5], dtype=torch.float64)
    field = Stepped("xt", times, torch.nn.ModuleList(states))
    points = torch.tensor([[1.0, 1.0], [1.0, 0.5], [0.5, 1.25], [0.0, 1.5], [0.5, 0.0]], dtype=torch.float64)
    assert torch.allclose(field(points), torch.tensor([4.0, 2.5, 1.5, 0.0, 0.5], dtype=torch.float64))


def test_a_bump_keeps_its_height():
    """At small scale: two steps of time."""
    torch.manual_seed(0)
    problem = moving_bump(duration=0.1)
    budget = Budget(350, 100, 10, torch.Generator().manual_seed(0))
    field = insr(problem=problem, budget=budget, fit=0.7, fit_lr=0.003)
    truth = problem.truth((401, 3))
    values = field(problem.grid((401, 3))).detach().reshape(401, 3)
    assert (values - truth).norm() < 0.1 * truth.norm()
    assert values[:, -1].max() > 0.95
    assert sum(p.numel() for p in field.parameters() if p.requires_grad) == 901
    assert len(field.states) == 3


@pytest.mark.parametrize(("nodes", "expected"), [(50, 0.60), (100, 0.42), (300, 0.029), (901, 0.008)])
def test_linear_interpolation_is_as_diffuse_as_measured_elsewhere(nodes, expected):
    """The errors at time 3 of an implementation of its own, for steps of 0.05."""
    problem = moving_bump()
    field = semi_lagrangian(problem=problem, budget=Budget(60), nodes=nodes)
    points = problem.grid((401, 2))[1::2]
    truth = problem.exact(points)
    error = (field(points).detach() - truth).norm() / truth.norm()
    assert float(error) == pytest.approx(expected, rel=0.05)


def test_characteristics_lead_back_exactly_and_bring_in_the_boundary():
    problem = advection(speed=2.0)
    transport = Transport(problem)
    points = torch.tensor([[0.05, 0.5], [0.8, 0.5]], dtype=torch.float64)
    before, entering = transport.moved(points, 0.1)
    assert torch.allclose(before, torch.tensor([[-0.15, 0.4], [0.6, 0.4]], dtype=torch.float64))
    assert float(entering[0]) == pytest.approx(math.sin(0.05 - 2.0 * 0.5))  # it came in at x = 0 at t = 0.475
    assert entering[1].isnan()


def test_the_velocity_of_a_vortex_is_read_off_its_equation():
    problem = flow_mixing()
    points = problem.interior(20, torch.Generator().manual_seed(0))
    velocity = Transport(problem).velocity(points)
    assert torch.allclose((velocity * points[:, :2]).sum(1), torch.zeros(20, dtype=torch.float64), atol=1e-12)
    coarse, fine = (semi_lagrangian(problem=problem, budget=Budget(200), nodes=n, dt=0.2) for n in (21, 61))
    at = problem.grid((9, 9, 3))
    errors = [float((field(at).detach() - problem.exact(at)).norm()) for field in (coarse, fine)]
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("method", [insr, semi_lagrangian])
@pytest.mark.parametrize("problem", [poisson(wave_number=2.0), klein_gordon()], ids=["poisson", "klein-gordon"])
def test_equations_that_do_not_step_through_time_are_refused(method, problem):
    with pytest.raises(Skip, match="steps through time"):
        method(problem=problem, budget=Budget(5))


def test_transport_refuses_diffusion():
    with pytest.raises(Skip, match="more than first derivatives"):
        semi_lagrangian(problem=allen_cahn_in_time(), budget=Budget(50))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: insr(problem=moving_bump(), budget=Budget(60)), "60 steps are too few.*each of 60 time steps"),
        (lambda: insr(problem=moving_bump(), budget=Budget(99), dt=0.0), "dt must be positive, got 0"),
        (lambda: insr(problem=moving_bump(), budget=Budget(99), fit=1.0), "fit must be between 0 and 1, got 1"),
        (lambda: insr(problem=moving_bump(), budget=Budget(99), fit_lr=-1.0), "lr must be positive"),
        (lambda: semi_lagrangian(problem=moving_bump(), budget=Budget(59)), "60 steps in time are more than the 59"),
        (lambda: semi_lagrangian(problem=moving_bump(), budget=Budget(60), nodes=1), "nodes must be at least 2"),
        (lambda: moving_bump(duration=13.0), "reaches an end by time 13"),
        (lambda: moving_bump(width=0.0), "must be positive"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_gradients_are_divided_evenly():
    assert shares(100, 0.25, 10) == (25, [7, 8, 7, 8, 7, 8, 7, 8, 7, 8])
    assert shares(4, 0.5, 3) == (1, [1, 1, 1])
    for method, times in (
        ("insr", 240),
        ("insr-flow", 300),
    ):  # as published: 20,000 for each
        (fit,) = (preset.params["fit"] for preset in load_catalog().methods[method].presets)
        assert shares((1 + times) * 20_000, fit, times) == (20_000, [20_000] * times)
    first, each = shares(8000, 0.25, 60)
    assert first + sum(each) == 8000


def test_a_plateau_ends_before_the_budget_does():
    weight = torch.nn.Parameter(torch.ones(()))
    taken = []
    minimise(lambda: 0 * weight + 1, [weight], 5000, 1e-4, "plateau", taken.append)
    assert len(taken) == 1 + 501 * 4  # 1e-4, 1e-5, 1e-6, 1e-7, and at 1e-8 it ends
    seen = []
    minimise(lambda: 0 * weight + 1, [weight], 100, 1e-4, "cosine", seen.append)
    assert len(seen) == 100


def test_errors_at_the_end():
    target = torch.zeros(1, 1, 4, 3, 1)
    target[0, 0, 1, 2] = 2.0
    prediction = target.clone()
    prediction[0, 0, :, :2] = 7.0  # before the end
    assert final_error(prediction, target) == peak_error(prediction, target) == 0
    prediction[0, 0, 1, 2] = 1.5
    assert final_error(prediction, target) == peak_error(prediction, target) == 0.25
    assert final_error(0 * target, 0 * target) == peak_error(0 * target, 0 * target) == 0


SUITE = """
tasks:
  - {task: solve-moving-bump, params: {duration: 0.1, steps: 4, points: 9, face_points: 2}}
  - {task: solve-advection, params: {speed: 1, steps: 2, points: 9, face_points: 2}}
  - {task: solve-flow-mixing, params: {duration: 1, steps: 2, points: 9, face_points: 2}}
  - {task: solve-helmholtz, params: {steps: 2, points: 9, face_points: 2}}
  - {task: solve-taylor-green, params: {times: 1, steps: 4, points: 9, face_points: 2}}
methods:
  - {method: insr, params: {width: 4, layers: 1, dt: 1}}
  - {method: semi-lagrangian, params: {nodes: 9, dt: 1}}
  - {method: insr-flow, params: {width: 4, layers: 1}}
  - {method: stable-fluids, params: {cells: 4}}
pack: 100
"""


def test_both_on_the_tasks_through_time(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    status = rows.groupby(["method", "task"])["status"].first()
    for (_, task), value in status.items():
        assert value == ("skipped" if task == "solve-helmholtz" else "done")
    assert set(rows[rows["status"] == "skipped"]["reason"]) == {
        "the task needs any-equation, which the method does not claim"
    }
    metrics = set(rows[rows["task"] == "solve-moving-bump"]["metric"])
    assert {"relative_l2", "final_error", "peak_error", "parameters"} <= metrics
    assert "energy_error" in set(rows[rows["task"] == "solve-taylor-green"]["metric"])
