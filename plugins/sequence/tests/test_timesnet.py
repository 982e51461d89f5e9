"""TimesNet: its periods on sines, its image convolution by six separate ones, its folding with identity kernels."""

import math

import pytest
import torch
from torch.nn.functional import conv1d, conv2d, gelu

from bench_sequence import timesnet
from bench_sequence.timesnet import Inception, TimesNet, convolved
from bench_sequence.timesnet_network import TimesNetForecaster
from harness.conformance import in_float64, seeded

B, L, H = 3, 48, 4


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def build(**parameters):
    layer = TimesNet(d_model=H, l_max=L, causal=False, **{"d_ff": 6, "kernels": 3, **parameters})
    for inception in (layer.widen, layer.narrow):
        torch.nn.init.normal_(inception.bias)
    return layer


def block_loop(layer, x):
    """The TimesBlock of one sequence (L, H), row by row, kernel by kernel."""
    length = len(x)
    amplitudes = torch.fft.fft(x.T).abs().mean(0)
    order = amplitudes[1 : length // 2 + 1].argsort(descending=True)[: layer.top_k] + 1
    weights = amplitudes[order].exp() / amplitudes[order].exp().sum()
    y = x
    for f, weight in zip(order.tolist(), weights, strict=True):
        p = length // f
        rows = math.ceil(length / p)
        image = torch.zeros(1, H, rows, p)
        for t in range(length):
            image[0, :, t // p, t % p] = x[t]
        for inception, activation in ((layer.widen, gelu), (layer.narrow, lambda z: z)):
            parts = zip(inception.weights, inception.bias, strict=True)
            convolved = [conv2d(image, w, b, padding=w.shape[-1] // 2) for w, b in parts]
            image = activation(sum(convolved) / len(convolved))
        y = y + weight * torch.stack([image[0, :, t // p, t % p] for t in range(length)])
    return y


@pytest.mark.parametrize("length", [L, 2, 31])
@torch.no_grad()
def test_each_sequence_goes_through_a_block_of_its_own(length):
    layer, x = build(), torch.randn(B, length, H)
    torch.testing.assert_close(layer(x), torch.stack([block_loop(layer, u) for u in x]), rtol=0, atol=1e-11)


@torch.no_grad()
def test_periods_of_the_batch_couple_its_sequences_and_their_own_do_not():
    x, order = torch.randn(4, L, H), torch.tensor([2, 0, 3, 1])
    for periods, coupled in (("batch", True), ("sequence", False)):
        layer = build(periods=periods)
        torch.testing.assert_close(layer(x[order]), layer(x)[order], rtol=0, atol=1e-12)
        assert (layer(x[:2]) - layer(x)[:2]).abs().max().item() > 1e-3 or not coupled
    torch.testing.assert_close(layer(x[:2]), layer(x)[:2], rtol=0, atol=1e-12)


def test_periods_of_the_batch_are_those_of_its_mean_amplitudes():
    x = torch.randn(B, L, H)
    periods, amplitudes = build(periods="batch").strongest_periods(x)
    spectrum = torch.fft.rfft(x, dim=1).abs().mean(-1)
    order = spectrum.mean(0)[1:].argsort(descending=True)[:5] + 1
    assert torch.equal(periods, (L // order).expand(B, -1))
    torch.testing.assert_close(amplitudes, spectrum[:, order], rtol=0, atol=1e-12)


def test_the_inception_block_is_the_mean_of_its_convolutions():
    block, x = Inception(H, 5, 6), torch.randn(2, H, 7, 9)
    torch.nn.init.normal_(block.bias)
    parts = [conv2d(x, w, b, padding=i) for i, (w, b) in enumerate(zip(block.weights, block.bias, strict=True))]
    torch.testing.assert_close(convolved(x, block.merged()), torch.stack(parts).mean(0), rtol=0, atol=1e-12)
    assert sum(p.numel() for p in block.parameters()) == 286 * H * 5 + 6 * 5


def test_a_sine_is_folded_at_its_period_with_all_the_weight():
    x = torch.sin(2 * math.pi * torch.arange(192) / 24)[None, :, None].expand(1, 192, H)
    layer = TimesNet(d_model=H, l_max=192, causal=False)
    periods, amplitudes = layer.strongest_periods(x)
    assert periods[0, 0] == 24
    assert amplitudes.softmax(1)[0, 0] > 1 - 1e-9


@pytest.mark.parametrize("length", [L, 41])
def test_with_identity_kernels_and_no_activation_the_block_doubles_its_input(length, monkeypatch):
    layer, x = build(d_ff=H), torch.randn(B, length, H)
    for inception in (layer.widen, layer.narrow):
        torch.nn.init.zeros_(inception.bias)
        for i, weight in enumerate(inception.weights):
            torch.nn.init.zeros_(weight)
            weight.data[:, :, i, i] = torch.eye(H)
    monkeypatch.setattr(timesnet, "gelu", lambda z: z)
    torch.testing.assert_close(layer(x), 2 * x, rtol=0, atol=1e-12)


def test_one_period_as_long_as_the_sequence_is_a_convolution_along_it():
    layer = build(top_k=1)
    x = torch.sin(2 * math.pi * torch.arange(L) / L)[None, :, None] * torch.randn(H)
    assert layer.strongest_periods(x)[0].tolist() == [[L]]
    z = x.transpose(1, 2)
    for inception, activation in ((layer.widen, gelu), (layer.narrow, lambda z: z)):
        kernel = sum(
            torch.nn.functional.pad(w[:, :, i], (2 - i, 2 - i)) for i, w in enumerate(inception.weights)
        )  # the middle rows
        z = activation(conv1d(z, kernel / 3, inception.bias.mean(0), padding=2))
    torch.testing.assert_close(layer(x), x + z.transpose(1, 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"), [({"top_k": 0}, "positive"), ({"periods": "all"}, "sequence or batch")]
)
def test_bad_arguments_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        TimesNet(d_model=H, l_max=L, causal=False, **parameters)


def forecaster(**parameters):
    sizes = {"lookback": 24, "horizon": 12, "series": 3, "d_model": H, "d_ff": 6, "kernels": 3, "dropout": 0.0}
    return TimesNetForecaster(**{**sizes, **parameters})


def test_a_forecast_follows_shifts_and_scales_of_its_window():
    model, x = forecaster(), torch.randn(B, 24, 3)
    a, b = 1 + torch.rand(B, 1, 3), torch.randn(B, 1, 3)
    torch.testing.assert_close(model(a * x + b), a * model(x) + b, rtol=0, atol=1e-4)  # up to the 10^-5 in std


def test_the_forecaster_is_its_equation():
    model, x, calendar = forecaster(calendar=4), torch.randn(B, 24, 3), torch.rand(B, 24, 4) - 0.5
    mean, std = x.mean(1, keepdim=True), torch.sqrt(x.var(1, correction=0, keepdim=True) + 1e-5)
    rows = (x - mean) / std
    around = torch.cat((rows[:, -1:], rows, rows[:, :1]), 1)
    h = sum(around[:, j : j + 24] @ model.embed.weight[:, :, j].T for j in range(3))
    h = h + calendar @ model.calendar.weight.T + timesnet_positions(24)
    h = torch.einsum("ts,bsh->bth", model.extend.weight, h) + model.extend.bias[:, None]
    for block in model.blocks:
        h = torch.stack([block_loop(block, u) for u in h])
        h = (h - h.mean(-1, keepdim=True)) / torch.sqrt(h.var(-1, correction=0, keepdim=True) + 1e-5)
    y = (h @ model.project.weight.T + model.project.bias)[:, 24:] * std + mean
    torch.testing.assert_close(model(x, calendar), y, rtol=0, atol=1e-10)


def timesnet_positions(length):
    """sin and cos of t / 10000^(2 i / H) in turn, (length, H)."""
    t = torch.arange(length)
    columns = [(torch.sin, torch.cos)[c % 2](t / 10000 ** (2 * (c // 2) / H)) for c in range(H)]
    return torch.stack(columns, dim=-1)


def test_parameters_are_those_of_the_released_model_for_etth1():
    model = TimesNetForecaster(lookback=96, horizon=96, series=7, calendar=4)
    blocks = 2 * (2 * 286 * 16 * 32 + 6 * (16 + 32))
    around = 3 * 7 * 16 + 4 * 16 + (96 * 192 + 192) + 2 * 16 + (16 * 7 + 7)
    assert sum(p.numel() for p in model.parameters()) == blocks + around
