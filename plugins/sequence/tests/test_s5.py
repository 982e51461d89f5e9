"""S5 against its defining loop, against S4D for one channel, and its start from blocks of HiPPO."""

import math

import pytest
import torch

from bench_sequence.hippo import legs
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


def loop(layer, u):
    """Return y (B, L, H) by the equations at the top of s5.py, position by position, in both directions."""
    Lambda = torch.complex(layer.real, layer.imag)
    B, C, dt = torch.view_as_complex(layer.B), torch.view_as_complex(layer.C), layer.log_dt.exp()
    if layer.discretization == "zoh":
        Lambda_bar, factor = torch.exp(dt * Lambda), (torch.exp(dt * Lambda) - 1) / Lambda
    else:
        Lambda_bar, factor = (1 + dt * Lambda / 2) / (1 - dt * Lambda / 2), dt / (1 - dt * Lambda / 2)
    y = layer.D * u
    for c, positions in enumerate([range(u.shape[1]), reversed(range(u.shape[1]))][: len(C)]):
        x = torch.zeros(len(u), len(Lambda), dtype=Lambda.dtype)
        for t in positions:
            x = Lambda_bar * x + (u[:, t] + 0j) @ (factor[:, None] * B).mT
            y[:, t] += 2 * (x @ C[c].mT).real
    return y


@pytest.mark.parametrize("build", [S5, S5PTD])
@pytest.mark.parametrize("discretization", ["zoh", "bilinear"])
@pytest.mark.parametrize("causal", [True, False])
def test_scan_is_the_loop(build, causal, discretization):
    layer = build(d_model=3, l_max=1, causal=causal, d_state=12, blocks=3, discretization=discretization)
    u = torch.randn(2, 37, 3)
    with torch.no_grad():
        assert relative_error(layer(u), loop(layer, u)) < 1e-12


def test_one_channel_is_one_channel_of_s4d():
    """The same Λ, B and C, and one Δ for all states."""
    s5 = S5(d_model=1, l_max=50, causal=True, d_state=16)
    s4d = S4D(d_model=1, l_max=50, causal=True, d_state=16)
    with torch.no_grad():
        s5.log_dt.fill_(math.log(0.02))
        s4d.log_dt.fill_(math.log(0.02))
        s4d.decay.copy_(torch.log(-s5.real))
        s4d.imag.copy_(s5.imag)
        s4d.B.copy_(s5.B.transpose(0, 1))
        s4d.C.copy_(s5.C)
        s4d.D.copy_(s5.D)
    u = torch.randn(2, 50, 1)
    assert relative_error(s5(u), s4d(u)) < 1e-12


def test_starts_from_blocks_of_the_normal_part_of_legs():
    layer = S5(d_model=2, l_max=1, causal=True, d_state=24, blocks=3)
    A, B = legs(8)
    eigenvalues = torch.linalg.eigvals(A + torch.outer(B, B) / 2)
    expected = eigenvalues[eigenvalues.imag > 0].imag.sort().values.repeat(3)
    assert relative_error(layer.imag, expected) < 1e-12
    assert relative_error(layer.real, torch.full((12,), -0.5)) < 1e-12


@pytest.mark.parametrize("c_init", ["truncated-normal", "lecun-normal", "complex-normal"])
def test_output_matrices_start_with_the_variance_they_are_named_for(c_init):
    layer = S5(d_model=50, l_max=1, causal=False, d_state=64, c_init=c_init)
    expected = {"truncated-normal": 2 / 64, "lecun-normal": 2 / (64 * 50), "complex-normal": 1.0}[c_init]
    assert float(layer.B.detach().square().sum(-1).mean()) == pytest.approx(1 / 64, rel=0.1)
    variance = layer.C.detach().square().sum(-1).mean()
    assert float(variance) == pytest.approx(expected, rel=0.05)


def test_step_carries_the_state_of_the_parallel_form():
    layer = S5(d_model=3, l_max=1, causal=True, d_state=12)
    u = torch.randn(2, 20, 3)
    y, last = layer(u, return_state=True)
    state = None
    for t in range(20):
        y_t, state = layer.step(u[:, t], state)
        assert relative_error(y_t, y[:, t]) < 1e-12
    assert relative_error(state, last) < 1e-12


def test_twice_the_rate_is_a_held_input():
    layer = S5(d_model=3, l_max=1, causal=True, d_state=12)
    held = torch.randn(2, 20, 3)
    assert relative_error(layer(held, rate=2.0), layer(held.repeat_interleave(2, dim=1))[:, 1::2]) < 1e-12


def test_clipped_eigenvalues_stay_stable():
    for clip in (True, False):
        layer = S5(d_model=3, l_max=1, causal=True, d_state=12, clip_eigs=clip)
        with torch.no_grad():
            layer.real += 2
        assert bool((layer.discretised()[0].abs() < 1).all()) == clip


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"d_state": 10, "blocks": 2}, "multiple of 2 blocks"),
        ({"blocks": 0}, "multiple of 2 blocks"),
        ({"discretization": "dss"}, "discretization"),
        ({"c_init": "zeros"}, "c_init"),
        ({"dt_min": 0.2}, "dt_min"),
    ],
)
def test_values_out_of_range_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        S5(**{"d_model": 4, "l_max": 16, "causal": True, **bad})


def test_what_needs_a_causal_layer_or_a_positive_rate_is_refused():
    layer = S5(d_model=4, l_max=16, causal=False, d_state=8)
    with pytest.raises(ValueError, match="causal"):
        layer.step(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="rate"):
        layer(torch.zeros(1, 3, 4), rate=0.0)
