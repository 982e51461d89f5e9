"""Tensor attention as a sum over all triples; its linear-time approximation within the bound of Taylor's theorem."""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

from bench_sequence.positions import add_positions
from bench_sequence.tensor_attention import (
    QUERIES,
    PolynomialTensorAttention,
    TensorAttention,
    monomials,
    polynomial_tensor_attention,
    tensor_attention,
)

L, E = 12, 4


def bounded(n, entry_bound=1.0, seed=0):
    """Five (n, E) tensors with entries uniform in [-entry_bound, entry_bound]."""
    generator = torch.Generator().manual_seed(seed)
    return [(2 * torch.rand(n, E, dtype=torch.float64, generator=generator) - 1) * entry_bound for _ in range(5)]


def over_all_triples(q, k1, k2, v1, v2, causal, weight=torch.exp):
    A = weight(torch.einsum("ic,jc,kc->ijk", q, k1, k2) / q.shape[-1])
    if causal:
        place = torch.arange(len(q))
        A = A * (place[:, None, None] >= place[:, None]) * (place[:, None, None] >= place)
    return torch.einsum("ijk,jc,kc->ic", A, v1, v2) / A.sum((1, 2))[:, None]


def taylor(degree):
    return lambda z: sum(z**t / math.factorial(t) for t in range(degree + 1))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("n", [1, QUERIES, 2 * QUERIES + 3])
def test_blocks_of_queries_are_the_sum_over_all_triples(causal, n):
    tensors = bounded(n, 3.0)
    expected = over_all_triples(*tensors, causal)
    torch.testing.assert_close(tensor_attention(*tensors, causal=causal), expected, rtol=0, atol=1e-12)


def test_the_explicit_kronecker_product_of_the_definition_gives_the_same():
    q, k1, k2, v1, v2 = bounded(L)
    pairs = [torch.einsum("jc,kc->jkc", a, b).flatten(0, 1) for a, b in ((k1, k2), (v1, v2))]  # (L^2, E)
    y = (q @ pairs[0].T / E).softmax(-1) @ pairs[1]
    torch.testing.assert_close(tensor_attention(q, k1, k2, v1, v2, causal=False), y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [True, False])
def test_second_keys_and_values_of_ones_leave_softmax_attention(causal):
    q, k1, _, v1, _ = bounded(L, 2.0)
    ones = torch.ones_like(k1)
    y = tensor_attention(q, k1, ones, v1, ones, causal=causal)
    pairwise = scaled_dot_product_attention(q[None], k1[None], v1[None], is_causal=causal, scale=1 / E)[0]
    torch.testing.assert_close(y, pairwise, rtol=0, atol=1e-12)


@pytest.mark.parametrize("causal", [True, False])
def test_the_two_keys_and_values_may_change_places(causal):
    q, k1, k2, v1, v2 = bounded(L)
    y = tensor_attention(q, k1, k2, v1, v2, causal=causal)
    torch.testing.assert_close(tensor_attention(q, k2, k1, v2, v1, causal=causal), y, rtol=0, atol=1e-12)


def test_weights_sum_to_one_and_the_order_of_pairs_does_not_matter():
    q, k1, k2, v1, v2 = bounded(L)
    ones = torch.ones_like(v1)
    torch.testing.assert_close(tensor_attention(q, k1, k2, ones, ones, causal=False), ones, rtol=0, atol=1e-12)
    order, other = torch.randperm(L), torch.randperm(L)
    shuffled = tensor_attention(q, k1[order], k2[other], v1[order], v2[other], causal=False)
    torch.testing.assert_close(shuffled, tensor_attention(q, k1, k2, v1, v2, causal=False), rtol=0, atol=1e-12)


def test_a_head_with_weights_set_by_hand_detects_triples_that_sum_to_zero():
    """Match3: are there x_j and x_k with x_i + x_j + x_k = 0 mod M? Width 2 M, and a blank that answers no."""
    n, M = 10, 79
    x = torch.randint(0, M, (200, n), generator=torch.Generator().manual_seed(0))
    t = 2 * math.pi * x[..., None].double() * torch.arange(1, (M + 1) // 2) / M
    c, s, one = t.cos(), t.sin(), torch.ones(200, n, 1, dtype=torch.float64)
    # Real parts of e^{i (p + q + r)}, summed over all characters, and one for the character 0; last, the blank's.
    q = torch.cat((2 * c, -2 * c, -2 * s, -2 * s, one, M / 2 * one), -1)
    k1, k2 = torch.cat((c, s, c, s, one, 0 * one), -1), torch.cat((c, s, s, c, one, 0 * one), -1)
    sums = (x[:, :, None, None] + x[:, None, :, None] + x[:, None, None, :]) % M
    logits = torch.einsum("bic,bjc,bkc->bijk", q, k1, k2) / M
    torch.testing.assert_close(logits, (sums == 0).double(), rtol=0, atol=1e-9)

    blank = torch.zeros(200, 1, q.shape[-1], dtype=torch.float64)
    value = torch.cat((torch.ones_like(q), blank), 1)
    blank[..., -1] = 1
    temperature = 4 * math.log(n * n) * q.shape[-1] / M
    keys = (torch.cat((k, blank), 1) for k in (k1, k2))
    y = tensor_attention(temperature * q, *keys, value, value, causal=False)[..., 0]
    label = (sums == 0).flatten(2).any(-1)
    assert 0.4 < label.double().mean() < 0.6
    assert torch.equal(y > 0.5, label)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("degree", [2, 4])
def test_the_approximation_is_the_sum_over_triples_of_the_polynomial(causal, degree):
    tensors = bounded(L, 1.5)
    expected = over_all_triples(*tensors, causal, taylor(degree))
    actual = polynomial_tensor_attention(*tensors, causal=causal, degree=degree)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("degree", [1, 4, 8])
def test_there_is_one_feature_for_each_monomial(degree):
    x = torch.randn(3, E, dtype=torch.float64)
    features = monomials(x, degree)
    assert features.shape == (3, math.comb(E + degree, degree))
    assert torch.equal(features[:, : 1 + E], torch.cat((torch.ones_like(x[:, :1]), x), -1))
    expected = sum(_complete(x, t) for t in range(degree + 1))
    torch.testing.assert_close(features.sum(-1), expected, rtol=1e-12, atol=1e-12)


def _complete(x, t):
    """The sum of all monomials of degree t, by its recurrence in the channels."""
    if t == 0:
        return torch.ones_like(x[..., 0])
    if x.shape[-1] == 1:
        return x[..., 0] ** t
    return _complete(x[..., 1:], t) + x[..., 0] * _complete(x, t - 1)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    ("entry_bound", "degree", "expected"), [(1, 4, 2.6e-7), (1, 8, 2.7e-11), (2, 4, 0.023), (2, 8, 0.0016)]
)
def test_the_error_keeps_to_taylors_bound_and_is_of_the_expected_size(entry_bound, degree, expected, causal):
    """With weights within ε e^z of e^z, and values up to V = B^2, outputs are within 2 ε V / (1 - ε)."""
    errors = []
    for seed in range(8):
        tensors = bounded(L, entry_bound, seed)
        exact = tensor_attention(*tensors, causal=causal)
        errors.append((polynomial_tensor_attention(*tensors, causal=causal, degree=degree) - exact).abs().max().item())
        q, k1, k2 = tensors[:3]
        bound = (torch.einsum("ic,jc,kc->ijk", q, k1, k2) / E).abs().max().item()
        assert bound <= entry_bound**3
        epsilon = bound ** (degree + 1) * math.exp(2 * bound) / math.factorial(degree + 1)
        if epsilon < 1:
            assert errors[-1] <= 2 * epsilon * entry_bound**2 / (1 - epsilon)
    assert min(errors) < 30 * expected
    assert max(errors) > expected / 30


def test_odd_degrees_are_refused_since_their_weights_can_be_negative():
    assert taylor(3)(torch.tensor(-2.0)) < 0 < taylor(4)(torch.tensor(-2.0))
    with pytest.raises(ValueError, match="must be even"):
        PolynomialTensorAttention(d_model=8, l_max=L, causal=True, degree=3)


def build(method, causal, **parameters):
    torch.manual_seed(1)
    return method(d_model=8, l_max=L, causal=causal, heads=2, **parameters).double()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("method", "weight"), [(TensorAttention, torch.exp), (PolynomialTensorAttention, taylor(4))])
def test_the_layer_is_heads_of_it_between_projections(method, weight, causal):
    layer, x = build(method, causal), torch.randn(2, L, 8, dtype=torch.float64)
    projected = [add_positions(x) @ projection.weight.T for projection in layer.inputs.values()]
    y = torch.empty_like(x)
    for b in range(2):
        for head in (slice(0, 4), slice(4, 8)):
            y[b, :, head] = over_all_triples(*(p[b, :, head] for p in projected), causal, weight)
    torch.testing.assert_close(layer(x), y @ layer.out.weight.T, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("method", "power"), [(TensorAttention, 3), (PolynomialTensorAttention, 1)])
def test_exact_attention_is_cubic_in_the_length_and_its_approximation_linear(method, power):
    """By the products counted, those of the projections aside, which are linear in both."""
    counts = []
    for n in (32, 64, 128):
        layer, x = build(method, causal=False), torch.randn(1, n, 8, dtype=torch.float64)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            layer(x)
        counts.append(counter.get_total_flops() - 6 * 2 * n * 8 * 8)
    assert [counts[1] / counts[0], counts[2] / counts[1]] == pytest.approx([2**power] * 2, rel=0.1)


def test_gradients_are_those_of_the_sum_over_triples():
    tensors = [tensor.requires_grad_() for tensor in bounded(QUERIES + 3)]
    direction = torch.randn(QUERIES + 3, E, dtype=torch.float64)
    actual = torch.autograd.grad((tensor_attention(*tensors, causal=True) * direction).sum(), tensors)
    expected = torch.autograd.grad((over_all_triples(*tensors, True) * direction).sum(), tensors)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", [TensorAttention, PolynomialTensorAttention])
def test_what_cannot_be_is_refused(method):
    with pytest.raises(ValueError, match="heads must divide d_model"):
        method(d_model=8, l_max=L, causal=True, heads=3)
    with pytest.raises(ValueError, match="causal=True"):
        build(method, causal=False).step(torch.zeros(1, 8, dtype=torch.float64))


def test_heads_of_the_approximation_have_four_channels_unless_told():
    assert PolynomialTensorAttention(d_model=24, l_max=L, causal=True).heads == 6
