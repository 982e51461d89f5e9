"""The selective scan against its loop, what selection can do that no fixed system can, and the block around it."""

import math

import pytest
import torch
from torch.nn.functional import silu, softplus

from bench_sequence.mamba import Mamba
from bench_sequence.s4d import S4D
from bench_sequence.s6 import S6, selective_scan
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def float64():
    with in_float64(), seeded(0):
        yield


def system(L, H=3, N=4):
    dt = softplus(torch.randn(2, L, H))
    return torch.randn(2, L, H), dt, -torch.rand(H, N), torch.randn(2, L, N), torch.randn(2, L, N)


def loop(u, dt, A, B, C, state):
    outputs = []
    for t in range(u.shape[1]):
        decay = torch.exp(dt[:, t, :, None] * A)
        state = decay * state + dt[:, t, :, None] * B[:, t, None, :] * u[:, t, :, None]
        outputs.append((state * C[:, t, None, :]).sum(-1))
    return torch.stack(outputs, dim=1), state


@pytest.mark.parametrize("chunk", [7, 64])
def test_scan_is_the_loop_and_so_are_its_gradients(chunk):
    inputs = [z.requires_grad_() for z in (*system(20), torch.randn(2, 3, 4))]
    results = []
    for y, last in (selective_scan(*inputs, chunk=chunk), loop(*inputs)):
        gradients = torch.autograd.grad(y.square().sum() + last.sum(), inputs)
        results.append((y, last, *gradients))
    for actual, expected in zip(*results, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


def test_without_selection_it_is_a_real_diagonal_system():
    """Δ, B and C the same at all positions: the kernel Σ_n C_n B_n Δ e^{lΔA_n}; S4D's ZOH has (e^{ΔA} − 1)/A for Δ."""
    L, H, N, dt = 30, 2, 4, 0.01
    layer = S4D(d_model=H, l_max=L, causal=True, init="real", real_state=True, d_state=N, dt_min=dt, dt_max=dt)
    with torch.no_grad():
        layer.B.copy_(layer.B[:1].expand(H, -1))
        layer.C.copy_(layer.C[:, :1].expand(-1, H, -1))
        layer.D.zero_()
    A = -layer.decay.exp()
    u, steps = torch.randn(1, L, H), torch.full((1, L, H), dt)
    B, C = (z.expand(1, L, N) for z in (layer.B[0], 2 * layer.C[0, 0]))
    exact = B * torch.expm1(dt * A[0]) / (dt * A[0])
    y, _ = selective_scan(u, steps, A, exact, C)
    torch.testing.assert_close(y, layer(u), rtol=0, atol=1e-12)


def test_one_state_with_a_of_minus_one_is_a_gated_recurrence():
    """Theorem 1 of the paper: x_t = (1 − g_t) x_{t−1} + g_t u_t with g = σ(z), for Δ = softplus(z), exact ZOH for B."""
    z, u = torch.randn(2, 20, 3), torch.randn(2, 20, 3)
    dt, g = softplus(z), torch.sigmoid(z)
    B = torch.ones(2, 20, 1)
    y, _ = selective_scan(u * g / dt, dt, -torch.ones(3, 1), B, B)
    x = torch.zeros(2, 3)
    for t in range(20):
        x = (1 - g[:, t]) * x + g[:, t] * u[:, t]
        torch.testing.assert_close(y[:, t], x, rtol=0, atol=1e-12)


def test_parameters_start_as_published():
    layer = S6(d_model=48, l_max=1, causal=True, d_state=5)
    assert layer.x_proj.weight.shape == (3 + 5 + 5, 48)
    torch.testing.assert_close(layer.log_A.exp(), torch.arange(1.0, 6).expand(48, -1), rtol=1e-12, atol=0)
    assert bool((layer.D == 1).all())
    steps = softplus(layer.dt_proj.bias.detach())
    assert float(steps.min()) >= 0.001 * (1 - 1e-9)
    assert float(steps.max()) <= 0.1 * (1 + 1e-9)
    assert float(layer.dt_proj.weight.detach().abs().max()) <= 3**-0.5


def test_block_is_its_equations_position_by_position():
    layer = Mamba(d_model=4, l_max=1, causal=True, d_state=3, d_conv=3, expand=2)
    u = torch.randn(2, 12, 4)
    v, z = (u @ layer.in_proj.weight.T).chunk(2, dim=-1)
    weight, bias = layer.conv.weight[:, 0], layer.conv.bias
    convolved = torch.zeros_like(v)
    for t in range(12):
        taps = [weight[:, k] * v[:, t - 2 + k] for k in range(3) if t - 2 + k >= 0]
        convolved[:, t] = sum(taps) + bias
    x = silu(convolved)
    low, B, C = (x @ layer.ssm.x_proj.weight.T).split(layer.ssm.sizes, dim=-1)
    dt = softplus(low @ layer.ssm.dt_proj.weight.T + layer.ssm.dt_proj.bias)
    y, _ = loop(x, dt, -layer.ssm.log_A.exp(), B, C, torch.zeros(2, 8, 3))
    expected = ((y + layer.ssm.D * x) * silu(z)) @ layer.out_proj.weight.T
    torch.testing.assert_close(layer(u), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cut", [1, 2, 9])
def test_a_state_carries_on_where_a_prefix_ends(cut):
    layer = Mamba(d_model=4, l_max=1, causal=True, d_state=3)
    u = torch.randn(2, 20, 4)
    whole = layer(u)
    _, state = layer(u[:, :cut], return_state=True)
    assert state.recent.shape == (2, 3, 8)
    y, state = layer.step(u[:, cut], state)
    torch.testing.assert_close(y, whole[:, cut], rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(u[:, cut + 1 :], state), whole[:, cut + 1 :], rtol=0, atol=1e-12)


def test_convolution_of_one_position_keeps_nothing():
    layer = Mamba(d_model=4, l_max=1, causal=True, d_conv=1)
    u = torch.randn(2, 5, 4)
    _, state = layer(u[:, :3], return_state=True)
    assert state.recent.shape == (2, 0, 8)
    torch.testing.assert_close(layer(u[:, 3:], state), layer(u)[:, 3:], rtol=0, atol=1e-12)


def test_a_and_d_are_left_out_of_weight_decay_only():
    layer = Mamba(d_model=4, l_max=1, causal=True)
    (group,) = layer.param_groups()
    assert {id(p) for p in group["params"]} == {id(layer.ssm.log_A), id(layer.ssm.D)}
    assert (group["max_lr"], group["weight_decay"]) == (math.inf, 0.0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"d_state": 0}, "d_state"),
        ({"dt_rank": 0}, "dt_rank"),
        ({"d_conv": 0}, "d_conv"),
        ({"dt_min": 0.2}, "dt_min"),
    ],
)
def test_values_out_of_range_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        Mamba(d_model=4, l_max=16, causal=True, **bad)
