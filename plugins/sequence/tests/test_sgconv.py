"""The identities that define SGConv: its multi-scale kernel, the frozen norm, and other ways to compute its output."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate, pad

from bench_sequence.convolution import causal_convolution
from bench_sequence.sgconv import SGConv
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def borders(d, scales):
    """First tap of every piece, and the end."""
    return [0, *(d * 2**i for i in range(scales))]


def toeplitz(kernel, length):
    """The (length, length) matrix with kernel[j] on its j-th lower diagonal, zero beyond the kernel."""
    return sum(torch.diag(kernel[j].repeat(length - j), -j) for j in range(min(length, len(kernel))))


@pytest.mark.parametrize(("l_max", "scales"), [(5, 1), (8, 1), (9, 2), (16, 2), (17, 3), (100, 5)])
def test_number_of_scales_and_length(l_max, scales):
    layer = SGConv(d_model=2, l_max=l_max, causal=True, kernel_dim=8)
    assert layer.W.shape == (scales, 1, 2, 8)
    assert layer.kernel().shape == (1, 2, 8 * 2 ** (scales - 1))
    assert layer.kernel().shape[-1] >= l_max


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_norm_is_one_at_first_and_then_frozen(interpolation):
    layer = SGConv(d_model=4, l_max=100, causal=False, kernel_dim=8, interpolation=interpolation)
    assert torch.allclose(layer.kernel().norm(dim=-1), torch.ones(2, 4), rtol=0, atol=1e-12)
    assert layer.kernel()[..., :100].norm(dim=-1).max() < 1 - 1e-4  # it is the norm of all 128 taps
    Z = layer.kernel_norm.clone()
    with torch.no_grad():
        layer.W *= 3
    layer(torch.randn(1, 100, 4))
    assert torch.equal(layer.kernel_norm, Z)
    assert torch.allclose(layer.kernel().norm(dim=-1), torch.full((2, 4), 3.0), rtol=0, atol=1e-12)


def test_norm_travels_with_the_state_dict():
    arguments = {"d_model": 3, "l_max": 32, "causal": True, "kernel_dim": 8}
    trained, loaded = SGConv(**arguments), SGConv(**arguments)
    with torch.no_grad():
        trained.W += torch.randn_like(trained.W)
    loaded.load_state_dict(trained.state_dict())
    u = torch.randn(2, 32, 3)
    assert torch.equal(loaded(u), trained(u))


@pytest.mark.parametrize("length", [48, 20, 90])  # l_max, shorter, longer than the kernel's 64 taps
@pytest.mark.parametrize("causal", [True, False])
def test_layer_equals_its_toeplitz_matrix(causal, length):
    layer = SGConv(d_model=3, l_max=48, causal=causal, kernel_dim=8)
    u = torch.randn(2, length, 3)
    kernel = layer.kernel()
    y = torch.empty_like(u)
    for h in range(3):
        mixing = toeplitz(kernel[0, h], length) + layer.D[h] * torch.eye(length)
        if not causal:
            mixing = mixing + toeplitz(pad(kernel[1, h], (1, 0)), length).T
        y[:, :, h] = u[:, :, h] @ mixing.T
    assert torch.allclose(layer(u), y, rtol=0, atol=1e-12)
    assert torch.allclose(layer.float()(u.float()).double(), y, rtol=0, atol=1e-5)


def test_later_inputs_change_no_earlier_output():
    layer = SGConv(d_model=2, l_max=32, causal=True, kernel_dim=8)
    u = torch.randn(1, 32, 2)
    changed = u.clone()
    changed[:, 17] += 1
    difference = (layer(changed) - layer(u)).abs()
    assert difference[:, :17].max() < 1e-12
    assert difference[:, 17].min() > 1e-3


def test_pieces_are_half_pixel_interpolations_with_clamped_edges():
    d, scales, alpha = 8, 4, 1.5
    layer = SGConv(d_model=3, l_max=64, causal=True, kernel_dim=d, decay_min=alpha, decay_max=alpha)
    kernel = (layer.kernel() * layer.kernel_norm)[0].detach()
    W = layer.W[:, 0].detach()
    edges = borders(d, scales)
    for i, factor in enumerate([1, 1, 2, 4]):
        piece = kernel[:, edges[i] : edges[i + 1]] / alpha ** (scales - 1 - i)
        torch_piece = interpolate(W[i][None], scale_factor=factor, mode="linear", align_corners=False)[0]
        assert torch.allclose(piece, torch_piece, rtol=0, atol=1e-12)
        sources = (np.arange(d * factor) + 0.5) / factor - 0.5  # np.interp holds the first and last value beyond them
        for h in range(3):
            expected = np.interp(sources, np.arange(d), W[i, h].numpy())
            assert np.abs(piece[h].numpy() - expected).max() <= 1e-12


@pytest.mark.parametrize("alpha", [2.0, 1.0])
def test_pieces_fade_by_alpha(alpha):
    """RMS of piece i ~ α^{-i} v_i, where v_i² is the share of white noise's energy that interpolation keeps."""
    d, scales = 64, 5
    layer = SGConv(d_model=128, l_max=1024, causal=True, kernel_dim=d, decay_min=alpha, decay_max=alpha)
    edges = borders(d, scales)
    kernel = layer.kernel()[0].detach()
    rms = [float(kernel[:, a:b].square().mean().sqrt()) for a, b in pairwise(edges)]
    for i, energy in enumerate([1, 1, 0.63, 0.667, 0.667]):
        assert rms[i] / rms[0] == pytest.approx(alpha**-i * energy**0.5, rel=0.15)


def test_white_noise_keeps_its_variance():
    layer = SGConv(d_model=16, l_max=256, causal=True, kernel_dim=32)
    torch.nn.init.zeros_(layer.D)
    y = layer(torch.randn(64, 512, 16))[:, 256:]
    assert y.square().mean().item() == pytest.approx(1, rel=0.05)


def test_kernel_of_half_the_length_is_the_first_half_up_to_scale():
    long = SGConv(d_model=3, l_max=128, causal=True, kernel_dim=16)
    short = SGConv(d_model=3, l_max=64, causal=True, kernel_dim=16)
    with torch.no_grad():
        short.W.copy_(long.W[:-1])
    ratio = 2 * short.kernel_norm / long.kernel_norm
    assert torch.allclose(long.kernel()[..., :64], ratio * short.kernel(), rtol=0, atol=1e-12)


def test_nearest_pieces_are_dilated_filters_of_running_sums():
    d, scales, L = 8, 4, 64
    layer = SGConv(d_model=3, l_max=L, causal=True, kernel_dim=d, interpolation="nearest")
    u = torch.randn(2, L, 3)
    past = pad(u, (0, 0, L, 0))  # index L + t is position t

    y = layer.D * u
    for i, (start, stretch) in enumerate(zip(borders(d, scales), [1, 1, 2, 4], strict=False)):
        weights = layer.W[i, 0] * 2.0 ** (scales - 1 - i) / layer.kernel_norm[0]  # (H, d)
        for t in range(L):
            for k in range(d):
                last = L + t - start - k * stretch
                if last >= 0:
                    y[:, t] = y[:, t] + weights[:, k] * past[:, max(last - stretch + 1, 0) : last + 1].sum(1)
    assert torch.allclose(layer(u), y, rtol=0, atol=1e-12)


def test_bidirectional_is_two_causal_convolutions_the_second_on_the_reversed_input_and_late_by_one():
    layer = SGConv(d_model=3, l_max=32, causal=False, kernel_dim=8)
    u = torch.randn(2, 32, 3)
    forward, backward = layer.kernel()
    assert not torch.allclose(forward, backward)
    reversed_output = causal_convolution(u.flip(1), backward).flip(1)
    ahead = pad(reversed_output[:, 1:], (0, 0, 0, 1))
    assert torch.allclose(layer(u), causal_convolution(u, forward) + ahead + layer.D * u, rtol=0, atol=1e-12)


def test_summed_pieces_all_start_at_lag_zero():
    d, scales = 4, 3
    layer = SGConv(d_model=2, l_max=16, causal=True, kernel_dim=d, combine="sum", decay_min=1.5, decay_max=3.0)
    expected = torch.zeros(2, 16)
    for i in range(scales):
        piece = interpolate(layer.W[i], scale_factor=2**i, mode="linear")[0]
        expected[:, : d * 2**i] += torch.tensor([[1.5], [3.0]]) ** (scales - 1 - i) * piece
    assert torch.allclose((layer.kernel() * layer.kernel_norm)[0], expected, rtol=0, atol=1e-12)
    assert torch.allclose(layer.kernel().norm(dim=-1), torch.ones(1, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("trained", [True, False])
def test_decay_by_a_power_of_the_lag(trained):
    build = {"d_model": 3, "l_max": 32, "causal": False, "kernel_dim": 8, "decay_min": 0.5, "decay_max": 1.5}
    layer = SGConv(**build, decay="learnable" if trained else "fixed")
    plain = SGConv(**build | {"decay_min": 1.0, "decay_max": 1.0})
    with torch.no_grad():
        plain.W.copy_(layer.W)
    power = layer.power.detach()[:, None]
    assert 0.5 <= float(power.min()) < float(power.max()) <= 1.5
    expected = plain.kernel() * plain.kernel_norm * torch.arange(1, 33) ** -power
    assert torch.allclose(layer.kernel() * layer.kernel_norm, expected, rtol=0, atol=1e-12)
    layer(torch.randn(1, 32, 3)).square().sum().backward()
    assert (layer.power.grad is not None) == trained


def test_cosine_weights_have_whole_periods_in_a_random_order():
    layer = SGConv(d_model=6, l_max=32, causal=False, kernel_dim=16, weights="cos")
    waves = torch.cos(2 * np.pi * torch.arange(6)[:, None] * torch.linspace(0, 1, 16))
    for scale in layer.W.detach():
        assert torch.equal(scale[0], scale[1])
        periods = torch.cdist(scale[0], waves).argmin(-1)
        assert sorted(periods.tolist()) == list(range(6))
        assert torch.allclose(scale[0], waves[periods], rtol=0, atol=1e-12)


def test_kernel_trains_at_its_own_rate():
    layer = SGConv(d_model=3, l_max=32, causal=False, kernel_dim=8)
    (group,) = layer.param_groups()
    assert group["max_lr"] == 1e-3
    assert [id(parameter) for parameter in group["params"]] == [id(layer.W)]
    layer(torch.randn(2, 32, 3)).square().mean().backward()
    assert all(parameter.grad.abs().min() > 0 for parameter in layer.parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_dim": 0}, "positive"),
        ({"decay_min": 0.0}, "0 < decay_min"),
        ({"decay_min": 3.0}, "decay_min <= decay_max"),
        ({"kernel_dim": 16}, "less than twice the length 8"),
        ({"kernel_dim": 4, "interpolation": "cubic"}, "interpolation must be one of linear, nearest"),
        ({"kernel_dim": 4, "combine": "product"}, "combine"),
        ({"kernel_dim": 4, "weights": "sin"}, "weights"),
        ({"kernel_dim": 4, "decay": "none"}, "decay"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SGConv(d_model=2, l_max=8, causal=True, **arguments)
