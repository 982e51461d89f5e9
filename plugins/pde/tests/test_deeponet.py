"""DeepONet: a sum of functions of the position with coefficients from the input."""

import pytest
import torch

from bench_pde.grids import coordinates
from bench_pde.methods.deeponet import DeepONet


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = DeepONet(in_channels=2, out_channels=3, grid=[16], boundary="periodic", basis=5, width=8).double()
    model.bias.data = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    return model


def test_output_is_the_sum_over_the_basis(model):
    a = torch.randn(2, 16, 2, dtype=torch.float64)
    b = model.branch(a.movedim(-1, 1)).reshape(2, 5, 3)
    y = coordinates((16,), a, with_end=False)[0]
    features = torch.cat([torch.cos(2 * torch.pi * y), torch.sin(2 * torch.pi * y)], 1)
    t = model.trunk(torch.cat([features, torch.cos(4 * torch.pi * y), torch.sin(4 * torch.pi * y)], 1))
    expected = torch.zeros(2, 16, 3, dtype=torch.float64)
    for n in range(2):
        for x in range(16):
            for c in range(3):
                expected[n, x, c] = sum(b[n, k, c] * t[x, k] for k in range(5)) + (c + 1)
    assert (model(a) - expected).abs().max() < 1e-13


def test_trunk_is_activated_after_its_last_layer(model):
    t = model.trunk(100 * torch.randn(50, 4, dtype=torch.float64))
    assert t.abs().max() <= 1


def test_networks_of_two_dimensions_are_those_of_darcy_in_the_comparison():
    model = DeepONet(in_channels=1, out_channels=1, grid=[29, 29], boundary="dirichlet")
    trunk = [(layer.in_features, layer.out_features) for layer in model.trunk if isinstance(layer, torch.nn.Linear)]
    assert trunk == [(2, 128), (128, 128), (128, 128), (128, 128)]
    assert not any(isinstance(layer, torch.nn.Tanh) for layer in model.modules())
    assert (model.trunk(torch.rand(50, 2)) >= 0).all()


def test_output_is_linear_in_the_last_layer_of_the_branch(model):
    a = torch.randn(2, 16, 2, dtype=torch.float64)
    last, before = model.branch[-1], model(a) - model.bias
    with torch.no_grad():
        last.weight *= 2
        last.bias *= 2
    assert (model(a) - model.bias - 2 * before).abs().max() < 1e-13


def test_sensors_are_fixed(model):
    with pytest.raises(ValueError, match=r"the sensors are the grid \(16,\), and the input is on \(32,\)"):
        model(torch.randn(1, 32, 2))
    with pytest.raises(ValueError, match="a grid of 8 points is too small for the branch; 13 are needed"):
        DeepONet(in_channels=1, out_channels=1, grid=[8, 8], boundary="open")
