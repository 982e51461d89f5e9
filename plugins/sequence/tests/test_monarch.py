"""Monarch matrices against their dense form, and Monarch Mixer's convolution against the one by FFT."""

import itertools

import numpy as np
import pytest
import torch
from scipy.linalg import hadamard
from torch.utils.flop_counter import FlopCounterMode

from bench_sequence.convolution import causal_convolution, two_sided_convolution
from bench_sequence.monarch import fourier_blocks, monarch_convolution, monarch_product
from bench_sequence.monarch_mixer import MonarchMixer
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def random_blocks(b, p):
    return [torch.randn(b**s, b ** (p - 1 - s), b, b) for s in range(p)]


def dense(blocks):
    n = blocks[0].shape[-1] ** len(blocks)
    return monarch_product(torch.eye(n, dtype=blocks[0].dtype), blocks).T


@pytest.mark.parametrize("b", [3, 8])
def test_order_two_is_block_diagonals_between_transpositions(b):
    R, L = random_blocks(b, 2)
    P = torch.eye(b * b).reshape(b, b, b * b).transpose(0, 1).reshape(b * b, b * b)
    M = P @ torch.block_diag(*L[:, 0]) @ P @ torch.block_diag(*R[0]) @ P
    torch.testing.assert_close(dense([R, L]), M, rtol=0, atol=1e-12)


def test_an_entry_of_order_three_is_a_product_of_one_entry_of_each_factor():
    b = 3
    F1, F2, F3 = random_blocks(b, 3)
    M = dense([F1, F2, F3])
    for j1, j2, j3, k1, k2, k3 in itertools.product(range(b), repeat=6):
        entry = F1[0, j2 * b + j3, k1, j1] * F2[k1, j3, k2, j2] * F3[k1 * b + k2, 0, k3, j3]
        torch.testing.assert_close(M[(k3 * b + k2) * b + k1, (j1 * b + j2) * b + j3], entry, rtol=0, atol=1e-12)


def test_slices_of_order_two_have_rank_one():
    b = 4
    M = dense(random_blocks(b, 2)).reshape(b, b, b, b)  # k2, k1, j1, j2
    for k1, j2 in itertools.product(range(b), repeat=2):
        assert torch.linalg.matrix_rank(M[:, k1, :, j2]) == 1


def projected(M):
    """The nearest Monarch matrix of order 2, its blocks, and the squared distance: b² best approximations of rank one.

    Dao et al. 2022, section 3.3: with output k2 b + k1 and input j1 b + j2, the entries at one (k1, j2) make a slice
    over (k2, j1), which in a Monarch matrix is the product L[k1, k2, j2] R[j2, k1, j1].
    """
    b = round(len(M) ** 0.5)
    U, S, Vh = torch.linalg.svd(M.reshape(b, b, b, b).permute(1, 3, 0, 2))  # k1, j2, then k2, j1
    R = Vh[:, :, 0].permute(1, 0, 2)  # j2, k1, j1
    L = (U[..., 0] * S[..., :1]).permute(0, 2, 1)  # k1, k2, j2
    blocks = [R[None], L[:, None]]
    return dense(blocks), blocks, S[..., 1:].square().sum()


def test_a_monarch_matrix_is_its_own_projection():
    for M in (dense(random_blocks(5, 2)), torch.eye(25)[torch.arange(25).reshape(5, 5).T.flatten()]):
        nearest, _, distance = projected(M)
        torch.testing.assert_close(nearest, M, rtol=0, atol=1e-12)
        assert distance < 1e-20


def test_the_fourier_matrix_is_its_own_projection():
    F = torch.fft.fft(torch.eye(36, dtype=torch.complex128)).T
    nearest, blocks, distance = projected(F)
    torch.testing.assert_close(nearest, F, rtol=0, atol=1e-11)
    assert distance < 1e-20
    x = torch.randn(2, 36, dtype=torch.complex128)
    torch.testing.assert_close(monarch_product(x, blocks), torch.fft.fft(x), rtol=0, atol=1e-11)


def test_a_dense_matrix_has_a_nearest_monarch_matrix():
    """The rest is orthogonal to it and to what its blocks can change, and no other blocks come nearer."""
    M = torch.randn(16, 16)
    nearest, (R, L), distance = projected(M)
    rest = M - nearest
    torch.testing.assert_close(rest.square().sum(), distance, rtol=1e-12, atol=0)
    assert abs(float((rest * nearest).sum())) < 1e-11
    assert 0 < distance < M.square().sum()
    for _ in range(20):
        dR, dL = torch.randn_like(R), torch.randn_like(L)
        assert abs(float((rest * (dense([dR, L]) + dense([R, dL]))).sum())) < 1e-10
        assert (M - dense([R + 0.1 * dR, L + 0.1 * dL])).square().sum() > distance


@pytest.mark.parametrize(("b", "p"), [(8, 2), (4, 3)])
def test_a_product_costs_the_length_times_block_size_and_order(b, p):
    """p n^{1 + 1/p} multiplications, where a dense matrix takes n²."""
    with FlopCounterMode(display=False) as counter:
        monarch_product(torch.randn(3, b**p), random_blocks(b, p))
    assert counter.get_total_flops() == 2 * 3 * p * b**p * b


@pytest.mark.parametrize(("b", "p"), [(8, 2), (5, 2), (4, 3), (2, 6)])
def test_the_fourier_transform_is_a_monarch_matrix(b, p):
    x = torch.randn(3, b**p, dtype=torch.complex128)
    blocks = fourier_blocks(b, p, torch.complex128)
    spectrum = monarch_product(x, blocks)
    assert np.abs(spectrum.numpy() - np.fft.fft(x.numpy())).max() < 1e-10
    inverse = monarch_product(spectrum, [F.conj() for F in blocks]) / b**p
    torch.testing.assert_close(inverse, x, rtol=0, atol=1e-12)


def test_it_evaluates_the_polynomial_with_these_coefficients_at_the_roots_of_unity():
    x = torch.randn(36, dtype=torch.complex128)
    roots = np.exp(-2j * np.pi * np.arange(36) / 36)
    values = np.polynomial.polynomial.polyval(roots, x.numpy())
    spectrum = monarch_product(x, fourier_blocks(6, 2, torch.complex128))
    assert np.abs(spectrum.numpy() - values).max() < 1e-12


def test_the_hadamard_transform_is_a_monarch_matrix():
    small = torch.tensor(hadamard(4), dtype=torch.float64)
    M = dense([small.expand(1, 4, 4, 4), small.expand(4, 1, 4, 4)])
    order = torch.arange(16).reshape(4, 4).T.flatten()  # the last permutation reorders the outputs
    torch.testing.assert_close(M[order], torch.tensor(hadamard(16), dtype=torch.float64), rtol=0, atol=0)


@pytest.mark.parametrize("p", [2, 3])
@pytest.mark.parametrize(("length", "taps"), [(1, 8), (20, 20), (31, 12)])
def test_convolutions_are_those_by_fft(p, length, taps):
    u, forward, backward = torch.randn(2, length, 3), torch.randn(3, taps), torch.randn(3, taps)
    one = monarch_convolution(u, forward, None, p)
    torch.testing.assert_close(one, causal_convolution(u, forward), rtol=0, atol=1e-11)
    both = monarch_convolution(u, forward, backward, p)
    torch.testing.assert_close(both, two_sided_convolution(u, forward, backward), rtol=0, atol=1e-11)


def banded(forward, backward, length):
    """The matrix with forward[j] on its j-th lower diagonal and backward[j] on its (j + 1)-th upper one."""
    M = torch.zeros(length, length)
    for t, s in itertools.product(range(length), repeat=2):
        kernel, lag = (forward, t - s) if s <= t else (backward, s - t - 1)
        M[t, s] = kernel[lag] if lag < len(kernel) else 0
    return M


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("length", [16, 5, 23])  # the kernels' length, shorter, longer
def test_the_mixer_is_its_equation_with_dense_matrices(causal, length):
    H, l_max = 3, 16
    layer = MonarchMixer(d_model=H, l_max=l_max, causal=causal, width=16)
    u = torch.randn(2, length, H)
    padded = torch.nn.functional.pad(layer.project(u), (0, 0, 2, 0))
    short = sum(padded[:, j : j + length] * layer.short.weight[:, 0, j] for j in range(3)) + layer.short.bias
    x_1, x_2, v = short.split(H, dim=-1)
    K, K_residual = (
        [banded(k[0, h], torch.zeros(1) if causal else k[1, h], length) + D[h] * torch.eye(length) for h in range(H)]
        for k, D in ((filter_(), D) for filter_, D in zip(layer.filters, layer.D, strict=True))
    )
    y = torch.stack(
        [x_2[..., h] * ((x_1 * v)[..., h] @ K[h].T) + u[..., h] @ K_residual[h].T for h in range(H)], dim=-1
    )
    torch.testing.assert_close(layer(u), layer.out(y), rtol=0, atol=1e-11)


@pytest.mark.parametrize("causal", [True, False])
def test_every_order_and_the_fft_compute_the_same(causal):
    u, outputs = torch.randn(2, 30, 4), []
    for order in (None, 2, 3, 5):
        torch.manual_seed(0)
        outputs.append(MonarchMixer(d_model=4, l_max=32, causal=causal, monarch_order=order, width=8)(u))
    for output in outputs[1:]:
        torch.testing.assert_close(output, outputs[0], rtol=0, atol=1e-12)


def test_parameters_are_those_of_the_released_mixer():
    """4 d^2 + 4 d projections, 12 d short filter, 2 d skips; positions, 128 frequencies and two networks per filter."""
    d, l_max, z = 32, 128, 5
    network = (z * 128 + 128) + 2 * (128 * 128 + 128) + 128 * d
    expected = 4 * d * d + 4 * d + 12 * d + 2 * d + 2 * (l_max * z + 128 + 2 * network)
    layer = MonarchMixer(d_model=d, l_max=l_max, causal=False)
    assert sum(p.numel() for p in layer.parameters()) == expected
    groups = layer.param_groups()
    assert sorted((g["max_lr"], g["weight_decay"]) for g in groups) == [(1e-5, 0.0)] * 2 + [(1e-3, 0.1)] * 2


def test_the_residual_convolution_can_be_left_out():
    layer = MonarchMixer(d_model=4, l_max=16, causal=True, residual=False, width=8)
    with torch.no_grad():
        layer.short.weight[4:8], layer.short.bias[4:8] = 0, 0  # x_2 = 0
    u = torch.randn(1, 16, 4)
    torch.testing.assert_close(layer(u), layer.out.bias.expand(u.shape), rtol=0, atol=1e-12)


def test_order_one_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        MonarchMixer(d_model=4, l_max=16, causal=True, monarch_order=1)
