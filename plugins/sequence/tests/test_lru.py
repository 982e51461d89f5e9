"""The LRU against its loop, its ring of eigenvalues and its normalisation."""

import pytest
import torch

from bench_sequence.lru import LRU
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def float64():
    with in_float64(), seeded(0):
        yield


@pytest.mark.parametrize("causal", [True, False])
def test_scan_is_the_loop(causal):
    layer = LRU(d_model=3, l_max=1, causal=causal, d_state=5)
    u = torch.randn(2, 30, 3)
    decay = torch.exp(-torch.exp(layer.nu)) * torch.exp(1j * torch.exp(layer.theta))
    B = torch.exp(layer.gamma)[:, None] * torch.view_as_complex(layer.B)
    y = layer.D * u
    for C, positions in zip(torch.view_as_complex(layer.C), [range(30), reversed(range(30))], strict=False):
        x = torch.zeros(2, 5, dtype=B.dtype)
        for t in positions:
            x = decay * x + (u[:, t] + 0j) @ B.mT
            y[:, t] = y[:, t] + (x @ C.mT).real
    torch.testing.assert_close(layer(u), y, rtol=0, atol=1e-12)


def test_eigenvalues_start_uniform_on_a_ring_and_always_stay_inside_the_unit_circle():
    layer = LRU(d_model=1, l_max=1, causal=True, d_state=20000, r_min=0.6, r_max=0.9, max_phase=0.5)
    decay = layer.decay().detach()
    assert float(decay.abs().min()) >= 0.6
    assert float(decay.abs().max()) <= 0.9
    assert float(decay.angle().min()) > 0
    assert float(decay.angle().max()) <= 0.5
    squared = decay.abs().square()
    assert float(squared.mean()) == pytest.approx((0.36 + 0.81) / 2, rel=0.01)
    assert float(squared.std()) == pytest.approx((0.81 - 0.36) / 12**0.5, rel=0.02)
    with torch.no_grad():
        layer.nu += torch.randn_like(layer.nu)
        layer.theta += torch.randn_like(layer.theta)
    assert float(layer.decay().detach().abs().max()) < 1


def test_normalisation_gives_the_state_unit_variance_on_white_noise():
    layer = LRU(d_model=64, l_max=1, causal=True, d_state=64, r_min=0.5, r_max=0.95)
    with torch.no_grad():
        _, state = layer(torch.randn(100, 200, 64), return_state=True)
    assert float(state.abs().square().mean()) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("bad", "message"),
    [({"d_state": 0}, "d_state"), ({"r_min": 1.0}, "r_min"), ({"r_max": 1.5}, "r_max"), ({"max_phase": 0.0}, "phase")],
)
def test_values_out_of_range_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        LRU(**{"d_model": 4, "l_max": 16, "causal": True, **bad})
    with pytest.raises(ValueError, match="causal"):
        LRU(d_model=4, l_max=16, causal=False).step(torch.zeros(1, 4))
