import math

import pytest
import torch

from bench_sequence.fnet import FNet


def noise(L, H):
    return torch.randn(2, L, H, dtype=torch.float64, generator=torch.Generator().manual_seed(L))


def angles(n):
    """2π j k / n for all j and k."""
    index = torch.arange(n, dtype=torch.float64)
    return 2 * math.pi * torch.outer(index, index) / n


@pytest.mark.parametrize(("L", "H"), [(1, 6), (8, 6), (13, 5)])
def test_it_is_the_sum_of_cosines_of_the_papers_equation(L, H):
    x = noise(L, H)
    cosines = torch.cos(angles(L)[:, None, :, None] + angles(H)[None, :, None, :])  # (n, k, m, j)
    layer = FNet(d_model=H, l_max=L, causal=False)
    torch.testing.assert_close(layer(x), torch.einsum("nkmj,bmj->bnk", cosines, x), rtol=0, atol=1e-11)


def test_it_is_two_real_matrix_products_less_two():
    x = noise(9, 7)
    C_L, S_L, C_H, S_H = angles(9).cos(), angles(9).sin(), angles(7).cos(), angles(7).sin()
    layer = FNet(d_model=7, l_max=9, causal=False)
    torch.testing.assert_close(layer(x), C_L @ x @ C_H - S_L @ x @ S_H, rtol=0, atol=1e-11)


def test_noise_comes_out_with_half_of_length_times_width_as_variance():
    x, size = noise(128, 64), {"d_model": 64, "l_max": 128}
    assert FNet(**size, causal=False)(x).var().item() == pytest.approx(128 * 64 / 2, rel=0.05)
    assert FNet(**size, causal=False, scale="orthonormal")(x).var().item() == pytest.approx(0.5, rel=0.05)


def test_twice_it_gives_the_mean_of_the_sequence_and_its_reflection():
    """Re F and Im F of a real x are the even and the odd part of F, and F F reflects: Re F Re F x = (x + Rx) / 2."""
    x, layer = noise(12, 6), FNet(d_model=6, l_max=12, causal=False, scale="orthonormal")
    reflected = x.roll((-1, -1), (1, 2)).flip(1, 2)
    torch.testing.assert_close(layer(layer(x)), (x + reflected) / 2, rtol=0, atol=1e-12)


def test_there_is_no_other_scale():
    with pytest.raises(ValueError, match="scale must be"):
        FNet(d_model=6, l_max=12, causal=False, scale="sqrt")
