"""Neural CDEs against closed forms: linear fields, reparametrised paths, splines, log-signatures, orders of solvers."""

import itertools

import pytest
import torch
from torch.linalg import matrix_exp

from bench_sequence.neural_cde import NeuralCDE, System, log_signatures
from harness.conformance import in_float64, seeded

C, HIDDEN = 3, 4


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def system(control="hermite", solver="rk4", channels=C, window=4):
    return System(channels, HIDDEN, 16, control, solver, window)


def linear(system, matrices):
    """Give a system the field f(z) = [A_1 z, A_2 z, ...]."""
    system.field = lambda z: torch.stack([z @ A.T for A in matrices], dim=-1)
    return system


def smooth_path(points, channels=C):
    """A smooth path on [0, 1] at equally spaced points, (1, points, channels)."""
    t = torch.linspace(0, 1, points)[:, None]
    return torch.sin(2 * t * torch.arange(1, channels + 1) + torch.arange(channels))[None]


def spline(X, s):
    """X'(s) of all intervals, (n, c), from hermite's coefficients: b + 2c s + 3d s^2 of the usual cubic."""
    step = X[0].diff(dim=0)
    before = torch.cat((step[:1], step[:-1]))
    two_c = 2 * (3 * (step - before) - step + before)
    three_d = step - before - two_c
    return before + two_c * s + three_d * s**2


@pytest.mark.parametrize("control", ["hermite", "linear", "log-ode"])
def test_with_one_channel_and_a_linear_field_the_solution_is_a_matrix_exponential(control):
    A = torch.randn(HIDDEN, HIDDEN) / 4
    X = smooth_path(60, channels=1)
    model = linear(system(control, channels=1), [A])
    z = model(X)[0]
    expected = torch.stack([matrix_exp(A * (x - X[0, 0])[0]) @ z[0] for x in X[0]])
    torch.testing.assert_close(z, expected, rtol=0, atol=2e-6)  # the solver's error


def test_with_time_as_a_channel_and_an_affine_field_it_is_a_state_space_model_held_constant_between_samples():
    """dz = A z dt + B dU with U the integral of u: the ZOH recurrence z <- e^{Δ A} z + (integral of e^{s A}) B u."""
    A, B = torch.randn(HIDDEN, HIDDEN), torch.randn(HIDDEN)
    u, delta = torch.randn(40), 0.02
    X = torch.stack((torch.arange(41) * delta, torch.cat((torch.zeros(1), (u * delta).cumsum(0)))), dim=-1)[None]
    model = system("linear", channels=2)
    model.field = lambda z: torch.stack((z @ A.T, B.expand(z.shape)), dim=-1)
    z = model(X)[0]
    block = matrix_exp(torch.cat((torch.cat((A, B[:, None]), 1), torch.zeros(1, HIDDEN + 1))) * delta)
    expected = z[0]
    for t in range(40):
        expected = block[:-1, :-1] @ expected + block[:-1, -1] * u[t]
        torch.testing.assert_close(z[t + 1], expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("control", ["hermite", "linear"])
def test_without_a_time_channel_the_speed_along_the_path_does_not_matter(control):
    model, t = system(control), torch.linspace(0, 1, 150)
    path = lambda t: torch.stack((t.sin(), (3 * t).cos(), t * t), dim=-1)[None]  # noqa: E731
    even, uneven = model(path(t)), model(path(t + 0.1 * torch.sin(2 * torch.pi * t)))
    torch.testing.assert_close(even[:, -1], uneven[:, -1], rtol=0, atol=1e-4)
    with_time = [torch.cat((t[None, :, None], X[..., 1:]), -1) for X in (path(t), path(t + 0.5 * t * (1 - t)))]
    assert (model(with_time[0]) - model(with_time[1]))[:, -1].abs().max() > 1e-3


def test_the_splines_meet_the_data_and_their_slopes_meet_each_other():
    X = torch.randn(1, 9, C)
    thirds, weights = [0, 1 / 3, 2 / 3, 1], [1 / 8, 3 / 8, 3 / 8, 1 / 8]  # exact for the quadratic slopes
    increments = sum(w * spline(X, s) for w, s in zip(weights, thirds, strict=True))
    torch.testing.assert_close(increments, X[0].diff(dim=0), rtol=0, atol=1e-12)
    torch.testing.assert_close(spline(X, 1)[:-1], spline(X, 0)[1:], rtol=0, atol=1e-12)
    line = torch.arange(9.0)[:, None] * torch.randn(C)
    torch.testing.assert_close(spline(line[None], 0.3), line.diff(dim=0), rtol=0, atol=1e-12)


def test_hermite_control_is_that_spline():
    """A field that does not depend on z integrates X'; times s through a second state, it sees its shape as well."""
    X, model = torch.randn(1, 6, 2), system("hermite", channels=2)
    slopes = []
    model.advance = lambda slope, z: slopes.append([slope(s, z) for s in (0.0, 0.3, 1.0)]) or z
    model.field = lambda z: torch.eye(HIDDEN)[:, :2].expand(*z.shape[:-1], HIDDEN, 2)
    model(X)
    for i, at in enumerate(slopes):
        for s, slope in zip((0.0, 0.3, 1.0), at, strict=True):
            torch.testing.assert_close(slope[0, :2], spline(X, s)[i], rtol=0, atol=1e-12)


def test_eulers_method_on_linear_control_is_a_recurrent_network():
    X, model = torch.randn(2, 10, C), system("linear", "euler")
    z = model.initial(X[:, 0])
    path = model(X)
    for i in range(9):
        z = z + torch.einsum("bhc,bc->bh", model.field(z), X[:, i + 1] - X[:, i])
        torch.testing.assert_close(path[:, i + 1], z, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_solvers_have_their_order(solver, order):
    A = torch.randn(HIDDEN, HIDDEN)
    model, errors = linear(system("linear", solver, channels=1), [A]), []
    for n in (8, 16, 32):
        X = torch.linspace(0, 1, n + 1)[None, :, None]
        z = model(X)[0]
        errors.append((z[-1] - matrix_exp(A) @ z[0]).norm().log2())
    assert (errors[1] - errors[2]).item() == pytest.approx(order, abs=0.3)


def test_log_signatures_are_the_iterated_integrals():
    X = torch.randn(2, 6, C)
    S = log_signatures(X)
    pairs = list(itertools.combinations(range(C), 2))
    assert S.shape == (2, 5, C + len(pairs))
    for i in range(1, 6):
        torch.testing.assert_close(S[:, i - 1, :C], X[:, i] - X[:, 0], rtol=0, atol=1e-12)
        for number, (a, b) in enumerate(pairs):
            area = 0  # of each triangle of the first point and a segment
            for j in range(i):
                u, v = X[:, j] - X[:, 0], X[:, j + 1] - X[:, 0]
                area = area + (u[:, a] * v[:, b] - u[:, b] * v[:, a]) / 2
            torch.testing.assert_close(S[:, i - 1, C + number], area, rtol=0, atol=1e-12)


def test_log_signatures_of_two_parts_make_that_of_the_whole():
    """Chen's identity to depth two: increments add; to the areas' sum comes half the increments' bracket."""
    X = torch.randn(1, 8, C)
    first, second, whole = (log_signatures(part)[:, -1] for part in (X[:, :4], X[:, 3:], X))
    outer = first[0, :C, None] * second[0, None, :C]
    bracket = (outer - outer.T)[torch.triu(torch.ones(C, C, dtype=torch.bool), 1)] / 2
    joined = first + second
    joined[0, C:] += bracket
    torch.testing.assert_close(whole, joined, rtol=0, atol=1e-12)


def test_windows_of_one_position_are_linear_control_less_the_areas():
    X = torch.randn(2, 7, C)
    logs, lines = system("log-ode", window=1), system("linear")
    lines.initial = logs.initial
    lines.field = lambda z: logs.field(z)[..., :C]
    torch.testing.assert_close(logs(X), lines(X), rtol=0, atol=1e-12)


def test_areas_make_long_windows_a_better_approximation():
    """For a linear field, depth two needs A_a A_b - A_b A_a for the areas' columns; the error falls with depth."""
    matrices = torch.randn(2, HIDDEN, HIDDEN) / 2
    X = smooth_path(257, channels=2)
    exact = linear(system("linear", channels=2), matrices)
    brackets = [matrices[1] @ matrices[0] - matrices[0] @ matrices[1]]
    deep = linear(system("log-ode", channels=2, window=32), [*matrices, *brackets])
    shallow = linear(system("log-ode", channels=2, window=32), [*matrices, 0 * brackets[0]])
    deep.initial = shallow.initial = exact.initial
    reference = exact(X)
    errors = [(model(X) - reference)[:, -1].norm().item() for model in (deep, shallow)]
    assert errors[0] < errors[1] / 5


@pytest.mark.parametrize("control", ["hermite", "linear", "log-ode"])
@pytest.mark.parametrize("length", [1, 2, 8, 9, 10, 21])
def test_steps_give_the_whole_path(control, length):
    layer = NeuralCDE(d_model=5, l_max=16, causal=True, control=control, hidden=4, width=8, window=4)
    x, outputs, state = torch.randn(2, length, 5), [], None
    for t in range(length):
        y, state = layer.step(x[:, t], state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), layer(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("control", ["hermite", "linear", "log-ode"])
def test_every_control_is_causal(control):
    layer = NeuralCDE(d_model=5, l_max=16, causal=True, control=control, hidden=4, width=8, window=4)
    x = torch.randn(1, 12, 5)
    changed = x.clone()
    changed[:, 7:] += 1
    assert torch.equal(layer(x)[:, :7], layer(changed)[:, :7])
    assert not torch.equal(layer(x)[:, 7], layer(changed)[:, 7])


def test_bidirectional_reads_from_two_systems():
    layer = NeuralCDE(d_model=5, l_max=16, causal=False, hidden=4, width=8)
    x = torch.randn(2, 10, 5)
    forward, backward = (s(layer._with_time(u)) for s, u in zip(layer.systems, (x, x.flip(1)), strict=True))
    expected = layer.out(torch.cat((forward, backward.flip(1)), -1))
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="causal=True"):
        layer.step(x[:, 0])


def test_parameters_are_those_of_the_formula():
    h, width, c = 6, 10, 5 + 1
    layer = NeuralCDE(d_model=5, l_max=16, causal=True, hidden=h, width=width)
    expected = (h * width + width + width * h * c + h * c) + (c * h + h) + (h * 5 + 5)
    assert sum(p.numel() for p in layer.parameters()) == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"control": "cubic"}, "control must be"), ({"solver": "dopri5"}, "solver must be"), ({"hidden": 0}, "positive")],
)
def test_bad_arguments_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        NeuralCDE(d_model=5, l_max=16, causal=True, **parameters)
