"""The problems to be solved: every true solution satisfies its equation and conditions."""

import math

import pytest
import torch

from bench_pde.problems.diffusing import allen_cahn_in_time, allen_cahn_reference, diffused, nonlinear_diffusion
from bench_pde.problems.helmholtz import helmholtz
from bench_pde.problems.klein_gordon import klein_gordon
from bench_pde.problems.poisson import allen_cahn, poisson
from bench_pde.problems.transport import advection, flow_mixing
from bench_pde.solvers.field import differentiated

CASES = ("sine", "product", "growing", "three-scales", "sine-and-parabola")
EXACT = {
    **{f"{case} {d}d": poisson(dimensions=d, case=case, wave_number=30.0) for case in CASES for d in (1, 2)},
    "published": poisson(case="growing"),
    "allen-cahn 1d": allen_cahn(case="three-scales"),
    "allen-cahn 2d": allen_cahn(case="product", dimensions=2),
    "advection": advection(),
    "flow mixing": flow_mixing(),
    "helmholtz": helmholtz(a1=3, a2=2, coefficient=2.0),
    "klein-gordon": klein_gordon(),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_exact_solution_satisfies_the_equation_and_its_conditions(name):
    problem, generator = EXACT[name], torch.Generator().manual_seed(0)

    def derivatives(points, names):
        return differentiated(problem.exact, problem.axes, points, names)

    points = problem.interior(50, generator)
    size = max(float(value.detach().abs().max()) for value in derivatives(points, problem.wanted).values())
    assert problem.equation_error(derivatives, points).abs().max() < 1e-10 * max(1, size)
    wrong = problem.equation_error(lambda at, names: {n: 1.1 * v for n, v in derivatives(at, names).items()}, points)
    if name not in ("advection", "flow mixing"):  # which are homogeneous: any multiple solves them
        assert wrong.abs().max() > 1e-3
    for condition in problem.conditions:
        at = problem.face(condition, 20, generator)
        assert (at[:, condition.axis] == problem.box[condition.axis][condition.side]).all()
        assert problem.condition_error(condition, derivatives, at).abs().max() < 1e-10


def test_transport_moves_and_the_vortex_centre_is_finite():
    problem = flow_mixing()
    centre = torch.tensor([[0.0, 0.0, 4.0]], dtype=torch.float64)
    assert problem.exact(centre) == 0
    u = {name: value.item() for name, value in differentiated(problem.exact, "xyt", centre, ("x", "y")).items()}
    turned = 4 / 0.385  # the angle at the centre, where tanh(r) / r is 1
    assert u["x"] == pytest.approx(math.sin(turned) / 2)
    assert u["y"] == pytest.approx(-math.cos(turned) / 2)


def test_truth_lies_on_the_grid_of_the_box():
    problem = klein_gordon(duration=2.0)
    truth = problem.truth((3, 4, 5))
    assert truth.shape == (3, 4, 5)
    assert float(truth[2, 0, 0]) == 0  # x = 1, y = -1, t = 0
    assert float(truth[2, 3, 4]) == pytest.approx(2 * math.cos(4) + math.sin(4))


def test_allen_cahn_reference_converges_and_keeps_its_phases():
    coarse, fine, finest = (allen_cahn_reference((65, 5), max_step=1 / 4 / n) for n in (10, 20, 40))
    order = math.log2(float((coarse - fine).norm() / (fine - finest).norm()))
    assert order > 3.5
    more = allen_cahn_reference((65, 5), modes=1024)
    assert (more - allen_cahn_reference((65, 5))).norm() < 1e-3 * more.norm()
    assert finest.abs().max() < 1 + 1e-4  # the kink of the initial state at the ends makes the series ring
    assert torch.allclose(finest[0], finest[-1])
    x = torch.linspace(-1, 1, 65, dtype=torch.float64)
    assert (finest[:, 0] - x * x * torch.cos(math.pi * x)).abs().max() < 2e-3


def test_nonlinear_diffusion_reference_converges():
    coarse, middle, fine = (diffused((9, 9, 3), cells) for cells in (16, 32, 64))
    assert math.log2(float((coarse - middle).norm() / (middle - fine).norm())) > 1.5
    assert fine.max() < 0.5
    assert fine.min() >= 0
    points = nonlinear_diffusion().grid((9, 9, 3)).reshape(9, 9, 3, 3)
    inside = fine[1:-1, 1:-1, 0] - nonlinear_diffusion().conditions[0].value(
        points[1:-1, 1:-1, 0].flatten(0, 1)
    ).reshape(7, 7)
    assert inside.abs().max() < 1e-12


def test_nonlinear_diffusion_agrees_with_barenblatt():
    """Barenblatt's solution of u_t = c Δ(u²) in the plane: a paraboloid that sinks and spreads."""
    from bench_pde.problems import diffusing

    def barenblatt(points, t0=1.0, mass=0.5):
        x, y, _ = points.T
        return ((mass - (x * x + y * y) / (16 * 0.025 * t0**0.5)).clamp(min=0)) / t0**0.5

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusing, "_bumps", barenblatt)
        u = diffused((17, 17, 2), 64)
    later = barenblatt(diffusing.grid(((-1.0, 1.0), (-1.0, 1.0), (0.0, 0.0)), (17, 17, 1)), 2.0).reshape(17, 17)
    assert (u[..., 1] - later).norm() < 0.03 * later.norm()
    assert (u[..., 0] - later).norm() > 0.1 * later.norm()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: poisson(dimensions=3), "dimensions must be 1 or 2"),
        (lambda: poisson(wave_number=-1.0), "wave_number must be positive"),
        (lambda: advection(speed=0.0), "speed must be positive"),
        (lambda: flow_mixing(duration=0.0), "duration must be positive"),
        (lambda: klein_gordon(duration=-1.0), "duration must be positive"),
        (lambda: helmholtz(a1=0), "must be positive"),
        (lambda: helmholtz(coefficient=5 * math.pi**2 / 4), "is an eigenvalue"),
        (lambda: diffused((10, 9, 2)), "does not lie on the nodes"),
    ],
)
def test_what_makes_no_problem_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_allen_cahn_in_time_is_posed_on_a_circle():
    problem = allen_cahn_in_time()
    wave = lambda points: torch.sin(math.pi * points[:, 0]) * (1 + points[:, 1])  # noqa: E731
    tilt = lambda points: points[:, 0]  # noqa: E731
    for function, missed in ((wave, 0.0), (tilt, 2.0)):
        points = problem.face(problem.conditions[1], 5, torch.Generator().manual_seed(0))
        error = problem.condition_error(
            problem.conditions[1], lambda at, names, f=function: differentiated(f, "xt", at, names), points
        )
        assert (error.abs() - missed).abs().max() < 1e-12
