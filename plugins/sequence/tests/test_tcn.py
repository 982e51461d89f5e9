import pytest
import torch
from torch.nn.functional import relu

from bench_sequence.tcn import TCN, fewest_blocks

B, L, H = 2, 40, 5


def build(causal=True, **parameters):
    torch.manual_seed(1)
    return TCN(d_model=H, l_max=L, causal=causal, **parameters).double()


def noise(L=L):
    return torch.randn(B, L, H, dtype=torch.float64, generator=torch.Generator().manual_seed(L))


def convolution_loop(convolution, u, shift):
    """relu of the module's equation, tap by tap, with the weight from gain and direction; tap j reads t + shift_j."""
    gain, direction = convolution.parametrizations.weight.original0, convolution.parametrizations.weight.original1
    W = gain * direction / direction.square().sum((1, 2), keepdim=True).sqrt()
    y = convolution.bias.expand(u.shape).clone()
    for t in range(u.shape[1]):
        for j in range(W.shape[2]):
            source = t + shift(j)
            if 0 <= source < u.shape[1]:
                y[:, t] = y[:, t] + u[:, source] @ W[:, :, j].T
    return relu(y)


@pytest.mark.parametrize(("causal", "kernel_size"), [(True, 2), (True, 3), (False, 3), (False, 5)])
@torch.no_grad()
def test_forward_is_the_sum_over_taps(causal, kernel_size):
    layer, h = build(causal, kernel_size=kernel_size, blocks=3), noise(17)
    x = h
    for i in range(3):
        ahead = 0 if causal else (kernel_size - 1) // 2
        shift = lambda j, i=i, ahead=ahead: (ahead - (kernel_size - 1 - j)) * 2**i  # noqa: E731
        g = convolution_loop(layer.convolutions[2 * i], h, shift)
        h = relu(h + convolution_loop(layer.convolutions[2 * i + 1], g, shift))
    torch.testing.assert_close(layer(x), h, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("causal", "kernel_size"), [(True, 2), (True, 3), (False, 3)])
def test_an_output_reaches_exactly_as_far_as_its_blocks(causal, kernel_size):
    layer = build(causal, kernel_size=kernel_size, blocks=3)
    for parameter in layer.parameters():  # positive, so that no path is cut by a relu and none cancels another
        parameter.data.abs_()
    x = noise(60).abs().requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[:, 30].sum(), x)
    reached = gradient.abs().sum((0, 2)).nonzero()[:, 0]
    back = (2 if causal else 1) * (kernel_size - 1) * (2**3 - 1)
    assert (reached[0].item(), reached[-1].item()) == (30 - back, 30 if causal else 30 + back)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("length", [1, 2, 5, 6, 64, 1000])
def test_the_fewest_blocks_reach_over_the_sequence_and_fewer_do_not(causal, length):
    n = fewest_blocks(length, 3, causal)
    reach = [(2 if causal else 1) * 2 * (2**blocks - 1) for blocks in (n - 1, n)]
    assert reach[1] >= length - 1
    assert n == 1 or reach[0] < length - 1
    assert len(TCN(d_model=2, l_max=length, causal=causal).convolutions) == 2 * n


def test_steps_give_the_parallel_output():
    layer, x, outputs, state = build(), noise(), [], None
    for t in range(L):
        y, state = layer.step(x[:, t], state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), layer(x), rtol=0, atol=1e-12)
    assert [past.shape[2] for past in state] == [2 * 2**i for i in range(len(state) // 2) for _ in range(2)]


def test_dropout_takes_whole_channels_while_training():
    layer, x = build(dropout=0.5, blocks=1), noise() + 10
    g = layer._convolve(layer.convolutions[0], x.transpose(1, 2))
    plain = layer.eval()._convolve(layer.convolutions[0], x.transpose(1, 2))
    ratio = torch.where(plain > 0, g / plain, torch.nan).nanmean(-1)
    assert set(ratio[~ratio.isnan()].round(decimals=9).tolist()) <= {0.0, 2.0}


def test_a_bidirectional_layer_has_no_step():
    with pytest.raises(ValueError, match="causal=True"):
        build(causal=False).step(noise()[:, 0])
