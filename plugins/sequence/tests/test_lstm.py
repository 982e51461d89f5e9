import pytest
import torch

from bench_sequence.lstm import LSTM


def lstm_loop(x, input_weight, hidden_weight, bias):
    """The equations of the module's docstring, one position at a time; torch stacks the gates as i, f, g, o."""
    h = c = x.new_zeros(x.shape[0], hidden_weight.shape[1])
    outputs = []
    for t in range(x.shape[1]):
        gates = x[:, t] @ input_weight.T + h @ hidden_weight.T + bias
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs, dim=1)


def weights(layer, suffix=""):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    a, b, bias_a, bias_b = (getattr(layer.lstm, f"{name}_l0{suffix}") for name in names)
    return a, b, bias_a + bias_b


@pytest.fixture
def x():
    return torch.randn(3, 20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_causal_is_the_textbook_recurrence(x):
    layer = LSTM(d_model=6, l_max=20, causal=True).double()
    torch.testing.assert_close(layer(x), lstm_loop(x, *weights(layer)), rtol=0, atol=1e-12)


def test_bidirectional_concatenates_two_recurrences_of_half_the_width(x):
    layer = LSTM(d_model=6, l_max=20, causal=False).double()
    forward = lstm_loop(x, *weights(layer))
    backward = lstm_loop(x.flip(1), *weights(layer, "_reverse")).flip(1)
    assert forward.shape == (3, 20, 3)
    torch.testing.assert_close(layer(x), torch.cat((forward, backward), dim=2), rtol=0, atol=1e-12)


def test_steps_give_the_parallel_output_and_go_on_from_any_state(x):
    layer = LSTM(d_model=6, l_max=20, causal=True).double()
    outputs, state = [], None
    for t in range(20):
        y, state = layer.step(x[:, t], state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), layer(x), rtol=0, atol=1e-12)
    assert [tuple(part.shape) for part in state] == [(1, 3, 6), (1, 3, 6)]


def test_an_odd_width_has_no_bidirectional_form():
    with pytest.raises(ValueError, match="must be even, got 7"):
        LSTM(d_model=7, l_max=20, causal=False)
    LSTM(d_model=7, l_max=20, causal=True)


def test_a_bidirectional_layer_has_no_step(x):
    with pytest.raises(ValueError, match="causal=True"):
        LSTM(d_model=6, l_max=20, causal=False).double().step(x[:, 0])
