"""Companion systems by three algorithms, their states, the closed loop and the network around it."""

import numpy as np
import pytest
import torch

from bench_sequence import companion
from bench_sequence.convolution import causal_convolution
from bench_sequence.spacetime import SpaceTime, normalised, residual_filters
from bench_sequence.spacetime_network import ClosedLoop, SpaceTimeNetwork, forecast_loss
from harness.conformance import in_float64, seeded


@pytest.fixture(autouse=True)
def float64():
    with in_float64(), seeded(0):
        yield


def close(actual, expected, atol=1e-11):
    """Compare to `atol` times the largest expected value, or one."""
    scale = max(1.0, float(expected.detach().abs().max()))
    torch.testing.assert_close(actual, expected, rtol=0, atol=atol * scale)


def naive_kernel(a, b, c, length):
    """c A^l b, power by power, with A written out entry by entry."""
    d = len(a)
    A = torch.zeros(d, d)
    for i in range(d - 1):
        A[i + 1, i] = 1
    A[:, -1] += a
    x, taps = b, []
    for _ in range(length):
        taps.append(c @ x)
        x = A @ x
    return torch.stack(taps)


@pytest.mark.parametrize("d", [1, 2, 8, 64])
@pytest.mark.parametrize("length", [1, 5, 32, 200])
def test_fast_kernels_are_dense_powers(d, length):
    a, b, c = torch.randn(3, 4, d)
    a = 0.9 * normalised(a)  # inside the unit circle, where the paper's algorithm is defined for all roots of unity
    naive = torch.stack([naive_kernel(*system, length) for system in zip(a, b, c, strict=True)])
    close(companion.dense_kernel(a, b, c, length), naive)
    close(companion.series_kernel(a, b, c, length), naive)
    c_tilde = c - torch.einsum("hi,hij->hj", c, torch.linalg.matrix_power(companion.companion_matrix(a), length))
    close(companion.reduced_output(a, c, length), c_tilde)
    close(companion.woodbury_kernel(a, b, c_tilde, length), naive, atol=1e-10)


def test_the_series_bears_an_eigenvalue_at_a_root_of_unity():
    """a = e_0 makes A the circular shift; the paper's algorithm divides by zero there."""
    a, b, c = torch.zeros(1, 4), torch.randn(1, 4), torch.randn(1, 4)
    a[0, 0] = 1
    close(companion.series_kernel(a, b, c, 8), naive_kernel(a[0], b[0], c[0], 8)[None])
    c_tilde = companion.reduced_output(a, c, 8)
    assert not companion.woodbury_kernel(a, b, c_tilde, 8).isfinite().all()


def test_a_of_norm_one_is_stable_and_other_a_is_not():
    def radius(a):
        return torch.linalg.eigvals(companion.companion_matrix(a)).abs().amax(-1)

    a = torch.randn(1000, 16)
    assert float(radius(normalised(a)).max()) <= 1 + 1e-9
    assert float((radius(a) > 1).double().mean()) > 0.9


def test_no_a_is_a_filter_of_d_taps():
    layer = SpaceTime(d_model=2, l_max=1, causal=True, kernel_dim=5)
    with torch.no_grad():
        layer.a.zero_()
        layer.b.zero_()[:, 0] = 1
        layer.D.zero_()
    u = torch.randn(1, 20, 2)
    close(layer.kernel(20)[0], torch.nn.functional.pad(layer.c[0], (0, 15)))
    close(layer(u), causal_convolution(u, layer.c[0]))


@pytest.mark.parametrize("algorithm", ["series", "woodbury", "dense"])
def test_convolution_is_the_recurrence(algorithm):
    layer = SpaceTime(d_model=4, l_max=1, causal=True, kernel_dim=6, heads=2, algorithm=algorithm)
    u = torch.randn(2, 30, 4)
    A, b, c = companion.companion_matrix(normalised(layer.a)), layer.b, layer.c[0]
    y = layer.D * u
    for h in range(4):
        x, g = torch.zeros(2, 6), h // 2
        for t in range(30):
            x = x @ A[g].T + u[:, t, h, None] * b[g]
            y[:, t, h] += x @ c[g]
    close(layer(u), y, atol=1e-10)


@pytest.mark.parametrize("cut", [1, 3, 9, 25])
def test_a_state_carries_on_where_a_prefix_ends(cut):
    """Also from a part shorter than the state."""
    layer = SpaceTime(d_model=4, l_max=1, causal=True, kernel_dim=8)
    u = torch.randn(2, 40, 4)
    whole = layer(u)
    _, state = layer(u[:, :cut], return_state=True)
    _, state = layer(u[:, cut : cut + 3], state, return_state=True)
    y, next_state = layer.step(u[:, cut + 3], state)
    close(y, whole[:, cut + 3])
    close(layer(u[:, cut + 4 :], next_state), whole[:, cut + 4 :])
    close(next_state, layer(u[:, : cut + 4], return_state=True)[1])


def test_backward_kernel_starts_at_lag_one():
    layer = SpaceTime(d_model=3, l_max=1, causal=False, kernel_dim=4)
    impulse = torch.zeros(1, 16, 3)
    impulse[:, 6] = 1
    K = layer.kernel(16)
    expected = torch.cat([K[1, :, :6].flip(-1), K[0, :, :10]], dim=-1)
    expected[:, 6] += layer.D
    close(layer(impulse)[0].T, expected)


def test_filters_are_differences_and_moving_average_residuals():
    filters, u = residual_filters(16), torch.randn(1, 200, 16)
    filtered = causal_convolution(u, filters)
    windows = set()
    for channel in range(16):
        kind, signal = channel % 8, u[0, :, channel].numpy()
        if kind < 4:
            expected = np.diff(signal, n=kind)
            close(filtered[0, kind:, channel], torch.from_numpy(expected))
        else:
            window = int((filters[channel] != 0).sum())
            windows.add(window)
            means = np.convolve(signal, np.ones(window) / window, mode="valid")
            close(filtered[0, window - 1 :, channel], torch.from_numpy(signal[window - 1 :] - means))
    assert len(windows) > 3
    assert min(windows) >= 4
    assert max(windows) <= 63


def test_closed_loop_is_the_recursion_on_its_own_inputs():
    layer = ClosedLoop(3, kernel_dim=5, normalise="a")
    u = torch.randn(2, 20, 3)
    y, u_next = layer(u, 12)
    A = companion.companion_matrix(normalised(layer.a))
    x = torch.zeros(2, 3, 5)
    for t in range(20):
        x = torch.einsum("hij,bhj->bhi", A, x) + u[:, t, :, None] * layer.b
    on_lag = layer.on_lag(u)
    close(on_lag[0][:, -1], y[:, 0])
    close(on_lag[1][:, -1], u_next[:, 0])
    for t in range(12):
        own = (layer.k * x).sum(-1)
        close(y[:, t], (layer.c * x).sum(-1), atol=1e-9)
        close(u_next[:, t], own, atol=1e-9)
        x = torch.einsum("hij,bhj->bhi", A, x) + own[..., None] * layer.b


def test_closed_loop_continues_an_autoregressive_process():
    """State = the last p values: a = 0, b = e_0, c = k = φ; the forecast is the noiseless recursion of AR(4)."""
    phi = torch.tensor([0.4, -0.3, 0.2, 0.5])
    layer = ClosedLoop(1, kernel_dim=4, normalise="a")
    with torch.no_grad():
        layer.a.zero_()
        layer.b.zero_()[0, 0] = 1
        layer.c.copy_(phi[None])
        layer.k.copy_(phi[None])
    values = list(torch.randn(30))
    y, _ = layer(torch.stack(values)[None, :, None], 25)
    for t in range(25):
        values.append(sum(phi[i] * values[-1 - i] for i in range(4)))
        close(y[0, t, 0], values[-1])


def test_without_feedback_the_forecast_is_the_free_response():
    layer = ClosedLoop(2, kernel_dim=6, normalise="a")
    with torch.no_grad():
        layer.k.zero_()
    u = torch.randn(1, 15, 2)
    y, _ = layer(u, 10)
    silent = torch.cat([u, torch.zeros(1, 9, 2)], dim=1)
    close(y, layer.on_lag(silent)[0][:, -10:])


def network():
    return SpaceTimeNetwork(d_model=16, kernel_dim=4, heads=2, dropout=0.0)


def test_a_constant_added_to_the_lag_shifts_the_forecast_by_it():
    model, x = network(), torch.randn(2, 30, 1)
    before, after = model(x, 10), model(x + 7, 10)
    close(after.horizon, before.horizon + 7)
    close(after.lag, before.lag + 7)


def test_loss_is_three_errors_one_position_apart():
    model, x, target = network(), torch.randn(2, 30, 1), torch.randn(2, 10, 1)
    forecast = model(x, 10)
    assert forecast.horizon.shape == (2, 10, 1)
    assert forecast.lag.shape == (2, 30, 1)
    everything = torch.cat([x, target], dim=1)
    parts = [
        forecast.horizon - target,
        forecast.lag[:, 3:] - everything[:, 4:31],
        forecast.next_inputs[:, 3:-1] - forecast.inputs[:, 4:],
    ]
    loss = forecast_loss(forecast, x, target, first=3)
    close(loss, sum(torch.sqrt((part * part).sum() / part.numel()) for part in parts))  # one of all sequences
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def test_the_encoder_has_as_many_blocks_as_asked_for_and_fixed_filters_before_the_first():
    for layers in (1, 2, 3):
        encoder = SpaceTimeNetwork(layers=layers, d_model=16, kernel_dim=4, heads=2).encoder
        assert [block.ssm.filters is not None for block in encoder] == [True, *[False] * (layers - 1)]
        assert [block.ssm.a.shape[0] for block in encoder] == [8, *[16] * (layers - 1)]
    with pytest.raises(ValueError, match="layers"):
        SpaceTimeNetwork(layers=0)


def test_normalisation_of_the_released_code():
    """By the 1-norm b, c and k too, but raw b in the state after the lag and raw k in the closed loop's next input."""
    layer = ClosedLoop(2, kernel_dim=3)
    u = torch.randn(1, 8, 2)
    y, u_next = layer(u, 5)
    unit = {name: normalised(parameter) for name, parameter in layer.named_parameters()}
    x = companion.final_state(unit["a"], layer.b, u.transpose(1, 2))
    closed = companion.companion_matrix(unit["a"]) + unit["b"][..., None] * unit["k"][:, None]
    for t in range(5):
        close(y[:, t], (unit["c"] * x).sum(-1))
        close(u_next[:, t], (layer.k * x).sum(-1))
        x = torch.einsum("hij,bhj->bhi", closed, x)


def test_bad_arguments_are_refused():
    for bad in ({"kernel_dim": 0}, {"heads": 3}, {"algorithm": "fft"}, {"preprocess": "mean"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            SpaceTime(**{"d_model": 4, "l_max": 4, "causal": True, **bad})
    with pytest.raises(ValueError, match="causal"):
        SpaceTime(d_model=4, l_max=4, causal=False).step(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="preprocess"):
        SpaceTime(d_model=4, l_max=4, causal=True, preprocess="residual").step(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="features"):
        SpaceTimeNetwork(features=3)
