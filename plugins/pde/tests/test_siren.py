"""The sinusoidal network: derivatives, initialisation and size."""

import math

import pytest
import torch

from bench_pde.solvers.field import differentiated
from bench_pde.solvers.siren import OMEGA, Siren


@pytest.mark.parametrize(("axes", "layers"), [("x", 1), ("xy", 3), ("xyz", 2)])
def test_derivatives_are_those_of_automatic_differentiation(axes, layers):
    torch.manual_seed(0)
    network = Siren(axes, 1, 7, layers)
    points = torch.rand(5, len(axes), dtype=torch.float64)
    names = ("", *axes, *(2 * axis for axis in axes), axes[0] + axes[-1])
    own = network.derivatives(points, names)
    automatic = differentiated(lambda at: network(at)[:, 0], axes, points, names)
    for name in names:
        error = (own[name][:, 0] - automatic[name]).abs().max()
        assert error < 1e-11 * automatic[name].abs().max(), name
    weight = network.layers[0].weight
    (one,) = torch.autograd.grad(own[2 * axes[0]].sum(), weight)
    (other,) = torch.autograd.grad(automatic[2 * axes[0]].sum(), weight)
    assert (one - other).abs().max() < 1e-10 * other.abs().max()


def test_one_layer_is_a_sum_of_sines():
    network = Siren("x", 1, 2, 1)
    x = torch.tensor([[0.1], [0.7]], dtype=torch.float64)
    w, b = network.layers[0].weight[:, 0], network.layers[0].bias
    expected = torch.sin(OMEGA * (x * w + b)) @ network.layers[1].weight[0] + network.layers[1].bias
    assert torch.allclose(network(x)[:, 0], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("axes", "outputs", "width", "layers", "count"),
    [("x", 1, 20, 3, 901), ("xy", 2, 32, 4, 3330), ("xy", 1, 32, 4, 3297)],
)
def test_number_of_parameters_is_that_of_the_authors(axes, outputs, width, layers, count):
    assert sum(p.numel() for p in Siren(axes, outputs, width, layers).parameters()) == count


def test_initial_weights_are_within_the_published_bounds_and_fill_them():
    network = Siren("xy", 1, 64, 3)
    for i, layer in enumerate(network.layers):
        bound = 1 / 2 if i == 0 else math.sqrt(6 / 64) / OMEGA
        assert 0.9 * bound < layer.weight.abs().max() <= bound


def test_what_makes_no_network_is_refused():
    with pytest.raises(ValueError, match="width must be positive, got 0"):
        Siren("x", 1, 0, 2)
    with pytest.raises(ValueError, match="at most second order, got 'xxx'"):
        Siren("x", 1, 2, 1).derivatives(torch.zeros(1, 1, dtype=torch.float64), ("xxx",))
