"""Networks that solve equations: PINN, random Fourier features, physics-informed Gaussians."""

import math

import pytest
import torch

from bench_pde.problems.helmholtz import helmholtz
from bench_pde.problems.klein_gordon import klein_gordon
from bench_pde.problems.poisson import poisson
from bench_pde.problems.problem import Budget, Condition, Problem
from bench_pde.solvers.field import Field, differentiated
from bench_pde.solvers.pig import Gaussians
from bench_pde.solvers.pinn import Network, pinn
from bench_pde.solvers.random_features import FourierFeatures
from bench_pde.solvers.training import least_squares, train


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def randomised(problem, gaussians=7, features=3):
    """Return Gaussians with everything random, so that no term of a derivative vanishes."""
    field = Gaussians(problem, gaussians, features, 5, 0.3)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return field


def test_derivatives_of_gaussians_are_those_of_automatic_differentiation():
    problem = klein_gordon(duration=3.0)
    field, points = randomised(problem), problem.interior(6, torch.Generator().manual_seed(1))
    names = ("", "x", "t", "xx", "tt", "xy", "ty", "xxt")
    own, automatic = field.derivatives(points, names), differentiated(field, "xyt", points, names)
    for name in names:
        assert (own[name] - automatic[name]).abs().max() < 1e-12 * automatic[name].abs().max(), name
    (one,) = torch.autograd.grad(own["xx"].sum(), field.mu)
    (other,) = torch.autograd.grad(automatic["xx"].sum(), field.mu)
    assert (one - other).abs().max() < 1e-11 * other.abs().max()


def test_gaussians_do_not_depend_on_their_order_or_the_sign_of_widths():
    problem = helmholtz()
    field, points = randomised(problem), problem.interior(6, torch.Generator())
    expected = field(points)
    order = torch.randperm(7)
    with torch.no_grad():
        for parameter in (field.mu, field.sigma, field.w):
            parameter.copy_(parameter[:, order])
        field.sigma.neg_()
    assert torch.allclose(field(points), expected, rtol=0, atol=1e-13)


def test_gaussians_move_with_their_places():
    problem = helmholtz()
    field, points = randomised(problem), problem.interior(6, torch.Generator())
    expected, shift = field(points), torch.tensor([0.2, -0.1], dtype=torch.float64)
    with torch.no_grad():
        field.mu.add_(shift)  # the box is [-1, 1]², so that coordinates are as they are
    assert torch.allclose(field(points + shift), expected, rtol=0, atol=1e-13)


def test_number_of_parameters_is_that_of_the_paper():
    field = Gaussians(helmholtz(), 800, 4, 16, 0.1)
    assert sum(p.numel() for p in field.parameters()) == 4 * 800 * 5 + 97


class Exactly(Field):
    """A given function as a solution."""

    def __init__(self, problem, factor=1.0):
        super().__init__(problem.axes)
        self.factor = torch.nn.Parameter(torch.tensor(factor, dtype=torch.float64))
        self.exact = problem.exact

    def forward(self, points):
        return self.factor * self.exact(points)


def test_loss_is_the_mean_over_conditions_and_the_weighted_residual():
    problem, generator = helmholtz(a1=1), torch.Generator().manual_seed(0)
    inside = problem.interior(2000, generator)
    faces = [problem.face(condition, 5, generator) for condition in problem.conditions]
    assert least_squares(problem, Exactly(problem), inside, faces) < 1e-25
    factor = 1 - 2 * math.pi**2
    missed = problem.weight * (factor * problem.exact(inside)).square().mean()
    assert least_squares(problem, Exactly(problem, 2.0), inside, faces).item() == pytest.approx(float(missed))


@pytest.mark.parametrize("polish", [0.0, 0.5, 1.0])
def test_training_finds_the_factor_of_a_solution(polish):
    problem, seen = poisson(wave_number=2.0), []
    field = Exactly(problem, 0.7)
    budget = Budget(60, 8, 5, report=lambda step, loss: seen.append((step, loss)))
    train(problem, field, budget, 0.02, polish)
    assert [step for step, _ in seen] == list(range(1, 61))
    assert float(field.factor.detach()) == pytest.approx(1, abs=0.02 if polish == 0 else 1e-6)


def test_polishing_keeps_the_best_point_of_a_broken_line_search():
    problem = poisson(wave_number=3.0)
    seen = []
    for steps in (3, 7):
        torch.manual_seed(0)
        field = Network(problem.axes, 5, 1)
        seen.clear()
        generator = torch.Generator().manual_seed(0)
        train(problem, field, Budget(steps, 20, 5, generator, lambda step, loss: seen.append(loss)), 0.01, 1.0)
        generator.manual_seed(0)
        inside = problem.interior(80, generator)
        faces = [problem.face(condition, 20, generator) for condition in problem.conditions]
        assert float(least_squares(problem, field, inside, faces).detach()) == pytest.approx(min(seen), rel=1e-12)


def test_a_pinn_learns_a_parabola():
    def residual(points, u):
        return u["xx"] - 2

    ends = tuple(Condition(0, side, lambda points: points[:, 0] ** 2) for side in (0, 1))
    problem = Problem("x", ((-1.0, 1.0),), ("xx",), residual, ends, lambda points: points[:, 0] ** 2)
    field = pinn(problem=problem, budget=Budget(150, 30, 2), width=8, layers=1, lr=0.01, polish=0.7)
    truth = problem.truth((21,))
    assert (field(problem.grid((21,))) - truth).norm() < 0.02 * truth.norm()


def test_products_of_fourier_features_are_a_gaussian_kernel():
    gamma = FourierFeatures(2, 40_000, 0.5)
    points = torch.rand(4, 2, dtype=torch.float64)
    kernel = gamma(points) @ gamma(points).T / 40_000
    expected = torch.exp(-2 * math.pi**2 * 0.25 * torch.cdist(points, points) ** 2)
    assert (kernel - expected).abs().max() < 0.02


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussians(helmholtz(), 0, 4, 16, 0.1), "gaussians must be positive"),
        (lambda: FourierFeatures(2, 8, 0.0), "scale must be positive"),
        (lambda: Network("xy", 0, 1), "width must be positive"),
        (lambda: pinn(problem=helmholtz(), budget=Budget(1), lr=-1.0), "lr must be positive"),
        (lambda: pinn(problem=helmholtz(), budget=Budget(1), polish=2.0), "polish"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
