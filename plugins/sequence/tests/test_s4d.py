import math

import pytest
import torch

from bench_sequence import convolution
from bench_sequence.hippo import legs, nplr
from bench_sequence.s4 import S4
from bench_sequence.s4d import S4D, initial_system
from harness.conformance import in_float64, seeded

INITS = ("legs", "lin", "inv", "quad", "real", "random")
DISCRETIZATIONS = ("zoh", "bilinear")


@pytest.fixture(autouse=True)
def float64():
    with in_float64(), seeded(0):
        yield


def system(layer):
    """Return Λ, B (H, n), C (c, H, n) and Δ (H, 1)."""
    Lambda = torch.complex(-layer.decay.exp(), layer.imag)
    Lambda, B = (z.repeat_interleave(layer.copies, dim=0) for z in (Lambda, torch.view_as_complex(layer.B)))
    return Lambda, B, torch.view_as_complex(layer.C), layer.log_dt.exp()[:, None]


def run_steps(layer, u):
    outputs, state = [], None
    for u_t in u.unbind(1):
        y_t, state = layer.step(u_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1)


def relative_error(actual, expected):
    return float((actual - expected).detach().abs().max() / expected.detach().abs().max())


@pytest.mark.parametrize("discretization", DISCRETIZATIONS)
@pytest.mark.parametrize("init", INITS)
def test_convolution_is_the_recurrence(init, discretization):
    layer = S4D(d_model=4, l_max=70, causal=True, init=init, discretization=discretization, d_state=16, n_ssm=2)
    u = torch.randn(2, 70, 4)
    assert relative_error(run_steps(layer, u), layer(u)) < 1e-12


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("choice", [{}, {"init": "real", "real_state": True}, {"real_transform": "relu"}])
def test_scan_is_the_convolution(monkeypatch, causal, choice):
    monkeypatch.setattr("bench_sequence.diagonal.CHUNK", 16)
    build = {"d_model": 4, "l_max": 50, "causal": causal, "d_state": 8, "n_ssm": 2, **choice}
    convolution_layer, scan_layer = S4D(**build), S4D(**build, path="scan")
    scan_layer.load_state_dict(convolution_layer.state_dict())
    u = torch.randn(2, 50, 4)
    for rate in (1.0, 2.0):
        assert relative_error(scan_layer(u, rate=rate), convolution_layer(u, rate=rate)) < 1e-12


@pytest.mark.parametrize("path", ["convolution", "scan"])
@pytest.mark.parametrize("cut", [1, 20, 64])
def test_a_state_carries_on_where_a_prefix_ends(monkeypatch, path, cut):
    monkeypatch.setattr("bench_sequence.diagonal.CHUNK", 16)
    layer = S4D(d_model=4, l_max=64, causal=True, d_state=16, path=path)
    u = torch.randn(2, 100, 4)
    whole = layer(u)
    head, state = layer(u[:, :cut], return_state=True)
    assert relative_error(head, whole[:, :cut]) < 1e-12
    next_output, next_state = layer.step(u[:, cut], state)
    assert relative_error(next_output, whole[:, cut]) < 1e-12
    tail, last = layer(u[:, cut + 1 :], next_state, return_state=True)
    assert relative_error(tail, whole[:, cut + 1 :]) < 1e-12
    assert relative_error(last, layer(u, return_state=True)[1]) < 1e-12


@pytest.mark.parametrize("transform", ["exp", "softplus", "relu", "none"])
def test_every_transform_of_the_real_part_starts_from_the_same_system(transform):
    layer = S4D(d_model=4, l_max=16, causal=True, init="lin", real_transform=transform, d_state=8)
    Lambda, _, _ = layer.system()
    assert relative_error(Lambda, initial_system("lin", 4, 8)[0]) < 1e-12
    with torch.no_grad():
        layer.decay -= 5  # only the unconstrained form follows across zero
    assert bool((layer.system()[0].real < 0).all()) == (transform != "none")


def test_softmax_normalisation_is_dss_as_printed():
    """Rows e^{lΔΛ}, each divided by its sum, written out; one Λ grows, which only the shifted form can bear."""
    L = 40
    layer = S4D(d_model=3, l_max=L, causal=False, discretization="dss", real_transform="none", d_state=8)
    with torch.no_grad():
        layer.decay[:, 1] = -0.7
    Lambda, B, dt = layer.system()
    rows = torch.exp((dt * Lambda)[..., None] * torch.arange(L))
    rows = rows / rows.sum(-1, keepdim=True)
    K = torch.einsum("chn,hnl->chl", torch.view_as_complex(layer.C) * B / Lambda, rows).real
    assert relative_error(layer.kernel(L), K) < 1e-12
    with torch.no_grad():
        layer.decay[:, 1] = -1e5  # e^{LΔΛ} would overflow
    assert bool(layer.kernel(L).isfinite().all())
    with pytest.raises(ValueError, match="another discretization than dss"):
        S4D(d_model=3, l_max=L, causal=True, discretization="dss", d_state=8).step(torch.zeros(1, 3))


def test_real_state_is_a_sum_of_n_real_decays():
    layer = S4D(d_model=3, l_max=20, causal=True, init="real", real_state=True, d_state=5)
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == {
        "decay": (3, 5),
        "C": (1, 3, 5),
        "B": (3, 5),
        "log_dt": (3,),
        "D": (3,),
    }
    rate, dt = layer.decay.exp(), layer.log_dt.exp()[:, None]
    assert relative_error(rate, torch.arange(1.0, 6.0).expand(3, -1)) < 1e-12
    weights = 2 * layer.C[0] * layer.B * (1 - torch.exp(-dt * rate)) / rate
    K = torch.einsum("hn,hnl->hl", weights, torch.exp(-(dt * rate)[..., None] * torch.arange(20)))
    assert relative_error(layer.kernel(20)[0], K) < 1e-12


def test_untrained_b_stays():
    layer = S4D(d_model=3, l_max=20, causal=True, train_b=False, d_state=8)
    assert {name for name, _ in layer.named_parameters()} == {"decay", "imag", "C", "log_dt", "D"}
    assert len(layer.param_groups()[0]["params"]) == 3
    assert "B" in layer.state_dict()


def test_half_as_many_samples_at_twice_the_rate_give_every_other_output_of_a_held_input():
    layer = S4D(d_model=3, l_max=20, causal=True, d_state=8)
    held = torch.randn(2, 20, 3)
    twice = held.repeat_interleave(2, dim=1)
    assert relative_error(layer(held, rate=2.0), layer(twice)[:, 1::2]) < 1e-12
    with pytest.raises(ValueError, match="rate must be positive"):
        layer(held, rate=-1.0)


@pytest.mark.parametrize("built_in", [torch.float32, torch.float64])
def test_precision_follows_the_parameters(built_in):
    """float32 agrees to 1e-5; a float32 layer cast to float64 computes in float64 throughout."""
    torch.set_default_dtype(built_in)
    layer = S4D(d_model=4, l_max=64, causal=True, d_state=32)
    u = torch.randn(2, 64, 4)
    tolerance = 1e-5 if built_in == torch.float32 else 1e-12
    assert layer(u).dtype == built_in
    assert relative_error(run_steps(layer, u), layer(u)) < tolerance
    wide, u = layer.double(), u.double()
    assert relative_error(run_steps(wide, u), wide(u)) < 1e-12


@pytest.mark.parametrize("length", [1, 2, 3, 17, 100])
def test_pairs_give_the_kernel_of_all_n_complex_states(length):
    """Both halves of the pairs, summed over a Vandermonde matrix written out, have a real kernel, the layer's."""
    layer = S4D(d_model=4, l_max=100, causal=False, init="legs", d_state=16)
    *half, dt = system(layer)
    Lambda, B, C = (torch.cat([z, z.conj()], dim=-1) for z in half)
    B_bar = (torch.exp(dt * Lambda) - 1) / Lambda * B
    vandermonde = torch.exp((dt * Lambda)[..., None] * torch.arange(length))
    K = torch.einsum("chn,hnl->chl", C * B_bar, vandermonde)
    assert relative_error(layer.kernel(length), K) < 1e-12


def test_only_the_product_of_b_and_c_matters():
    layer = S4D(d_model=4, l_max=32, causal=True, init="legs", d_state=16)
    K = layer.kernel(32)
    _, B, C, _ = system(layer)
    with torch.no_grad():
        layer.C.copy_(torch.view_as_real(C * B))
        layer.B.copy_(torch.view_as_real(torch.ones_like(B)))
    assert relative_error(layer.kernel(32), K) < 1e-12


@pytest.mark.parametrize("discretization", DISCRETIZATIONS)
def test_taps_are_first_order_at_the_start_of_a_step_and_second_order_at_its_middle(discretization):
    """K_l/Δ tends to the impulse response h(t) = 2 Re Σ C B e^{Λt}, with slope 1 at t = lΔ and 2 at t = (l + 1/2)Δ."""

    def error(dt, offset):
        torch.manual_seed(0)
        params = {"init": "lin", "discretization": discretization, "d_state": 4, "dt_min": dt, "dt_max": dt}
        layer = S4D(d_model=2, l_max=1, causal=True, **params)
        Lambda, B, C, _ = system(layer)
        t = dt * (torch.arange(round(2 / dt)) + offset)
        h = 2 * ((C[0] * B)[..., None] * torch.exp(Lambda[..., None] * t)).sum(1).real
        return float((layer.kernel(len(t))[0] / dt - h).detach().abs().mean())

    for coarse, fine in ((0.1, 0.05), (0.05, 0.025)):
        assert error(coarse, 0.0) / error(fine, 0.0) == pytest.approx(2, rel=0.2)
        assert error(coarse, 0.5) / error(fine, 0.5) == pytest.approx(4, rel=0.1)


def test_zero_order_hold_is_exact_for_inputs_held_over_a_step():
    """Four steps of Δ/4 with the input held give the output of one step of Δ; the bilinear rule does not."""
    u = torch.randn(1, 32, 4)
    error = {}
    for discretization in DISCRETIZATIONS:
        layer = S4D(d_model=4, l_max=32, causal=True, init="lin", discretization=discretization, d_state=8)
        y = layer(u)
        with torch.no_grad():
            layer.log_dt -= math.log(4)
        error[discretization] = relative_error(layer(u.repeat_interleave(4, dim=1))[:, 3::4], y)
    assert error["zoh"] < 1e-12
    assert error["bilinear"] > 1e-4


@pytest.mark.parametrize("causal", [True, False])
def test_s4_without_its_low_rank_part_is_s4d(causal):
    shared = {"d_model": 4, "l_max": 33, "causal": causal, "d_state": 16}
    s4, s4d = S4(**shared), S4D(**shared, init="random", discretization="bilinear")
    with torch.no_grad():
        s4.P.zero_()
        s4.log_neg_real.copy_(s4d.decay)
        for name in ("imag", "B", "log_dt", "D"):
            getattr(s4, name).copy_(getattr(s4d, name))
    s4.set_output(torch.view_as_complex(s4d.C))
    u = torch.randn(2, 33, 4)
    assert relative_error(s4(u), s4d(u)) < 1e-12


def rho(s, N):
    k = torch.arange(N)
    return ((s[:, None] - k) / (s[:, None] + k + 1)).prod(-1)


@pytest.mark.parametrize("N", [8, 32])
def test_transfer_functions_of_s4_and_s4d_legs_differ_by_the_factor_1_plus_rho(N):
    """G_S4(s) = (1 + ρ(s)) G_S4D(s) with half of S4D's B, any C, and |ρ(iω)| = ω/√(ω² + N²)."""
    A, B = legs(N)
    Lambda, B_tilde = (z[0] for z in initial_system("legs", 1, N))
    C = torch.randn(N)
    C_tilde = C.to(torch.complex128) @ nplr("legs", N).V
    s = torch.complex(torch.rand(100), 100 * torch.randn(100))
    dplr = torch.linalg.solve(s[:, None, None] * torch.eye(N) - A, B.to(s.dtype)[:, None]).squeeze(-1) @ C.to(s.dtype)
    pairs = [
        z / (s[:, None] - p) for z, p in ((C_tilde * B_tilde, Lambda), ((C_tilde * B_tilde).conj(), Lambda.conj()))
    ]
    diagonal = sum(pairs).sum(-1) / 2
    assert relative_error((1 + rho(s, N)) * diagonal / dplr, torch.ones_like(s)) < 1e-10
    omega = torch.rand(100) * N**2
    assert relative_error(rho(1j * omega, N).abs(), omega / torch.sqrt(omega**2 + N**2)) < 1e-12


@pytest.mark.parametrize(
    ("dt", "N", "expected"),
    [(0.1, 16, 0.078), (0.1, 64, 0.020), (0.1, 256, 0.0021), (0.01, 16, 0.217), (0.01, 64, 0.063), (0.01, 256, 0.0149)],
)
def test_discretised_s4d_legs_with_half_its_b_approaches_s4(dt, N, expected):
    """ZOH kernels of HiPPO-LegS and of its diagonal part, C = e_0, mean |difference|/Δ over [0, 3]; about 1/N.

    The first state of HiPPO-LegS obeys x' = −x + u, hence its kernel (1 − e^{−Δ}) e^{−lΔ}.
    """
    L = round(3 / dt)
    layer = S4D(d_model=1, l_max=L, causal=True, init="legs", d_state=N, dt_min=dt, dt_max=dt)
    with torch.no_grad():
        layer.C.copy_(torch.view_as_real(nplr("legs", N).V[:1][None]))
        layer.B /= 2
        s4 = -math.expm1(-dt) * torch.exp(-dt * torch.arange(L))
        error = float((layer.kernel(L).flatten() - s4).abs().mean() / dt)
    assert expected / 2 < error < expected * 2


def test_legs_starts_from_the_eigenvalues_of_the_normal_part():
    N = 32
    A, B = legs(N)
    eigenvalues = torch.linalg.eigvals(A + torch.outer(B, B) / 2)
    Lambda, _ = initial_system("legs", 3, N)
    assert Lambda.shape == (3, N // 2)
    expected = torch.sort(eigenvalues.imag[eigenvalues.imag > 0]).values
    assert (Lambda.imag - expected).abs().max() < 1e-11 * expected.max()
    assert (eigenvalues.real - Lambda.real[0, 0]).abs().max() < 1e-11 * expected.max()


def test_closed_form_initialisations():
    k = torch.arange(32)
    for init, expected in (
        ("lin", torch.complex(torch.full((32,), -0.5), math.pi * k)),
        ("inv", torch.complex(torch.full((32,), -0.5), 64 / math.pi * (64 / (2 * k + 1) - 1))),
        ("quad", torch.complex(torch.full((32,), -0.5), (2 * k + 1) ** 2 / math.pi)),
        ("real", (-1.0 - k).to(torch.complex128)),
    ):
        Lambda, B = initial_system(init, 1, 64)
        assert relative_error(Lambda[0], expected) < 1e-15
        assert torch.equal(B, torch.ones_like(B))
    inv, legs_init = (initial_system(init, 1, 64)[0].imag.sort(descending=True).values[0] for init in ("inv", "legs"))
    assert inv[:2].tolist() == pytest.approx([1283, 414], abs=0.5)
    assert legs_init[:2].tolist() == pytest.approx([1303, 433], abs=0.5)


def test_random_initialisation_has_uniform_decay_and_lognormal_frequency_for_each_copy():
    Lambda, _ = initial_system("random", 100, 64)
    decay, log_frequency = -Lambda.real, Lambda.imag.log()
    assert decay.min() >= 1e-4
    assert decay.max() <= 1
    assert float(decay.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(log_frequency.mean()) == pytest.approx(0, abs=0.1)
    assert float(log_frequency.std()) == pytest.approx(1, abs=0.1)
    assert not torch.equal(Lambda[0], Lambda[1])


def test_causality_holds_and_breaks_with_an_fft_as_short_as_the_sequence(monkeypatch):
    layer = S4D(d_model=4, l_max=32, causal=True, init="lin", d_state=8)
    u = torch.randn(1, 32, 4)
    changed = u.clone()
    changed[:, 20:] += 1

    def leak():
        return relative_error(layer(changed)[:, :20], layer(u)[:, :20])

    assert leak() < 1e-12
    monkeypatch.setattr(convolution, "_fft_length", lambda minimum: minimum // 2)
    assert leak() > 0.01


def test_backward_kernel_starts_at_lag_one():
    layer = S4D(d_model=4, l_max=16, causal=False, d_state=8)
    impulse = torch.zeros(1, 16, 4)
    impulse[:, 6] = 1
    y, K = layer(impulse)[0].T, layer.kernel(16)
    expected = torch.cat([K[1, :, :6].flip(-1), K[0, :, :10]], dim=-1)
    expected[:, 6] += layer.D
    assert relative_error(y, expected) < 1e-12


def test_long_kernels_keep_their_phase_in_float32():
    """At l = 4000 the phase l Δ Im Λ is 5e5 radians; taken in float32 it would be wrong by some 0.03."""
    torch.set_default_dtype(torch.float32)
    layer = S4D(d_model=1, l_max=4000, causal=True, init="lin", d_state=64, dt_min=0.1, dt_max=0.1)
    with torch.no_grad():
        layer.imag += 1300
        layer.decay -= 7  # else the last taps have decayed to nothing
    K = layer.kernel(4000)
    assert K.dtype == torch.float32
    assert relative_error(K, layer.double().kernel(4000)) < 1e-5


def test_parameter_counts_of_tied_and_untied_layers():
    def count(**params):
        return sum(p.numel() for p in S4D(d_model=8, l_max=16, d_state=4, **params).parameters())

    assert count(causal=True) == 3 * 4 * 8 + 2 * 8  # Λ, B, C, then D, Δ
    assert count(causal=False, n_ssm=2) == 2 * 4 * 2 + 2 * 4 * 8 + 2 * 8


def test_param_group_holds_all_of_the_system_but_c_and_d():
    layer = S4D(d_model=4, l_max=16, causal=True, d_state=8)
    (group,) = layer.param_groups()
    names = {name for name, p in layer.named_parameters() if any(p is q for q in group["params"])}
    assert names == {"decay", "imag", "B", "log_dt"}
    assert (group["max_lr"], group["weight_decay"]) == (1e-3, 0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"init": "hippo"}, "init"),
        ({"discretization": "euler"}, "discretization"),
        ({"discretization": "dss", "path": "scan"}, "path"),
        ({"path": "loop"}, "path"),
        ({"real_transform": "sigmoid"}, "real_transform"),
        ({"real_state": True}, "init real"),
        ({"n_ssm": 0}, "n_ssm"),
        ({"d_state": 5}, "even"),
        ({"n_ssm": 3}, "n_ssm"),
        ({"dt_min": 0.2}, "dt_min"),
        ({"b_clip": -1.0}, "b_clip"),
    ],
)
def test_values_out_of_range_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        S4D(**{"d_model": 4, "l_max": 16, "causal": True, **bad})


def test_bidirectional_layer_does_not_step():
    with pytest.raises(ValueError, match="causal"):
        S4D(d_model=4, l_max=16, causal=False, d_state=8).step(torch.zeros(1, 4))
