import math

import pytest
import torch

from bench_sequence.positions import add_positions
from bench_sequence.transformer import Transformer

B, L, H, HEADS = 2, 11, 12, 3


@pytest.fixture
def x():
    return torch.randn(B, L, H, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def build(causal, heads=HEADS):
    torch.manual_seed(1)
    return Transformer(d_model=H, l_max=L, causal=causal, heads=heads).double()


def without_positions(layer, x):
    """What the layer computes from x when no positions are added to it."""
    return layer(x - add_positions(torch.zeros_like(x)))


def attention_loop(layer, x, causal, heads):
    """Equation 1 of the paper, one head, query and key at a time."""
    u = add_positions(x)
    q, k, v = u @ layer.query.weight.T, u @ layer.key.weight.T, u @ layer.value.weight.T
    E = H // heads
    y = torch.zeros_like(x)
    for b in range(B):
        for head in range(heads):
            own = slice(head * E, (head + 1) * E)
            for t in range(L):
                visible = range(t + 1) if causal else range(L)
                scores = [math.exp((q[b, t, own] @ k[b, j, own]).item() / math.sqrt(E)) for j in visible]
                for j, score in zip(visible, scores, strict=True):
                    y[b, t, own] += score / sum(scores) * v[b, j, own]
    return y @ layer.out.weight.T


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("heads", [1, 3, 12])
@torch.no_grad()
def test_forward_is_the_papers_attention(x, causal, heads):
    layer = build(causal, heads)
    torch.testing.assert_close(layer(x), attention_loop(layer, x, causal, heads), rtol=0, atol=1e-12)


def test_without_positions_attention_is_permutation_equivariant(x):
    layer, order = build(causal=False), torch.randperm(L, generator=torch.Generator().manual_seed(2))
    permuted_after = without_positions(layer, x)[:, order]
    torch.testing.assert_close(without_positions(layer, x[:, order]), permuted_after, rtol=0, atol=1e-12)


def test_positions_break_the_equivariance(x):
    layer = build(causal=False)
    assert (layer(x.flip(1)) - layer(x).flip(1)).abs().max() > 0.1


def test_without_positions_the_last_output_ignores_the_order_of_the_past(x):
    layer = build(causal=True)
    shuffled = torch.cat((x[:, :-1].flip(1), x[:, -1:]), dim=1)
    before, after = without_positions(layer, x), without_positions(layer, shuffled)
    torch.testing.assert_close(after[:, -1], before[:, -1], rtol=0, atol=1e-12)
    assert (layer(shuffled) - layer(x))[:, -1].abs().max() > 0.01


def test_cached_steps_give_the_parallel_output(x):
    layer, outputs, state = build(causal=True), [], None
    for t in range(L):
        y, state = layer.step(x[:, t], state)
        assert [tuple(part.shape) for part in state] == [(B, HEADS, t + 1, H // HEADS)] * 2
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), layer(x), rtol=0, atol=1e-12)


def test_a_step_leaves_the_state_it_was_given(x):
    layer = build(causal=True)
    _, state = layer.step(x[:, 0])
    first, _ = layer.step(x[:, 1], state)
    again, _ = layer.step(x[:, 1], state)
    assert torch.equal(first, again)


def test_scores_of_unit_variance_inputs_have_unit_variance():
    torch.manual_seed(0)
    layer = Transformer(d_model=256, l_max=1, causal=True)
    u = torch.randn(2000, 256)
    q, k = (projection(u).unflatten(1, (4, -1)) for projection in (layer.query, layer.key))
    scores = (q * k.roll(1, dims=0)).sum(-1) / math.sqrt(64)
    assert scores.var().item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("heads", [5, 0, -3])
def test_heads_must_divide_d_model(heads):
    with pytest.raises(ValueError, match="heads must divide d_model"):
        build(causal=True, heads=heads)


def test_a_bidirectional_layer_has_no_step(x):
    with pytest.raises(ValueError, match="causal=True"):
        build(causal=False).step(x[:, 0])
