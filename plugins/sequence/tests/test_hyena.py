"""The implicit filter by its equation; Hyena as the product of diagonal and Toeplitz matrices."""

import math

import pytest
import torch

from bench_sequence.hyena import Hyena
from bench_sequence.implicit_filter import ImplicitFilter
from harness.conformance import in_float64, seeded

B, L, H = 2, 24, 4


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def toeplitz(kernel, length):
    """The (length, length) matrix with kernel[j] on its j-th lower diagonal, zero beyond the kernel."""
    return sum(torch.diag(kernel[j].repeat(length - j), -j) for j in range(min(length, len(kernel))))


def test_the_filter_is_its_equation_tap_by_tap():
    bands, l_max = 3, 10
    filter_ = ImplicitFilter(channels=H, l_max=l_max, directions=2, bands=bands, width=7, frequency=10)
    kernels = filter_()
    for direction, (first, second, third, last) in enumerate(filter_.networks):
        for tap in range(l_max):
            angles = [2 * math.pi * f * tap / l_max for f in (1e-4, (1e-4 + 2) / 2, 2)]
            z = torch.tensor([tap / (l_max - 1), *map(math.cos, angles), *(-math.sin(a) for a in angles)])
            torch.testing.assert_close(filter_.z[tap], z, rtol=0, atol=1e-12)
            h = z
            for layer in (first, second, third):
                h = torch.sin(10 * (layer.weight @ h + layer.bias))
            for channel in range(H):
                delta = math.log(100) * ((H - 1 - channel) / 1.5 + channel / 0.3) / (H - 1)
                expected = math.exp(-delta * tap / (l_max - 1)) * (last.weight[channel] @ h)
                torch.testing.assert_close(kernels[direction, channel, tap], expected, rtol=0, atol=1e-12)


def test_both_directions_share_positions_and_frequencies():
    filter_ = ImplicitFilter(channels=H, l_max=10, directions=2, bands=2, width=8, frequency=10)
    one = ImplicitFilter(channels=H, l_max=10, directions=1, bands=2, width=8, frequency=10)
    shared = 10 * 5 + 8
    network = (5 * 8 + 8) + 2 * (8 * 8 + 8) + 8 * H
    assert sum(p.numel() for p in one.parameters()) == shared + network
    assert sum(p.numel() for p in filter_.parameters()) == shared + 2 * network


def test_the_filter_has_its_own_rates():
    layer = Hyena(d_model=H, l_max=L, causal=True)
    networks, positions = layer.param_groups()
    assert (networks["max_lr"], positions["max_lr"]) == (1e-3, 1e-5)
    assert [p is layer.filter.z for p in positions["params"]] == [True]
    assert len(networks["params"]) == len(list(layer.filter.parameters())) - 1


@pytest.mark.parametrize("convolve_value", [False, True])
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("length", [L, 7, 40])  # the kernel's length, shorter, longer
def test_the_layer_is_gates_and_toeplitz_matrices_in_turn(order, convolve_value, length):
    layer = Hyena(d_model=H, l_max=L, causal=True, order=order, convolve_value=convolve_value)
    u = torch.randn(B, length, H)
    projected = layer.project(u)
    padded = torch.cat((torch.zeros(B, 2, projected.shape[2]), projected), dim=1)
    short = sum(padded[:, j : j + length] * layer.short.weight[:, 0, j] for j in range(3)) + layer.short.bias
    n_kernels = order if convolve_value else order - 1
    kernels = layer.filter()[0].reshape(H, n_kernels, L)
    D = layer.D.reshape(H, n_kernels)
    y = torch.empty(B, length, H)
    for h in range(H):
        *x, v = (short[..., i * H + h] for i in range(order + 1))
        matrices = [toeplitz(kernels[h, n], length) + D[h, n] * torch.eye(length) for n in range(n_kernels)]
        if not convolve_value:
            matrices = [torch.eye(length), *matrices]
        for b in range(B):
            operator = torch.eye(length)
            for matrix, gate in zip(matrices, reversed(x), strict=True):
                operator = torch.diag(gate[b]) @ matrix @ operator
            y[b, :, h] = operator @ v[b]
    torch.testing.assert_close(layer(u), y @ layer.out.weight.T + layer.out.bias, rtol=0, atol=1e-11)
