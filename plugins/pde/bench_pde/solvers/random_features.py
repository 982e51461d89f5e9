"""A physics-informed network on random Fourier features.

Tancik et al. 2020 (arXiv:2006.10739), for equations by Wang, Wang & Perdikaris 2021 (doi:10.1016/j.cma.2021.113938):

    γ(x) = (cos 2πBx, sin 2πBx),    B_ij ~ N(0, scale²), frozen,    u(x) = network(γ(x))

so that γ(x)·γ(y) / m tends to exp(-2π² scale² |x - y|²): `scale` says how fast what is learned easily varies, in cycles
per unit. One matrix B, not the several scales side by side of Wang et al.

    B     (m, dimensions)
    γ     (n, 2m)
"""

import math

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.problem import Budget, Problem
from bench_pde.solvers.field import Field
from bench_pde.solvers.pinn import Network
from bench_pde.solvers.training import train


class FourierFeatures(nn.Module):
    """γ; B is saved with the state but not trained."""

    B: Tensor

    def __init__(self, dimensions: int, features: int, scale: float) -> None:
        super().__init__()
        solver_limits.fourier_features(features=features, scale=scale)
        self.register_buffer("B", scale * torch.randn(features, dimensions, dtype=torch.float64))

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, dimensions). Returns (n, 2m)."""
        angles = 2 * math.pi * points @ self.B.T
        return torch.cat([angles.cos(), angles.sin()], 1)


def random_fourier_features(
    *,
    problem: Problem,
    budget: Budget,
    features: int = 64,
    scale: float = 1.0,
    width: int = 64,
    layers: int = 2,
    lr: float = 0.001,
    polish: float = 0.0,
) -> Field:
    """Return a trained network on `features` pairs of cosines and sines; `polish` is as for the PINN."""
    gamma = FourierFeatures(len(problem.axes), features, scale)
    field = Network(problem.axes, width, layers, gamma, 2 * features)
    train(problem, field, budget, lr, polish)
    return field
