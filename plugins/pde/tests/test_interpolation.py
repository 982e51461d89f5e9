"""Multilinear interpolation against scipy's, and at the edges."""

import numpy as np
import torch
from scipy.interpolate import RegularGridInterpolator

from bench_pde.interpolation import corners, multilinear


def test_values_between_nodes_are_those_of_scipy():
    torch.manual_seed(0)
    values = torch.randn(4, 5, 3, 2, dtype=torch.float64)
    positions = torch.rand(20, 3, dtype=torch.float64) * torch.tensor([3.0, 4.0, 2.0], dtype=torch.float64)
    known = RegularGridInterpolator([np.arange(n) for n in (4, 5, 3)], values.numpy())(positions.numpy())
    assert np.abs(multilinear(values, positions).numpy() - known).max() < 1e-13


def test_weights_sum_to_one_and_the_edge_goes_on():
    positions = torch.tensor([[-3.0], [0.0], [2.5], [3.0], [9.0]])
    assert torch.equal(sum(weight for _, weight in corners(positions, (4,))), torch.ones(5))
    values = torch.tensor([[1.0], [0.0], [2.0], [4.0]])
    assert multilinear(values, positions)[:, 0].tolist() == [1.0, 1.0, 3.0, 4.0, 4.0]
