"""HyperZZW: the operator with kernels set by hand, coupling within a batch, slow networks as functions of place."""

import math

import pytest
import torch
from torch.nn.functional import conv2d

from bench_sequence.hyperzzw import (
    ContextualSlowNetwork,
    HyperZZW,
    LocalBranch,
    SlowNetwork,
    _grid,
    channel_scores,
    convolve_each,
    standardised,
)
from harness.conformance import in_float64, seeded

B, S, C = 3, 6, 4


@pytest.fixture(autouse=True)
def _float64():
    with in_float64(), seeded(0):
        yield


def build(**parameters):
    return HyperZZW(d_model=C, l_max=S * S, causal=False, **parameters)


def constant(network, value):
    """Make a slow network's kernel the same number at all places."""
    torch.nn.init.zeros_(network.output.weight)
    torch.nn.init.constant_(network.output.bias, value)


def images(n=B):
    return torch.randn(n, C, S, S)


def test_with_a_kernel_of_ones_the_context_weights_are_the_input_itself():
    layer, x = build(), images()
    constant(layer.global_kernel, 1.0)
    _, _, _, mixed, *_ = layer.branches(x)  # W @ m
    m = standardised(torch.einsum("oi,bihw->bohw", layer.mix.weight[:, :, 0, 0], x))
    torch.testing.assert_close(mixed, torch.einsum("bchk,bckw->bchw", x, m), rtol=0, atol=1e-12)


def test_global_branches_are_linear_in_the_hyper_kernel():
    layer, x = build(), images()
    outputs = []
    for value in (1.0, 2.0, 3.0):
        constant(layer.global_kernel, value)
        outputs.append([layer.branches(x)[i] for i in (3, 7)])
    for one, two, three in zip(*outputs, strict=True):
        torch.testing.assert_close(one + two, three, rtol=0, atol=1e-12)
        assert one.abs().max() > 0.1


def test_a_sequence_is_an_image_read_row_by_row_with_zeros_after_its_end():
    layer, x = build(), torch.randn(B, S * S - 4, C)
    filled = torch.cat((x, torch.zeros(B, 4, C)), 1)
    torch.testing.assert_close(layer(x), layer(filled)[:, :-4], rtol=0, atol=1e-12)
    assert layer.side == S
    assert HyperZZW(d_model=C, l_max=S * S + 1, causal=False).side == S + 1
    with pytest.raises(ValueError, match="up to 36 positions"):
        layer(torch.randn(1, S * S + 1, C))


def test_the_kernel_of_a_contextual_network_without_context_makes_an_ordinary_depthwise_convolution():
    branch, x = LocalBranch(C, 3, 1.0, batch=False), images()
    for factor in branch.slow.factors:  # z counts for nothing
        torch.nn.init.zeros_(factor.weight)
    kernel = branch.slow(x)
    torch.testing.assert_close(kernel, kernel[:1].expand_as(kernel), rtol=0, atol=1e-12)
    depthwise = conv2d(x, kernel[0][:, None], padding=1, groups=C)
    torch.testing.assert_close(convolve_each(x, kernel), depthwise, rtol=0, atol=1e-12)


def test_each_image_is_convolved_with_its_own_kernels():
    x, kernels = images(), torch.randn(B, C, 5, 5)
    each = torch.cat([conv2d(x[i : i + 1], kernels[i][:, None], padding=2, groups=C) for i in range(B)])
    torch.testing.assert_close(convolve_each(x, kernels), each, rtol=0, atol=1e-12)


def test_coupled_outputs_depend_on_the_rest_of_the_batch_and_others_do_not():
    x = torch.randn(B, S * S, C)
    for coupling, coupled in (("batch", True), ("sequence", False)):
        layer = build(coupling=coupling)
        difference = (layer(x)[:1] - layer(x[:1])).abs().max().item()
        assert difference > 1e-2 if coupled else difference < 1e-12
    batch = build(coupling="batch")
    sequence = build()
    sequence.load_state_dict(batch.state_dict())
    torch.testing.assert_close(sequence(x), torch.cat([batch(u[None]) for u in x]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch", [True, False])
def test_standardised_features_have_mean_zero_and_variance_one(batch):
    x = 5 + 3 * images()
    y, dims = standardised(x, batch=batch), (0, 2, 3) if batch else (2, 3)
    torch.testing.assert_close(y.mean(dims), torch.zeros_like(y.mean(dims)), rtol=0, atol=1e-12)
    torch.testing.assert_close(y.var(dims, correction=0), torch.ones_like(y.mean(dims)), rtol=0, atol=1e-5)
    assert (y.mean((2, 3)).abs().max() > 0.01) == batch


def test_gradients_reach_local_kernels_through_their_direction_alone():
    """α sg(h) + β h / |h|: scaling the first sinusoids' output changes values, not the direction that gradients see."""
    network = ContextualSlowNetwork(3, C, omega_0=1.0, batch=False)
    h = torch.randn(1, 9, 32, requires_grad=True)
    seen = []
    network.layer = lambda i, _: seen.append(h) or h
    network.LAYERS = 1
    network.factors = network.factors[:1]
    torch.nn.init.zeros_(network.factors[0].weight)  # factors of one
    kernel = network(images(1))
    (gradient,) = torch.autograd.grad(kernel.square().sum(), h)
    along = (gradient * h).sum(1)  # of a channel, over its places
    torch.testing.assert_close(along, torch.zeros_like(along), rtol=0, atol=1e-12)
    assert gradient.abs().max() > 1e-4
    assert len(seen) == 1


def test_a_slow_network_is_a_function_of_place():
    coarse, fine = (SlowNetwork(_grid(size, 2), C, hidden=8, omega_0=1.0) for size in (5, 9))
    state = {name: value for name, value in coarse.state_dict().items() if name != "place_bias"}
    fine.load_state_dict(state, strict=False)
    every_other = fine().unflatten(0, (9, 9))[::2, ::2]
    torch.testing.assert_close(coarse().unflatten(0, (5, 5)), every_other, rtol=0, atol=1e-12)


def test_a_slow_network_is_its_equation():
    network = SlowNetwork(_grid(3, 2), C, hidden=8, omega_0=2.0)
    torch.nn.init.normal_(network.place_bias)
    for place, c in enumerate((i, j) for i in (-1.0, 0.0, 1.0) for j in (-1.0, 0.0, 1.0)):
        g = [torch.sin(s.weight @ torch.tensor(c) + s.bias) for s in network.sinusoids]
        h = g[0]
        for i in (0, 1):
            h = g[i + 1] * (network.linears[i].weight @ h + network.linears[i].bias) + network.place_bias[place]
        torch.testing.assert_close(
            network()[place], network.output.weight @ h + network.output.bias, rtol=0, atol=1e-12
        )


def test_frequencies_start_as_gamma_variables_and_the_output_with_the_places_share():
    torch.manual_seed(0)
    network = SlowNetwork(_grid(4, 2), 64, hidden=1500, omega_0=3.0)
    for layer, sinusoid in enumerate(network.sinusoids):
        expected = 2 * math.pi * 3 * 6 / (layer + 1) * (0.5 / math.sqrt(2))  # E|U(-a, a)| = a / 2, a = 1/sqrt(2)
        assert sinusoid.weight.abs().mean().item() == pytest.approx(expected, rel=0.05)
        assert not sinusoid.bias.any()
    assert network.output.weight.std().item() == pytest.approx(1 / math.sqrt(1500 * 16), rel=0.05)


def test_gates_never_enlarge_their_input():
    layer, x = build(), images()
    gated = torch.sigmoid(channel_scores(x, layer.gate_kernel())) * x
    interaction = layer.branches(x)[-1]
    assert (gated.abs() <= x.abs()).all()
    assert (interaction.abs() <= x.abs()).all()
    mean, k = x.mean((2, 3)), layer.gate_kernel()[:, 0]
    torch.testing.assert_close(channel_scores(x, layer.gate_kernel())[..., 0, 0], mean * k * mean, rtol=0, atol=1e-12)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="sequence or batch"):
        HyperZZW(d_model=C, l_max=S * S, causal=False, coupling="all")
