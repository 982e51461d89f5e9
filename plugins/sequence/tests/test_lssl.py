"""The identities of LSSL: three equal views, the structured LegS matrix, discretisation, and LSSL-fixed's cache."""

import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn

from bench_sequence.checks import check_resumes
from bench_sequence.hippo import nplr
from bench_sequence.krylov import krylov
from bench_sequence.lssl import LSSL, discretise
from bench_sequence.s4 import S4
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def legs(N):
    """HiPPO-LegS by its definition, element by element."""
    A = np.zeros((N, N))
    for n in range(N):
        A[n, n] = -(n + 1)
        for k in range(n):
            A[n, k] = -np.sqrt((2 * n + 1) * (2 * k + 1))
    return A, np.sqrt(2 * np.arange(N) + 1.0)


def perturb(layer):
    """Move every parameter of the system off its initial value, T's upper diagonal included."""
    with torch.no_grad():
        for group in layer.param_groups():
            for parameter in group["params"]:
                parameter += 0.01 * torch.randn_like(parameter)
    return layer


def toeplitz(kernel, length):
    """The (length, length) matrix with kernel[j] on its j-th lower diagonal."""
    return sum(torch.diag(kernel[j].repeat(length - j), -j) for j in range(length))


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("length", [64, 20])  # longer and shorter than l_max
def test_convolution_recurrence_and_matrix_agree(trainable, channels, length):
    layer = LSSL(d_model=4, l_max=48, causal=True, d_state=16, channels=channels, trainable=trainable)
    perturb(layer)
    u = torch.randn(2, length, 4)
    convolved = layer(u)

    state, steps = None, []
    for t in range(length):
        y, state = layer.step(u[:, t], state)
        steps.append(y)
    assert torch.allclose(torch.stack(steps, 1), convolved, rtol=0, atol=1e-10)

    A_bar, B_bar = layer.discrete_system()
    outputs = torch.empty(2, length, 4, channels)
    for h in range(4):
        for m in range(channels):
            K = [layer.C[0, h, m] @ torch.linalg.matrix_power(A_bar[h], j) @ B_bar[h] for j in range(length)]
            outputs[:, :, h, m] = u[:, :, h] @ toeplitz(torch.stack(K), length).T + layer.D[h, m] * u[:, :, h]
    assert torch.allclose(layer.mix(outputs.flatten(2)), convolved, rtol=0, atol=1e-10)


@pytest.mark.parametrize("channels", [1, 2])
def test_bidirectional_layer_adds_a_kernel_that_looks_ahead_from_lag_one(channels):
    L = 24
    layer = perturb(LSSL(d_model=3, l_max=L, causal=False, d_state=8, channels=channels))
    u = torch.randn(2, L, 3)
    forward, backward = layer.kernel(L)  # (H, M, L) each
    assert not torch.allclose(forward, backward)
    outputs = torch.empty(2, L, 3, channels)
    for h in range(3):
        for m in range(channels):
            ahead = toeplitz(torch.cat([torch.zeros(1), backward[h, m]]), L).T
            mixing = toeplitz(forward[h, m], L) + ahead + layer.D[h, m] * torch.eye(L)
            outputs[:, :, h, m] = u[:, :, h] @ mixing.T
    assert torch.allclose(layer.mix(outputs.flatten(2)), layer(u), rtol=0, atol=1e-10)


@pytest.mark.parametrize("length", [1, 2, 3, 64, 100])
def test_doubled_krylov_matrix_equals_the_naive_one(length):
    A_bar, B_bar = LSSL(d_model=3, l_max=64, causal=True, d_state=16).discrete_system()
    column, columns = B_bar, []
    for _ in range(length):
        columns.append(column)
        column = (A_bar @ column[..., None])[..., 0]
    doubled = krylov(A_bar, B_bar, length)
    assert doubled.shape == (3, 16, length)
    assert torch.allclose(doubled, torch.stack(columns, -1), rtol=0, atol=1e-12)


def test_the_structured_matrix_starts_as_hippo_legs():
    layer = LSSL(d_model=2, l_max=8, causal=True, d_state=64)
    A, B = legs(64)
    assert np.abs(layer.state_matrix().detach().numpy() - A).max() <= 1e-12
    assert np.abs((layer.p * layer.b).detach().numpy() - B).max() <= 1e-12


def test_the_structured_system_after_training_follows_its_formula():
    layer = perturb(LSSL(d_model=2, l_max=8, causal=True, d_state=6))
    value = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    T = np.diag(value["T_diagonal"])
    for n in range(5):
        T[n + 1, n] = value["T_lower"][n]
        T[n, n + 1] = value["T_upper"][n]
    A = -np.diag(value["p"]) @ (np.linalg.inv(T) + np.diag(value["c"])) @ np.diag(value["q"])
    assert np.abs(np.triu(A, 1)).max() > 1e-3
    assert np.abs(layer.state_matrix().detach().numpy() - A).max() <= 1e-12
    A_bar, B_bar = (matrix.detach().numpy() for matrix in layer.discrete_system())
    for h, dt in enumerate(np.exp(value["log_dt"])):
        assert np.abs((np.eye(6) - dt / 2 * A) @ A_bar[h] - (np.eye(6) + dt / 2 * A)).max() <= 1e-12
        assert np.abs((np.eye(6) - dt / 2 * A) @ B_bar[h] - dt * value["p"] * value["b"]).max() <= 1e-12


def test_backward_euler_of_a_leak_is_a_gru_gate():
    z = torch.linspace(-4, 4, 9)
    A_bar, B_bar = discretise(torch.tensor([[-1.0]]), torch.tensor([1.0]), z.exp(), alpha=1.0)
    assert torch.allclose(A_bar[:, 0, 0], 1 - torch.sigmoid(z), rtol=0, atol=1e-15)
    assert torch.allclose(B_bar[:, 0], torch.sigmoid(z), rtol=0, atol=1e-15)


def test_fixed_kernel_equals_dense_powers_of_bilinear_legs():
    N, L = 32, 128
    layer = LSSL(d_model=5, l_max=L, causal=True, d_state=N, trainable=False)
    kernel = layer.kernel(L)[0, :, 0].detach().numpy()
    A, B = legs(N)
    for h, dt in enumerate(layer.log_dt.exp().numpy()):
        inverse = np.linalg.inv(np.eye(N) - dt / 2 * A)
        A_bar, state = inverse @ (np.eye(N) + dt / 2 * A), inverse @ (dt * B)
        for lag in range(L):
            assert abs(layer.C[0, h, 0].detach().numpy() @ state - kernel[h, lag]) <= 1e-10
            state = A_bar @ state


@pytest.mark.parametrize("trainable", [True, False])
def test_kernel_is_that_of_s4_in_the_coordinates_of_its_eigenvectors(trainable):
    """The same A, B, C and Δ, with C V in place of C: dense powers here, Cauchy sums there."""
    lssl = LSSL(d_model=3, l_max=64, causal=True, d_state=16, trainable=trainable)
    s4 = S4(d_model=3, l_max=64, causal=True, d_state=16)
    with torch.no_grad():
        s4.log_dt.copy_(lssl.log_dt)
        s4.set_output(lssl.C[:, :, 0] @ nplr("legs", 16).V.real + 1j * (lssl.C[:, :, 0] @ nplr("legs", 16).V.imag))
        expected = s4.kernel(64)
    assert torch.allclose(lssl.kernel(64)[:, :, 0], expected, rtol=0, atol=1e-10)


def test_bilinear_is_stable_where_euler_is_not():
    """The eigenvalues of lower triangular matrices are read off: those of LegS are too ill-conditioned to compute."""
    layer = LSSL(d_model=2, l_max=8, causal=True, d_state=64)
    A, B, dt = layer.state_matrix().detach(), layer.p.detach(), torch.tensor([0.001, 0.1, 10.0])
    bilinear, _ = discretise(A, B, dt)
    euler, _ = discretise(A, B, dt, alpha=0.0)
    assert bilinear.triu(1).abs().max() < 1e-12
    assert bilinear.diagonal(dim1=1, dim2=2).abs().max() < 1
    assert torch.allclose(euler[1].diagonal().abs().max(), torch.tensor(5.4))  # |1 - 64 Δ|
    assert krylov(euler[1:2], dt[1:2, None] * B, 64).abs().max() > 1e20
    assert krylov(*discretise(A, B, dt[1:2]), 64).abs().max() < 1e3


def test_bilinear_maps_the_left_half_plane_into_the_unit_disc():
    for _ in range(20):
        skew, root = torch.randn(2, 8, 8)
        A = skew - skew.T - 0.01 * root @ root.T  # real parts below zero
        A_bar, _ = discretise(A, torch.ones(8), torch.tensor([0.01, 1.0, 100.0]))
        assert torch.linalg.eigvals(A_bar).abs().max() < 1
        unstable, _ = discretise(-A, torch.ones(8), torch.tensor([1.0]))
        assert torch.linalg.eigvals(unstable).abs().max() > 1


def test_twice_the_step_on_half_the_samples_gives_the_same_output():
    """For a smooth input; the difference is of first order in the step."""

    def difference(samples):
        layer = LSSL(d_model=1, l_max=samples, causal=True, d_state=8)
        with torch.no_grad():
            layer.C.fill_(1.0)
            layer.D.zero_()
            layer.log_dt.fill_(np.log(4 / samples))
        coarse = copy.deepcopy(layer)
        with torch.no_grad():
            coarse.log_dt += np.log(2)
            u = torch.sin(torch.linspace(0, 4, samples + 1)[1:]).square()[None, :, None]
            fine = layer(u)[:, 1::2]
            return float((coarse(u[:, 1::2]) - fine).norm() / fine.norm())

    assert difference(256) < 0.1
    assert 1.7 < difference(256) / difference(512) < 2.3


def test_training_moves_the_whole_system_at_its_own_rates():
    layer = LSSL(d_model=4, l_max=16, causal=True, d_state=8, channels=2)
    before = copy.deepcopy(layer.state_dict())
    groups = layer.param_groups()
    assert [(group["max_lr"], group["weight_decay"]) for group in groups] == [(1e-4, 0.0), (1e-3, 0.0)]
    grouped = {id(parameter) for group in groups for parameter in group["params"]}
    others = {name for name, parameter in layer.named_parameters() if id(parameter) not in grouped}
    assert others == {"C", "D", "mix.weight", "mix.bias"}
    layer(torch.randn(2, 16, 4)).square().mean().backward()
    torch.optim.SGD(layer.parameters(), lr=0.01).step()
    assert [name for name, value in layer.state_dict().items() if torch.equal(value, before[name])] == []


def test_training_changes_only_c_and_d_of_the_fixed_layer():
    layer = LSSL(d_model=4, l_max=16, causal=True, d_state=8, trainable=False)
    assert layer.param_groups() == []
    before, powers = copy.deepcopy(layer.state_dict()), layer._krylov.clone()
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        layer(torch.randn(2, 16, 4)).square().mean().backward()
        optimiser.step()
    assert [name for name, value in layer.state_dict().items() if not torch.equal(value, before[name])] == ["C", "D"]
    assert torch.equal(layer._krylov, powers)


def test_fixed_layer_computes_its_krylov_matrix_once(monkeypatch):
    layer = LSSL(d_model=2, l_max=16, causal=True, d_state=4, trainable=False)
    calls = []
    monkeypatch.setattr("bench_sequence.lssl.krylov", lambda *a: calls.append(a[2]) or krylov(*a))
    for length in (16, 7, 16, 40, 30, 40):
        layer(torch.randn(1, length, 2))
    assert calls == [40]
    layer.load_state_dict(layer.state_dict())
    for length in (7, 16):
        layer(torch.randn(1, length, 2))
    assert calls == [40, 16]


@pytest.mark.parametrize("source", [True, False])
def test_loading_a_checkpoint_replaces_the_fixed_layers_cache(source):
    arguments = {"d_model": 3, "l_max": 16, "causal": True, "d_state": 8}
    saved = perturb(LSSL(**arguments, trainable=source))
    loaded = LSSL(**arguments, trainable=False)
    u = torch.randn(2, 24, 3)
    loaded(u)
    nn.Sequential(loaded).load_state_dict(nn.Sequential(saved).state_dict())
    for length in (16, 24):
        assert torch.allclose(loaded(u[:, :length]), saved(u[:, :length]), rtol=0, atol=1e-12)


def test_fixed_layer_cast_to_float64_does_not_keep_float32_powers():
    torch.set_default_dtype(torch.float32)
    layer = LSSL(d_model=3, l_max=32, causal=True, d_state=16, trainable=False)
    assert layer.kernel(32).dtype == torch.float32
    layer.double()
    exact = layer.C @ krylov(*layer.discrete_system(), 32)
    assert torch.allclose(layer.kernel(32), exact, rtol=0, atol=1e-12)


def test_float32_kernel_is_accurate():
    exact = LSSL(d_model=4, l_max=256, causal=True, d_state=64)
    rounded = copy.deepcopy(exact).float()
    error = (rounded.kernel(256).double() - exact.kernel(256)).norm() / exact.kernel(256).norm()
    assert error.item() < 1e-5


def test_what_evaluation_caches_can_be_trained_with():
    layer = LSSL(d_model=2, l_max=4, causal=True, d_state=4, trainable=False)
    u = torch.randn(1, 9, 2)
    with torch.inference_mode():
        layer(u)
    layer(u).sum().backward()
    assert layer.C.grad.abs().min() > 0


def test_fixed_layer_in_training_can_be_taken_up_again():
    """Its cached powers are in no checkpoint."""
    check_resumes(functools.partial(LSSL, trainable=False))
