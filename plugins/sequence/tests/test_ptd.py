"""Perturb-then-diagonalise: the numbers of its theory, which need no training, and the layers that start from it."""

import math

import pytest
import torch

from bench_sequence.hippo import legs, nplr
from bench_sequence.ptd import diagonalise, perturbed_legs
from bench_sequence.s4_ptd import S4PTD
from bench_sequence.s4d import S4D
from bench_sequence.s5 import S5
from bench_sequence.s5_ptd import S5PTD
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def float64():
    with in_float64(), seeded(0):
        yield


def relative_error(actual, expected):
    return float((actual - expected).detach().abs().max() / expected.detach().abs().max())


def transfer(A, B, C, omega):
    """Return G(iω) = C (iω − A)⁻¹ B."""
    s = 1j * omega[:, None, None]
    return torch.linalg.solve(s * torch.eye(len(A)) - A, (B + 0j)[:, None]).squeeze(-1) @ (C + 0j)


@pytest.mark.parametrize("N", [4, 16, 64])
@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.0])
def test_is_a_backward_stable_diagonalisation_of_a_stable_matrix(N, alpha):
    system = perturbed_legs(N, alpha)
    A, B = legs(N)
    E = alpha * torch.outer(B, B) / 2
    V = torch.cat([system.V, system.V.conj()], dim=-1)
    Lambda = torch.cat([system.Lambda, system.Lambda.conj()])
    assert relative_error(V @ torch.diag(Lambda) @ torch.linalg.inv(V), A + E + 0j) < 1e-10
    assert (V.norm(dim=0) - 1).abs().max() < 1e-12
    assert relative_error(system.V_inverse @ V, torch.eye(N)[: N // 2] + 0j) < 1e-11
    assert float(system.Lambda.real.max()) <= -0.5 + 1e-9
    size = torch.linalg.matrix_norm(E, 2) / torch.linalg.matrix_norm(A, 2)
    assert system.backward_error == pytest.approx(float(size), rel=1e-6)


@pytest.mark.parametrize(("alpha", "condition"), [(0.01, 184), (0.03, 62), (0.1, 18), (0.3, 5.5), (0.5, 2.95), (1, 1)])
def test_condition_of_the_eigenvectors_falls_with_the_perturbation(alpha, condition):
    assert perturbed_legs(64, alpha).condition == pytest.approx(condition, rel=0.02)


@pytest.mark.parametrize(("N", "spike", "deviation"), [(16, 5.9, 0.0135), (32, 11.8, 0.0093), (64, 23.5, 0.0066)])
def test_transfer_function_stays_near_hippos_where_that_of_s4d_has_a_spike_that_grows_with_n(N, spike, deviation):
    """The largest deviation over the imaginary axis, C = 1/√N: of S4D with half its B, and at α = 0.1."""
    A, B = legs(N)
    C = torch.ones(N) / math.sqrt(N)
    top = nplr("legs", N).Lambda.imag.max()
    omega = torch.cat([torch.logspace(-2, math.log10(3 * N**2), 2000), top + torch.linspace(-3, 3, 601)])
    exact = transfer(A, B, C, omega)
    normal = A + torch.outer(B, B) / 2
    perturbed = A + 0.1 * torch.outer(B, B) / 2
    assert float((transfer(normal, B / 2, C, omega) - exact).abs().max()) == pytest.approx(spike, rel=0.02)
    assert float((transfer(perturbed, B, C, omega) - exact).abs().max()) == pytest.approx(deviation, rel=0.05)


def test_deviation_is_linear_in_the_perturbation():
    """Kernels of S4-PTD against the dense HiPPO-LegS kernel: three times α, three times the error."""
    N, L, dt = 16, 100, 0.05
    A, B = legs(N)
    C = torch.randn(N)
    A_bar = torch.linalg.matrix_exp(dt * A)
    x, taps = torch.linalg.solve(A, (A_bar - torch.eye(N)) @ B), []
    for _ in range(L):
        taps.append(C @ x)
        x = A_bar @ x
    errors = []
    for alpha in (0.01, 0.03):
        layer = S4PTD(d_model=1, l_max=L, causal=True, alpha=alpha, d_state=N, dt_min=dt, dt_max=dt)
        with torch.no_grad():
            layer.C.copy_(torch.view_as_real((C + 0j) @ perturbed_legs(N, alpha).V))
        errors.append(relative_error(layer.kernel(L).flatten(), torch.stack(taps)))
    assert errors[0] < 0.05
    assert errors[1] / errors[0] == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_diagonal_kernel_is_the_dense_kernel_of_the_perturbed_matrix(alpha):
    N, L, dt = 32, 64, 0.03
    A, B = legs(N)
    A = A + alpha * torch.outer(B, B) / 2
    layer = S4PTD(d_model=2, l_max=L, causal=True, alpha=alpha, d_state=N, n_ssm=1, dt_min=dt, dt_max=dt)
    C = torch.randn(2, N)
    with torch.no_grad():
        layer.C.copy_(torch.view_as_real((C + 0j) @ perturbed_legs(N, alpha).V))
    A_bar = torch.linalg.matrix_exp(dt * A)
    x = torch.linalg.solve(A, (A_bar - torch.eye(N)) @ B)
    taps = torch.stack([C @ torch.linalg.matrix_power(A_bar, lag) @ x for lag in range(L)], dim=-1)
    assert relative_error(layer.kernel(L)[0], taps) < 1e-10


@pytest.mark.parametrize("alpha", [0.01, 0.03, 0.1, 0.3, 0.5, 1.0])
def test_every_perturbation_of_a_large_enough_matrix_leaves_a_stable_one_in_conjugate_pairs(alpha):
    real_up_to = {0.01: 10, 0.03: 4, 0.1: 2}.get(alpha, 0)
    for N in (2, 4, 6, 8, 10, 12, 16, 32, 64):
        if real_up_to >= N:
            with pytest.raises(ValueError, match="real eigenvalues"):
                perturbed_legs(N, alpha)
        else:
            system = perturbed_legs(N, alpha)
            assert float(system.Lambda.real.max()) <= -0.5 + 1e-9
            assert float(system.Lambda.imag.min()) > 0


def test_alpha_of_one_is_s4d_and_s5():
    s4d, s4_ptd = (build(d_model=2, l_max=1, causal=True, d_state=16, **params) for build, params in PAIR)
    assert relative_error(s4_ptd.imag, s4d.imag) < 1e-10
    assert relative_error(s4_ptd.decay.exp(), s4d.decay.exp()) < 1e-10
    s5 = S5(d_model=2, l_max=1, causal=True, d_state=16, blocks=2)
    s5_ptd = S5PTD(d_model=2, l_max=1, causal=True, d_state=16, blocks=2, alpha=1.0)
    assert relative_error(s5_ptd.imag, s5.imag) < 1e-10
    assert relative_error(s5_ptd.real, s5.real) < 1e-10


PAIR = ((S4D, {}), (S4PTD, {"alpha": 1.0}))


def perturb(Lambda, V):
    return Lambda, V * (1 + 1e-8 * torch.randn(V.shape))


def test_what_is_no_stable_diagonalisation_is_refused(monkeypatch):
    A, _ = legs(64)
    noise = torch.randn(64, 64)
    noise *= 0.1 * torch.linalg.matrix_norm(A, 2) / torch.linalg.matrix_norm(noise, 2)
    with pytest.raises(ValueError, match="unstable"):
        diagonalise(A, noise)
    with pytest.raises(ValueError, match="real eigenvalues"):
        diagonalise(A, torch.zeros_like(A))
    with monkeypatch.context() as patched:  # eigenvectors as good as half the digits
        patched.setattr(torch.linalg, "eig", lambda M, eig=torch.linalg.eig: perturb(*eig(M)))
        with pytest.raises(ValueError, match="off by"):
            diagonalise(A, 0.05 * torch.outer(legs(64)[1], legs(64)[1]))
    for alpha in (0.0, 1.1):
        with pytest.raises(ValueError, match="alpha"):
            perturbed_legs(8, alpha)
    with pytest.raises(ValueError, match="even"):
        perturbed_legs(7)
    with pytest.raises(ValueError, match="n_ssm"):
        S4PTD(d_model=4, l_max=1, causal=True, n_ssm=3)
