import pytest
import torch

from bench_sequence.gru import GRU


def gru_loop(x, input_weight, hidden_weight, input_bias, hidden_bias):
    """The equations of the module's docstring, one position at a time; torch stacks the gates as r, z, n."""
    h = x.new_zeros(x.shape[0], hidden_weight.shape[1])
    outputs = []
    for t in range(x.shape[1]):
        r, z, n = (x[:, t] @ input_weight.T + input_bias).chunk(3, dim=1)
        hidden_r, hidden_z, hidden_n = (h @ hidden_weight.T + hidden_bias).chunk(3, dim=1)
        r, z = (r + hidden_r).sigmoid(), (z + hidden_z).sigmoid()
        h = z * h + (1 - z) * (n + r * hidden_n).tanh()
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def weights(layer, suffix=""):
    return (getattr(layer.gru, f"{name}_l0{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))


@pytest.fixture
def x():
    return torch.randn(3, 20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_causal_is_the_textbook_recurrence(x):
    layer = GRU(d_model=6, l_max=20, causal=True).double()
    torch.testing.assert_close(layer(x), gru_loop(x, *weights(layer)), rtol=0, atol=1e-12)


def test_bidirectional_concatenates_two_recurrences_of_half_the_width(x):
    layer = GRU(d_model=6, l_max=20, causal=False).double()
    forward = gru_loop(x, *weights(layer))
    backward = gru_loop(x.flip(1), *weights(layer, "_reverse")).flip(1)
    assert forward.shape == (3, 20, 3)
    torch.testing.assert_close(layer(x), torch.cat((forward, backward), dim=2), rtol=0, atol=1e-12)


def test_an_odd_width_has_no_bidirectional_form():
    with pytest.raises(ValueError, match="must be even, got 7"):
        GRU(d_model=7, l_max=20, causal=False)
    GRU(d_model=7, l_max=20, causal=True)


def test_a_bidirectional_layer_has_no_step(x):
    with pytest.raises(ValueError, match="causal=True"):
        GRU(d_model=6, l_max=20, causal=False).double().step(x[:, 0])
