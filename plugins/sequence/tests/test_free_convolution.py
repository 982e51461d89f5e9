import pytest
import torch

from bench_sequence.free_convolution import FreeConvolution

B, H, L_MAX = 2, 3, 10


def convolution_loop(layer, u):
    """The equation of the module's docstring, tap by tap."""
    y = layer.D * u
    L = u.shape[1]
    for t in range(L):
        for j in range(L_MAX):
            if t - j >= 0:
                y[:, t] += layer.kernel[0, :, j] * u[:, t - j]
            if not layer.causal and t + 1 + j < L:
                y[:, t] += layer.kernel[1, :, j] * u[:, t + 1 + j]
    return y


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("L", [1, 7, L_MAX, 25])
@torch.no_grad()
def test_forward_is_the_sum_over_taps(causal, L):
    torch.manual_seed(0)
    layer = FreeConvolution(d_model=H, l_max=L_MAX, causal=causal).double()
    u = torch.randn(B, L, H, dtype=torch.float64)
    torch.testing.assert_close(layer(u), convolution_loop(layer, u), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("causal", "directions"), [(True, 1), (False, 2)])
def test_every_channel_lag_and_direction_has_its_own_weight(causal, directions):
    layer = FreeConvolution(d_model=H, l_max=L_MAX, causal=causal)
    assert sum(p.numel() for p in layer.parameters()) == directions * H * L_MAX + H


def test_each_kernel_starts_with_a_norm_of_about_one():
    torch.manual_seed(0)
    layer = FreeConvolution(d_model=64, l_max=1024, causal=False)
    norms = layer.kernel.norm(dim=2)
    assert norms.min() > 0.9
    assert norms.max() < 1.1


def test_a_kernel_needs_a_tap():
    with pytest.raises(ValueError, match="l_max is 0"):
        FreeConvolution(d_model=H, l_max=0, causal=True)
