"""GP-HM: the kernels, the Kronecker algebra, the conditional solution as an oracle, and what its kernel is for."""

import math
from functools import reduce

import pytest
import torch

from bench_pde.problems.klein_gordon import klein_gordon
from bench_pde.problems.poisson import allen_cahn, poisson
from bench_pde.problems.problem import Budget
from bench_pde.solvers.gp_hm import JITTER, Joint, MixtureProcess, gp_hm, kernel

MIXTURES = ("student-t", "gaussian")


def mixture_parameters(components=3):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, components, dtype=torch.float64, generator=generator) + 0.2


@pytest.mark.parametrize("mixture", MIXTURES)
def test_derivatives_of_the_kernel(mixture):
    w, r, f = mixture_parameters()
    d = torch.tensor([-0.7, -0.2, 0.1, 0.9], dtype=torch.float64, requires_grad=True)
    for order in (0, 1):
        values = kernel(d, w, r, f, mixture, order)
        (slope,) = torch.autograd.grad(values.sum(), d)
        assert torch.allclose(slope, kernel(d, w, r, f, mixture, order + 1), rtol=1e-12, atol=1e-12)
    zero, h = torch.zeros(1, dtype=torch.float64), 1e-4
    values = [kernel(zero + step, w, r, f, mixture, 0) for step in (-h, 0.0, h)]
    second = (values[0] - 2 * values[1] + values[2]) / h**2
    assert torch.allclose(second, kernel(zero, w, r, f, mixture, 2), rtol=1e-3)
    curve = 5 * r**2 / 3 if mixture == "student-t" else 2 * r
    assert kernel(zero, w, r, f, mixture, 2).item() == pytest.approx(
        -float((w * (curve + (2 * math.pi * f) ** 2)).sum())
    )


def test_one_component_without_frequency_is_a_plain_kernel():
    w, r, f = torch.ones(1).double(), torch.full((1,), 1.7).double(), torch.zeros(1).double()
    d = torch.linspace(-2, 2, 9, dtype=torch.float64)
    a = math.sqrt(5) * 1.7 * d.abs()
    assert torch.allclose(kernel(d, w, r, f, "student-t", 0), (1 + a + a**2 / 3) * torch.exp(-a))
    assert torch.allclose(kernel(d, w, r, f, "gaussian", 0), torch.exp(-1.7 * d**2))


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("problem", [allen_cahn(dimensions=2, case="three-scales"), klein_gordon(duration=1.0)])
def test_the_kronecker_solve_is_the_dense_solve(mixture, problem):
    process = MixtureProcess(problem, 5, 2, 0.0, mixture)
    with torch.no_grad():
        process.f.mul_(0.3)
        process.log_r.add_(2.0)  # short lengths: well conditioned
    U = torch.randn(process.U.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    factors = process.factors()
    dense = reduce(torch.kron, [L @ L.T for L in factors])
    solved = torch.linalg.solve(dense, U.flatten())
    assert torch.allclose(process.solved(factors, U).flatten(), solved, rtol=1e-8, atol=1e-8)
    prior = 0.5 * torch.logdet(dense) + 0.5 * U.flatten() @ solved
    assert process.prior(factors, U).item() == pytest.approx(prior.item(), rel=1e-9)


def test_the_derivative_along_an_axis_is_that_of_each_line():
    problem = allen_cahn(dimensions=2, case="three-scales")
    process = MixtureProcess(problem, 5, 2, 0.0, "student-t")
    U, factors = torch.randn(5, 5, dtype=torch.float64), process.factors()
    matrix = process.kernels(1, process.places(1), 2) @ torch.linalg.inv(factors[1] @ factors[1].T)
    expected = torch.stack([matrix @ row for row in U])
    assert torch.allclose(process.on_nodes("yy", factors, U), expected, rtol=1e-6)


def test_a_periodic_kernel_differentiates_the_waves_that_it_is_made_of():
    """As r -> 0 the kernel of one frequency is a cosine, and what it spans are the sine and the cosine."""
    process = MixtureProcess(poisson(wave_number=3.0), 40, 1, 0.0, "student-t")
    x = process.places(0)
    with torch.no_grad():
        process.f.fill_(3 / (2 * math.pi))
        process.log_r.fill_(-20.0)
        wave = torch.sin(3 * x + 0.4)
        found = process.on_nodes("xx", process.factors(), wave)
    assert (found + 9 * wave).abs().max() < 1e-6 * 9


def test_prediction_at_the_nodes_is_what_is_known_there():
    process = MixtureProcess(poisson(wave_number=3.0), 40, 5, 0.0, "student-t")
    x = process.places(0)
    with torch.no_grad():
        process.U.copy_(torch.sin(3 * x))
        assert (process(x[:, None]) - process.U).abs().max() < 1e-5


def test_the_kernel_at_the_nodes_is_that_of_points():
    process = MixtureProcess(allen_cahn(dimensions=2, case="three-scales"), 6, 3, 0.0, "student-t")
    for order in (0, 1, 2):
        expected = process.kernels(1, process.places(1), order)
        assert torch.allclose(process.matrix(1, order), expected, rtol=1e-9, atol=1e-9)


def test_the_order_of_components_does_not_matter():
    problem = poisson(wave_number=3.0)
    process, zero = MixtureProcess(problem, 20, 4, 0.0, "gaussian"), torch.zeros(()).double()
    with torch.no_grad():
        process.U.copy_(torch.randn(20))
        process.log_w.add_(0.1 * torch.randn(4))
        before = Joint(problem, process)(200.0, zero, zero)
        for parameter in (process.log_w, process.log_r, process.f):
            parameter.copy_(parameter[:, [2, 0, 3, 1]])
        assert Joint(problem, process)(200.0, zero, zero).item() == pytest.approx(before.item(), rel=1e-10)


def conditional(problem, process, tau, v):
    """Return U that minimises the joint for a linear equation and fixed precisions, by one linear solve."""
    factors = process.factors()
    joint, zero = Joint(problem, process), torch.zeros_like(process.U)
    kernel_inverse = torch.cholesky_inverse(factors[0])
    conditions, equation = torch.func.jacrev(lambda U: joint.errors(factors, U))(zero)
    missed, residual = joint.errors(factors, zero)
    matrix = kernel_inverse + tau * conditions.T @ conditions + v * equation.T @ equation
    right = tau * conditions.T @ missed + v * equation.T @ residual
    return torch.linalg.solve(matrix, -right)


def test_the_gradient_vanishes_at_the_conditional_solution():
    problem = poisson(wave_number=2.0)
    process = MixtureProcess(problem, 12, 3, 0.5, "student-t")
    tau, v = torch.tensor(3.0).double(), torch.tensor(0.5).double()
    with torch.no_grad():
        process.U.copy_(conditional(problem, process, 200 * tau, v))
    joint = Joint(problem, process)
    joint(200.0, tau.log(), v.log()).backward()
    at_solution = process.U.grad.norm()
    process.U.grad = None
    with torch.no_grad():
        process.U.mul_(1.01)
    joint(200.0, tau.log(), v.log()).backward()
    assert at_solution < 1e-6 * process.U.grad.norm()


@pytest.mark.parametrize(
    ("mixture", "components", "frequency", "log_r", "low", "high"),
    [
        ("student-t", 1, 20 / (2 * math.pi), -3.0, 0.0, 1e-4),  # the right frequency
        ("student-t", 30, 4.0, -2.0, 0.0, 0.01),  # among others
        ("student-t", 30, 4.0, 0.0, 0.3, 0.34),  # the same as the paper begins
        ("student-t", 1, 0.0, 3.0, 0.4, math.inf),  # Matérn
        ("gaussian", 1, 0.0, 6.0, 0.4, math.inf),  # squared exponential
    ],
)
def test_only_a_kernel_with_the_frequency_follows_it_at_four_nodes_a_period(
    mixture, components, frequency, log_r, low, high
):
    problem = poisson(wave_number=20.0)
    process = MixtureProcess(problem, 80, components, 0.0, mixture)
    with torch.no_grad():
        process.f.copy_(torch.linspace(0, 1, components) * frequency if components > 1 else torch.tensor([frequency]))
        process.log_r.fill_(log_r)
        process.U.copy_(conditional(problem, process, 1e6, 1.0))
        truth = problem.truth((301,))
        error = (process(problem.grid((301,))) - truth).norm() / truth.norm()
    assert low <= error < high


def test_training_lowers_the_joint_and_the_error():
    problem, seen = poisson(wave_number=2.0), []
    budget = Budget(150, report=lambda step, loss: seen.append(loss))
    field = gp_hm(problem=problem, budget=budget, nodes=16, components=3, lr=0.05)
    truth = problem.truth((41,))
    with torch.no_grad():
        assert (field(problem.grid((41,))) - truth).norm() < 0.5 * truth.norm()
    assert seen[-1] < seen[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frequency": 5.0}, "it needs 64 nodes"),
        ({"nodes": 2}, "nodes must be at least 3"),
        ({"lr": 0.0}, "lr must be positive"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        gp_hm(problem=poisson(), budget=Budget(1), **{"nodes": 20, **options})


def test_the_diagonal_has_the_jitter_of_the_paper():
    process = MixtureProcess(poisson(), 10, 2, 0.0, "student-t")
    K = process.factors()[0] @ process.factors()[0].T
    assert torch.allclose(K.diagonal(), torch.full((10,), 1 + JITTER, dtype=torch.float64), rtol=1e-12, atol=0)
