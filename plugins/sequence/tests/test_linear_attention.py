import pytest
import torch

from bench_sequence.linear_attention import CHUNK, LinearAttention
from bench_sequence.positions import add_positions
from bench_sequence.transformer import Transformer

B, H, HEADS = 2, 12, 3
LENGTHS = [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5]


def noise(L):
    return torch.randn(B, L, H, dtype=torch.float64, generator=torch.Generator().manual_seed(L))


def build(causal, heads=HEADS):
    torch.manual_seed(1)
    return LinearAttention(d_model=H, l_max=64, causal=causal, heads=heads).double()


def phi(x):
    return torch.where(x > 0, x + 1, x.exp())


def quadratic_form(layer, x, heads=HEADS):
    """Equations 4 and 8 of the paper: the matrix of all weights phi(q_t) . phi(k_j), its rows summed and divided by."""
    u = add_positions(x)
    q, k, v = (
        (u @ projection.weight.T).view(B, -1, heads, H // heads) for projection in (layer.query, layer.key, layer.value)
    )
    weights = torch.einsum("btme,bjme->bmtj", phi(q), phi(k))
    if layer.causal:
        L = x.shape[1]
        weights = weights * (torch.arange(L)[:, None] >= torch.arange(L))
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-6)
    return torch.einsum("bmtj,bjme->btme", weights, v).flatten(2) @ layer.out.weight.T


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("L", LENGTHS)
def test_sums_are_the_quadratic_form(causal, L):
    layer, x = build(causal), noise(L)
    torch.testing.assert_close(layer(x), quadratic_form(layer, x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("heads", [1, 12])
def test_any_number_of_heads(heads):
    layer, x = build(causal=True, heads=heads), noise(40)
    torch.testing.assert_close(layer(x), quadratic_form(layer, x, heads), rtol=0, atol=1e-10)


def test_gradients_are_those_of_the_quadratic_form():
    layer, x = build(causal=True), noise(2 * CHUNK + 3).requires_grad_()
    tensors = [x, *layer.parameters()]
    direction = torch.randn(x.shape, dtype=x.dtype)
    actual = torch.autograd.grad((layer(x) * direction).sum(), tensors)
    expected = torch.autograd.grad((quadratic_form(layer, x) * direction).sum(), tensors)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def test_a_huge_future_does_not_spoil_the_past():
    layer, x = build(causal=True).float(), noise(3 * CHUNK).float()
    before = layer(x)
    x[:, -1] = 1e12
    torch.testing.assert_close(layer(x)[:, :-1], before[:, :-1], rtol=1e-5, atol=1e-5)


def test_steps_give_the_parallel_output():
    layer, x, outputs, state = build(causal=True), noise(CHUNK + 7), [], None
    for t in range(x.shape[1]):
        y, state = layer.step(x[:, t], state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), layer(x), rtol=0, atol=1e-12)
    S, z, position = state
    assert S.shape == (B, HEADS, H // HEADS, H // HEADS)
    assert z.shape == (B, HEADS, H // HEADS)
    assert position == CHUNK + 7


def test_the_state_is_the_papers_sums():
    layer, x, state = build(causal=True), noise(9), None
    for t in range(9):
        _, state = layer.step(x[:, t], state)
    u = add_positions(x)
    k, v = ((u @ projection.weight.T).view(B, 9, HEADS, -1) for projection in (layer.key, layer.value))
    torch.testing.assert_close(state[0], torch.einsum("bjme,bjmf->bmef", phi(k), v), rtol=0, atol=1e-12)
    torch.testing.assert_close(state[1], phi(k).sum(1), rtol=0, atol=1e-12)


def test_a_step_leaves_the_state_it_was_given():
    layer, x = build(causal=True), noise(2)
    _, state = layer.step(x[:, 0])
    first, _ = layer.step(x[:, 1], state)
    again, _ = layer.step(x[:, 1], state)
    assert torch.equal(first, again)


def test_it_starts_as_the_transformer_does():
    torch.manual_seed(1)
    transformer = Transformer(d_model=H, l_max=64, causal=True, heads=HEADS).double()
    torch.testing.assert_close(build(causal=True).state_dict(), transformer.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("heads", [5, 0, -3])
def test_heads_must_divide_d_model(heads):
    with pytest.raises(ValueError, match="heads must divide d_model"):
        build(causal=True, heads=heads)


def test_a_bidirectional_layer_has_no_step():
    with pytest.raises(ValueError, match="causal=True"):
        build(causal=False).step(noise(1)[:, 0])
