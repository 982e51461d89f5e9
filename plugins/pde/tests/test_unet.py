"""The two U-Nets: published sizes, and shifts on periodic fields."""

import pytest
import torch

from bench_pde.methods.unet import UNet
from bench_pde.methods.unet_modern import ModernUNet


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("inputs", "outputs", "grid", "expected"),
    [
        (10, 1, [64], 2_708_673),
        (10, 1, [32, 32], 7_765_057),
        (20, 2, [32, 32], 7_767_970),
        (40, 4, [32, 32], 7_773_796),
    ],
)
def test_parameters_are_those_of_pdebench(inputs, outputs, grid, expected):
    with torch.device("meta"):
        model = UNet(in_channels=inputs, out_channels=outputs, grid=grid, boundary="open", features=32)
    assert count(model) == expected


def test_parameters_are_those_of_pdearena():
    with torch.device("meta"):
        old = UNet(in_channels=12, out_channels=3, grid=[128, 128], boundary="open", features=64, activation="gelu")
        new = ModernUNet(in_channels=12, out_channels=3, grid=[128, 128], boundary="open", features=64)
    assert round(count(old) / 1e6, 1) == 31.0
    assert round(count(new) / 1e6) == 144


@pytest.mark.parametrize(("method", "cells"), [(UNet, 8), (ModernUNet, 8)])
def test_moves_with_a_periodic_field_by_as_many_cells_as_its_coarsest_has(method, cells):
    torch.manual_seed(0)
    options = {"levels": 3, "features": 4} if method is UNet else {"features": 8}
    model = method(in_channels=1, out_channels=1, grid=[64], boundary="periodic", **options).double().eval()
    a = torch.randn(2, 64, 1, dtype=torch.float64)
    u = model(a)
    assert (model(a.roll(cells, 1)) - u.roll(cells, 1)).abs().max() < 1e-12
    assert (model(a.roll(1, 1)) - u.roll(1, 1)).abs().max() > 1e-6
    walled = method(in_channels=1, out_channels=1, grid=[64], boundary="periodic", padding="zeros", **options)
    walled.load_state_dict(model.state_dict())
    walled = walled.double().eval()
    assert (walled(a.roll(cells, 1)) - walled(a).roll(cells, 1)).abs().max() > 1e-6


def test_grids_that_cannot_be_halved_are_an_error():
    with pytest.raises(ValueError, match="a grid of 8 points cannot be halved 4 times; choose fewer levels"):
        UNet(in_channels=1, out_channels=1, grid=[8, 64], boundary="open")
    with pytest.raises(ValueError, match="a grid of 36 x 32 points cannot be halved 3 times"):
        ModernUNet(in_channels=1, out_channels=1, grid=[36, 32], boundary="open")
