import math

import pytest
import torch
from numpy.polynomial import Legendre

from bench_sequence.hippo import MATRICES, nplr
from bench_sequence.s4 import S4
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def float64():
    with in_float64(), seeded(0):
        yield


def perturbed(*, d_model=4, **params):
    """Return an S4 that is away from its initialisation, so that no identity rests on the special values there."""
    layer = S4(d_model=d_model, **params)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return layer


def full_system(layer):
    """Return Λ, B (H, N), P (r, H, N) and C (c, H, N) with both halves of the conjugate pairs, and Δ (H, 1)."""

    def both_halves(z, copies=1):
        return torch.cat([z, z.conj()], dim=-1).repeat_interleave(copies, dim=0)

    Lambda = torch.complex(-layer.log_neg_real.exp(), layer.imag)
    Lambda, B = (both_halves(z, layer.copies) for z in (Lambda, torch.view_as_complex(layer.B)))
    P = torch.stack([both_halves(z, layer.copies) for z in torch.view_as_complex(layer.P)])
    return Lambda, P, B, both_halves(layer.output()), layer.log_dt.exp()[:, None]


def dense_system(layer):
    """Return Ā (H, N, N), B̄ (H, N), C (c, H, N) by the bilinear rule, over both halves of the conjugate pairs."""
    Lambda, P, B, C, dt = full_system(layer)
    A = torch.diag_embed(Lambda) - torch.einsum("rhi,rhj->hij", P, P.conj())
    eye = torch.eye(A.shape[-1])
    A_bar = torch.linalg.solve(eye - dt[..., None] / 2 * A, eye + dt[..., None] / 2 * A)
    return A_bar, torch.linalg.solve(eye - dt[..., None] / 2 * A, dt * B), C


def dense_kernel(layer, length):
    """Return C Ā^l B̄, (c, H, length), complex."""
    A_bar, x, C = dense_system(layer)
    taps = []
    for _ in range(length):
        taps.append((C * x).sum(-1))
        x = (A_bar @ x[..., None]).squeeze(-1)
    return torch.stack(taps, dim=-1)


def dense_recurrence(layer, u):
    """Return y (B, L, H) from x_t = Ā x_{t−1} + B̄ u_t, y_t = C x_t + D u_t."""
    A_bar, B_bar, C = dense_system(layer)
    x, outputs = torch.zeros(len(u), *B_bar.shape, dtype=B_bar.dtype), []
    for u_t in u.unbind(1):
        x = torch.einsum("hij,bhj->bhi", A_bar, x) + B_bar * u_t[..., None]
        outputs.append((C[0] * x).sum(-1).real + layer.D * u_t)
    return torch.stack(outputs, dim=1)


def run_steps(layer, u):
    outputs, state = [], None
    for u_t in u.unbind(1):
        y_t, state = layer.step(u_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1)


def relative_error(actual, expected):
    return float((actual - expected).detach().abs().max() / expected.detach().abs().max())


@pytest.mark.parametrize("measure", MATRICES)
@pytest.mark.parametrize(("N", "L"), [(8, 1), (8, 2), (8, 64), (32, 65), (32, 257)])
def test_cauchy_kernel_is_c_times_powers_of_a_times_b(measure, N, L):
    layer = perturbed(l_max=L, causal=False, measure=measure, d_state=N)
    tolerance = 1e-10 if measure == "fourier" else 1e-12  # hardly damped states make I − Ā^L, and so C̃, ill-conditioned
    assert relative_error(layer.kernel(L), dense_kernel(layer, L)) < tolerance  # dense: imaginary part included


@pytest.mark.parametrize("N", [8, 32])
@pytest.mark.parametrize("L", [65, 257])
def test_stored_half_gives_the_kernel_of_the_paper_over_all_n_states(N, L):
    """Algorithm 1 as printed, over N complex states and L nodes z = (2/Δ)(1 − ω)/(1 + ω); odd L avoids ω = −1."""
    layer = perturbed(l_max=L, causal=True, d_state=N)
    Lambda, (P,), B, C, dt = full_system(layer)
    A_bar, _, _ = dense_system(layer)
    C_tilde = C[0] - (C[0][:, None] @ torch.linalg.matrix_power(A_bar, L)).squeeze(1)
    omega = torch.exp(-2j * math.pi * torch.arange(L) / L)
    z = 2 / dt * (1 - omega) / (1 + omega)

    def cauchy(v):
        return (v[..., None] / (z[:, None, :] - Lambda[..., None])).sum(1)

    woodbury = cauchy(C_tilde * P) * cauchy(P.conj() * B) / (1 + cauchy(P.conj() * P))
    K = torch.fft.ifft(2 / (1 + omega) * (cauchy(C_tilde * B) - woodbury))
    assert relative_error(layer.kernel(L)[0], K) < 1e-12


@pytest.mark.parametrize("n_ssm", [1, 2, None])
def test_convolution_is_the_dense_recurrence(n_ssm):
    layer = perturbed(l_max=64, causal=True, d_state=16, n_ssm=n_ssm)
    u = torch.randn(2, 64, 4)
    assert relative_error(layer(u), dense_recurrence(layer, u)) < 1e-12


@pytest.mark.parametrize("measure", MATRICES)
def test_structured_step_is_the_dense_step(measure):
    layer = perturbed(l_max=64, causal=True, measure=measure, d_state=16)
    u = torch.randn(2, 40, 4)
    assert relative_error(run_steps(layer, u), dense_recurrence(layer, u)) < 1e-12


@pytest.mark.parametrize("measure", MATRICES)
@pytest.mark.parametrize("cut", [1, 20, 64])
def test_a_state_carries_on_where_a_prefix_ends(monkeypatch, measure, cut):
    monkeypatch.setattr("bench_sequence.s4.CHUNK", 16)
    layer = perturbed(l_max=64, causal=True, measure=measure, d_state=16, n_ssm=2)
    u = torch.randn(2, 100, 4)
    whole = layer(u)
    head, state = layer(u[:, :cut], return_state=True)
    assert relative_error(head, whole[:, :cut]) < 1e-12
    next_output, next_state = layer.step(u[:, cut], state)
    assert relative_error(next_output, whole[:, cut]) < 1e-10
    assert relative_error(layer(u[:, cut + 1 :], next_state), whole[:, cut + 1 :]) < 1e-10
    x, expected = torch.zeros(2, 4, 16, dtype=torch.complex128), layer(u, return_state=True)[1].x
    A_bar, B_bar, _ = dense_system(layer)
    for u_t in u.unbind(1):
        x = torch.einsum("hij,bhj->bhi", A_bar, x) + B_bar * u_t[..., None]
    assert relative_error(expected, x[..., :8]) < 1e-11


@pytest.mark.parametrize("length", [32, 50])
def test_a_kernel_at_another_rate_is_that_of_the_slower_clock(length):
    """K' = C' Ā(2Δ)^l B̄(2Δ) with C' = C̃ (I − Ā(2Δ)^{L/2})⁻¹, L being the length C̃ stands for."""
    layer = perturbed(l_max=64, causal=False, d_state=8)
    C_tilde_L, C_tilde = layer._extended(length, 2.0)
    actual = layer.kernel(length, rate=2.0)
    with torch.no_grad():
        layer.log_dt += math.log(2)
        A_bar, x, _ = dense_system(layer)
    full = torch.cat([C_tilde, C_tilde.conj()], dim=-1)
    system = torch.eye(8) - torch.linalg.matrix_power(A_bar, C_tilde_L)
    C = torch.linalg.solve(system, full.transpose(0, 1), left=False).transpose(0, 1)
    taps = []
    for _ in range(length):
        taps.append((C * x).sum(-1))
        x = (A_bar @ x[..., None]).squeeze(-1)
    assert relative_error(actual, torch.stack(taps, dim=-1)) < 1e-12


def test_half_as_many_samples_at_twice_the_rate_give_every_other_output():
    """For a smooth input, with an error that a shorter step makes smaller."""

    def error(samples):
        torch.manual_seed(0)
        layer = S4(d_model=2, l_max=samples, causal=True, d_state=8, dt_min=4 / samples, dt_max=4 / samples)
        with torch.no_grad():
            layer.D.zero_()
            u = torch.sin(torch.linspace(0, 4, samples + 1)[1:]).square()[None, :, None].expand(1, samples, 2)
            return relative_error(layer(u[:, 1::2], rate=2.0), layer(u)[:, 1::2])

    assert error(512) < 0.03
    assert error(256) / error(512) == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize("built_in", [torch.float32, torch.float64])
def test_precision_follows_the_parameters(built_in):
    """float32 agrees to 1e-5; a float32 layer cast to float64 computes in float64 throughout."""
    torch.set_default_dtype(built_in)
    layer = S4(d_model=4, l_max=64, causal=True, d_state=32)
    u = torch.randn(2, 64, 4)
    tolerance = 1e-5 if built_in == torch.float32 else 1e-12
    assert layer(u).dtype == built_in
    assert relative_error(run_steps(layer, u), layer(u)) < tolerance
    wide, u = layer.double(), u.double()
    assert relative_error(run_steps(wide, u), wide(u)) < 1e-12


def test_float64_initial_parameters_are_hippo_legs():
    layer = S4(d_model=4, l_max=16, causal=True, d_state=16, n_ssm=2)
    half = nplr("legs", 16)
    Lambda, P, B, _, _ = full_system(layer)
    for actual, expected in ((Lambda, half.Lambda), (P[0], half.P), (B, half.B)):
        assert (actual[:, :8] - expected).abs().max() < 1e-12


def test_stays_stable_whatever_the_parameters():
    """Q = P: Λ − P P* has a negative Hermitian part, hence the spectral radius of Ā is below one."""
    layer = S4(d_model=2, l_max=16, causal=True, d_state=16)
    for _ in range(100):
        with torch.no_grad():
            for parameter in (layer.log_neg_real, layer.imag, layer.P, layer.B):
                parameter += 0.5 * torch.randn_like(parameter)
        assert torch.linalg.eigvals(dense_system(layer)[0]).abs().max() < 1


@pytest.mark.parametrize("L", [32, 33])
def test_longer_kernels_extend_shorter_ones(L):
    layer = perturbed(l_max=L, causal=False, d_state=16)
    longest = layer.kernel(5 * L)
    assert relative_error(longest, dense_kernel(layer, 5 * L)) < 1e-12
    for length in (1, L - 1, L, L + 1, 2 * L):
        assert relative_error(layer.kernel(length), longest[..., :length]) < 1e-12
    assert relative_error(layer(torch.ones(1, 5 * L, 4))[:, -1], longest[0].sum(-1) + layer.D) < 1e-12


def test_gradients_flow_through_the_extension():
    layer = perturbed(d_model=1, l_max=8, causal=True, d_state=4)
    layer.kernel(8).square().sum().backward()
    short = [p.grad.clone() for p in layer.parameters() if p.grad is not None]
    layer.zero_grad()
    layer.kernel(20)[..., :8].square().sum().backward()
    extended = [p.grad for p in layer.parameters() if p.grad is not None]
    assert len(short) == len(extended) == 6  # all but D
    for a, b in zip(short, extended, strict=True):
        assert relative_error(a, b) < 1e-10


def legs_kernel_error(n, dt, b_clip=None):
    """Return how far the kernel with C = e_n is from Δ √(2n+1) e^{−t} P_n(2 e^{−t} − 1), relative, over t in [0, 2]."""
    L = round(2 / dt)
    layer = S4(d_model=1, l_max=L, causal=True, d_state=16, dt_min=dt, dt_max=dt, b_clip=b_clip)
    layer.set_output(nplr("legs", 16).V[n].reshape(1, 1, -1))
    decay = torch.exp(-dt * (torch.arange(L) + 0.5))  # bilinear taps are means over a step: compare at its midpoint
    polynomial = torch.from_numpy(Legendre.basis(n)(2 * decay.numpy() - 1))
    return relative_error(layer.kernel(L).flatten(), dt * math.sqrt(2 * n + 1) * decay * polynomial)


@pytest.mark.parametrize("n", [0, 3])
def test_kernel_approaches_the_closed_form_of_hippo_legs(n):
    error, halved = legs_kernel_error(n, dt=0.002), legs_kernel_error(n, dt=0.001)
    assert halved < 0.01
    assert error / halved == pytest.approx(4, rel=0.1)  # second order in Δ


def test_clipping_b_leaves_hippo_legs():
    assert legs_kernel_error(3, dt=0.001, b_clip=2.0) > 0.1


def test_backward_kernel_starts_at_lag_one():
    layer = perturbed(l_max=16, causal=False, d_state=8)
    impulse = torch.zeros(1, 16, 4)
    impulse[:, 6] = 1
    y, K = layer(impulse)[0].T, layer.kernel(16)
    expected = torch.cat([K[1, :, :6].flip(-1), K[0, :, :10]], dim=-1)
    expected[:, 6] += layer.D
    assert relative_error(y, expected) < 1e-12


def test_reversing_the_input_swaps_the_two_kernels():
    """With the two C swapped, the reversed sequence gives the reversed output, one step later (the lag-one start)."""
    layer = perturbed(l_max=32, causal=False, d_state=8)
    u = torch.randn(2, 32, 4)
    with torch.no_grad():
        layer.D.zero_()
        y = layer(u)
        layer.C_tilde.copy_(layer.C_tilde.flip(0))
        swapped = layer(u.flip(1)).flip(1)
    assert relative_error(swapped[:, 1:], y[:, :-1]) < 1e-12


def test_parameter_counts_of_tied_and_untied_layers():
    def count(**params):
        return sum(p.numel() for p in S4(d_model=8, l_max=16, d_state=4, **params).parameters())

    assert count(causal=True) == 4 * 4 * 8 + 2 * 8  # Λ, P, B, C, then D, Δ
    assert count(causal=True, n_ssm=2) == 3 * 4 * 2 + 4 * 8 + 2 * 8
    assert count(causal=False, n_ssm=1) == 3 * 4 + 2 * 4 * 8 + 2 * 8


def test_steps_start_log_uniform_and_within_their_limits():
    dt = S4(d_model=2000, l_max=1, causal=True, d_state=2, n_ssm=1, dt_min=0.01, dt_max=1.0).log_dt.detach().exp()
    assert dt.min() >= 0.01
    assert dt.max() <= 1
    assert float(dt.log10().mean()) == pytest.approx(-1, abs=0.05)


def test_param_group_holds_all_of_the_system_but_c_and_d():
    layer = S4(d_model=4, l_max=16, causal=True, d_state=8)
    (group,) = layer.param_groups()
    names = {name for name, p in layer.named_parameters() if any(p is q for q in group["params"])}
    assert names == {"log_neg_real", "imag", "P", "B", "log_dt"}
    assert (group["max_lr"], group["weight_decay"]) == (1e-3, 0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"d_state": 5}, "even"),
        ({"measure": "lagt"}, "legs, legt or fourier"),
        ({"n_ssm": 3}, "n_ssm"),
        ({"n_ssm": 0}, "n_ssm"),
        ({"dt_min": 0.0}, "dt_min"),
        ({"dt_min": 0.2}, "dt_min"),
        ({"b_clip": -1.0}, "b_clip"),
        ({"l_max": 0}, "l_max"),
    ],
)
def test_values_out_of_range_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        S4(**{"d_model": 4, "l_max": 16, "causal": True, **bad})


def test_what_a_state_cannot_do_is_refused():
    with pytest.raises(ValueError, match="a state needs causal=True and rate=1"):
        S4(d_model=4, l_max=16, causal=False, d_state=8)(torch.zeros(1, 4, 4), return_state=True)
    with pytest.raises(ValueError, match="a state needs causal=True and rate=1"):
        S4(d_model=4, l_max=16, causal=True, d_state=8)(torch.zeros(1, 4, 4), return_state=True, rate=2.0)
    with pytest.raises(ValueError, match="rate must be positive"):
        S4(d_model=4, l_max=16, causal=True, d_state=8)(torch.zeros(1, 4, 4), rate=0.0)


def test_bidirectional_layer_does_not_step():
    with pytest.raises(ValueError, match="causal"):
        S4(d_model=4, l_max=16, causal=False, d_state=8).step(torch.zeros(1, 4))
