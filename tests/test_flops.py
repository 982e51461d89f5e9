"""Counted arithmetic against closed forms."""

import math

import pytest
import torch
from torch import nn

from harness.measure import count_flops

B, L, H = 3, 64, 16
x = torch.randn(B, L, H)
q = torch.randn(2, 4, L, 8, requires_grad=True)
z = torch.randn(5, 6, dtype=torch.complex64)
a = torch.eye(6).expand(5, 6, 6) + torch.rand(5, 6, 6) / 10


def transform(points, batch, real):
    return (2.5 if real else 5) * batch * points * math.log2(points)


def matrices(module):
    return sum(p.numel() for p in module.parameters() if p.ndim == 2)


lstm = nn.LSTM(H, 32, batch_first=True)
gru = nn.GRU(H, 8, num_layers=2, bidirectional=True, batch_first=True)
attention = nn.MultiheadAttention(H, 2, batch_first=True).eval()
linear = nn.Linear(H, 8)
conv = nn.Conv1d(L, 7, 3)
dot_product = nn.functional.scaled_dot_product_attention
qk = 2 * 2 * 4 * L * L * 8  # one product of all pairs

CASES = {
    "linear": (lambda: linear(x), 2 * B * L * H * 8),
    "linear, backward": (lambda: linear(x).sum().backward(), 2 * 2 * B * L * H * 8),  # x needs no gradient
    "product": (lambda: x @ x.mT, 2 * B * L * H * L),
    "complex product": (lambda: z @ z.mT, 8 * 5 * 6 * 5),
    "convolution": (lambda: conv(x), 2 * B * (H - 2) * 7 * L * 3),
    "attention": (lambda: dot_product(q, q, q), 2 * qk),
    "attention, backward": (lambda: dot_product(q, q, q).sum().backward(), (2 + 5) * qk),  # with q k' made again
    "attention, whole": (
        lambda: attention(x, x, x, need_weights=False),
        2 * B * L * matrices(attention) + 2 * 2 * B * L * L * H,
    ),
    "complex transform": (lambda: torch.fft.fft(z, dim=0), transform(5, 6, real=False)),
    "transform of a plane": (lambda: torch.fft.fft2(x.to(torch.complex64)), transform(L * H, B, real=False)),
    "real transform": (lambda: torch.fft.rfft(x, dim=1), transform(L, B * H, real=True)),
    "real transform, padded": (lambda: torch.fft.rfft(x, n=2 * L, dim=1), transform(2 * L, B * H, real=True)),
    "there and back": (
        lambda: torch.fft.irfft(torch.fft.rfft(x, dim=1), n=L, dim=1),
        transform(L, 2 * B * H, real=True),
    ),
    "linear systems": (lambda: torch.linalg.solve(a, a[:, :, :4]), 5 * (2 / 3 * 6**3 + 2 * 6**2 * 4)),
    "inverse": (lambda: torch.linalg.inv(a), 5 * 2 * 6**3),
    "complex inverse": (lambda: torch.linalg.inv(a.to(torch.complex64)), 5 * 8 * 6**3),
    "lstm": (lambda: lstm(x), 2 * B * L * matrices(lstm)),
    "lstm, backward": (lambda: lstm(x)[0].sum().backward(), 3 * 2 * B * L * matrices(lstm)),
    "gru": (lambda: gru(x), 2 * B * L * matrices(gru)),
    "element by element": (lambda: torch.tanh(x).cumsum(1), 0),
}


@pytest.mark.parametrize("name", CASES)
def test_closed_form(name):
    call, expected = CASES[name]
    assert count_flops(call) == round(expected)


def test_fused_attention_is_counted_and_stays_fused():
    with torch.no_grad():  # in which torch would do it as one operation
        assert count_flops(CASES["attention, whole"][0]) == CASES["attention, whole"][1]
    assert torch.backends.mha.get_fastpath_enabled()


def test_call_of_nothing():
    assert count_flops(lambda: None) == 0
