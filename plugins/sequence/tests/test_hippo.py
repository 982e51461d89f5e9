import math

import pytest
import torch
from numpy.polynomial import Legendre

from bench_sequence.hippo import MATRICES, legs, nplr


def test_legs_has_the_published_entries():
    A, B = legs(4)
    for n in range(4):
        assert B[n] == pytest.approx(math.sqrt(2 * n + 1), rel=1e-15)
        for k in range(4):
            expected = -math.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else -(n + 1) if n == k else 0
            assert A[n, k] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("t", [0.0, 0.1, 1.0])
def test_legs_impulse_response_is_the_legendre_polynomials_of_warped_time(t):
    """(e^{At} B)_n = √(2n+1) e^{−t} P_n(2 e^{−t} − 1)."""
    A, B = legs(8)
    response = torch.linalg.matrix_exp(A * t) @ B
    decay = math.exp(-t)
    expected = [math.sqrt(2 * n + 1) * decay * Legendre.basis(n)(2 * decay - 1) for n in range(8)]
    torch.testing.assert_close(response, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("measure", MATRICES)
@pytest.mark.parametrize("N", [2, 8, 32, 64])
def test_nplr_form_gives_back_the_matrix(measure, N):
    A, B = MATRICES[measure](N)
    half = nplr(measure, N)
    Lambda, P, B_tilde = (torch.cat([z, z.conj()], dim=-1) for z in (half.Lambda, half.P, half.B))
    V = torch.cat([half.V, half.V.conj()], dim=-1)
    rebuilt = V @ (torch.diag(Lambda) - P.mT @ P.conj()) @ V.mH
    assert (V.mH @ V - torch.eye(N)).abs().max() < 1e-12
    assert (rebuilt - A).abs().max() < 1e-12 * A.abs().max()
    assert (V @ B_tilde - B).abs().max() < 1e-12 * B.abs().max()


@pytest.mark.parametrize("measure", ["legt", "fourier"])
def test_translated_measures_keep_a_window_of_two_units_of_time(measure):
    """An impulse t ago stands in the state as the values of the basis functions at t, and not at all past the window.

    LegT: √(2n+1)/2 P_n(1 − t); FouT: 1/2, then √½ cos πkt and √½ sin πkt. At finite N, but for Gibbs' ripples.
    """
    t = torch.linspace(0, 4, 201, dtype=torch.float64)
    inside, outside = (t > 0.2) & (t < 1.8), t > 2.3
    A, B = MATRICES[measure](64)
    response = (torch.linalg.matrix_exp(A * t[:, None, None]) @ B)[:, :6]
    if measure == "legt":
        expected = [math.sqrt(2 * n + 1) / 2 * torch.from_numpy(Legendre.basis(n)(1 - t.numpy())) for n in range(6)]
    else:
        waves = [f(math.pi * k * t) * math.sqrt(0.5) for k in (1, 2) for f in (torch.cos, torch.sin)]
        expected = [torch.full_like(t, 0.5), torch.zeros_like(t), *waves]
    assert (response - torch.stack(expected, dim=1))[inside].abs().mean() < 0.05
    assert response[outside].abs().mean() < 0.02


@pytest.mark.parametrize(("N", "ratio", "tolerance"), [(8, 0.9747, 5e-5), (64, 0.9996, 5e-5), (256, 0.99997, 5e-6)])
def test_spectrum_has_real_part_one_half_and_its_largest_frequency_approaches_n_squared_over_pi(N, ratio, tolerance):
    Lambda = nplr("legs", N).Lambda
    assert Lambda.dtype == torch.complex128
    assert bool((Lambda.real == -0.5).all())
    assert bool((Lambda.imag.diff() > 0).all())
    assert Lambda.imag[0] > 0
    assert Lambda.imag[-1] * math.pi / N**2 == pytest.approx(ratio, abs=tolerance)


@pytest.mark.parametrize(("N", "largest_change"), [(8, 3.2), (16, 8.2), (64, 38.8)])
def test_clip_changes_b_as_much_as_in_the_reference_code(N, largest_change):
    exact, clipped = nplr("legs", N), nplr("legs", N, b_clip=2.0)
    assert bool((exact.V[0].imag.abs() < 1e-15).all())
    assert bool((exact.V[0].real > 0).all())
    assert torch.equal(clipped.B.real, exact.B.real)
    assert clipped.B.imag.abs().max() == 2
    assert float((clipped.B - exact.B).abs().max()) == pytest.approx(largest_change, abs=0.06)


def test_an_unknown_measure_is_refused():
    with pytest.raises(ValueError, match="legs, legt or fourier"):
        nplr("lagt", 8)


@pytest.mark.parametrize("N", [0, 7])
def test_odd_or_empty_state_is_refused(N):
    with pytest.raises(ValueError, match="even"):
        nplr("legs", N)
