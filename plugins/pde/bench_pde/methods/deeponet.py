"""DeepONet, the deep operator network.

Lu, Jin, Pang, Zhang & Karniadakis, Nature Machine Intelligence 3 (2021), doi:10.1038/s42256-021-00302-5; networks as in
Lu et al., "A comprehensive and fair comparison of two neural operators" (2022), doi:10.1016/j.cma.2022.114778.

    G(a)(y) = Σ_k b_k(a(x_1), …, a(x_s)) t_k(y) + b_0        k = 1 … p
    b       branch: a network on the input at s fixed sensors, here all points of the grid; p outputs per channel
    t       trunk: a network on the position y, activated after its last layer too
    y       where the boundary is periodic: cos and sin of 2πy and 4πy per axis, so that the output is periodic
    p       number of basis functions

In one dimension both networks are fully connected with tanh, as in the comparison's Burgers; in two, as in its Darcy,
the branch is convolutional (64 and 128 channels, 5 x 5, stride 2, then a layer of 128), the trunk has a layer more, and
both have ReLU. Sensors are fixed, so the grid is. Initialisation: Glorot normal. The comparison undoes a pointwise
normalisation at the output; here normalisation is the task's.
"""

import itertools
import math

import torch
from torch import Tensor, nn

from bench_pde import operator_limits
from bench_pde.grids import channels_first, coordinates


class DeepONet(nn.Module):
    """(batch, *grid, in_channels) to (batch, *grid, out_channels), on the grid that it was built for.

    Args:
        basis: p.
        width: of the layers of the networks.
        layers: of the trunk; the branch of one dimension has one more. 0 stands for the comparison's: 3 in one
            dimension, 4 in two.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        basis: int = 128,
        width: int = 128,
        layers: int = 0,
    ) -> None:
        super().__init__()
        self.grid, self.basis, self.is_periodic = tuple(grid), basis, boundary == "periodic"
        outputs, sensors, dimensions = basis * out_channels, math.prod(grid), len(grid)
        activation, layers = nn.Tanh if dimensions == 1 else nn.ReLU, layers or 2 + dimensions
        if dimensions == 1:
            sizes = [in_channels * sensors, *[width] * layers, outputs]
            self.branch: nn.Module = nn.Sequential(nn.Flatten(), *_network(sizes, activation)[:-1])
        else:
            self.branch = _convolutional(in_channels, outputs, self.grid)
        features = dimensions * (4 if self.is_periodic else 1)
        self.trunk = nn.Sequential(*_network([features, *[width] * (layers - 1), basis], activation))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, a: Tensor) -> Tensor:
        if a.shape[1:-1] != self.grid:
            raise ValueError(f"the sensors are the grid {self.grid}, and the input is on {tuple(a.shape[1:-1])}")
        b = self.branch(channels_first(a)).unflatten(-1, (self.basis, -1))
        return torch.einsum("bkc,...k->b...c", b, self.trunk(self._positions(a))[0]) + self.bias

    def _positions(self, like: Tensor) -> Tensor:
        y = coordinates(self.grid, like, with_end=not self.is_periodic)
        if not self.is_periodic:
            return y
        return torch.cat([f(k * math.pi * y) for k in (2, 4) for f in (torch.cos, torch.sin)], -1)


def _network(sizes: list[int], activation: type[nn.Module]) -> list[nn.Module]:
    """Return fully connected layers, each with its activation."""
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise(sizes):
        layers += [nn.Linear(i, o), activation()]
    return layers


def _convolutional(inputs: int, outputs: int, grid: tuple[int, ...]) -> nn.Module:
    convolutions = nn.Sequential(
        nn.Conv2d(inputs, 64, 5, stride=2), nn.ReLU(), nn.Conv2d(64, 128, 5, stride=2), nn.ReLU(), nn.Flatten()
    )
    operator_limits.deeponet(grid=grid)
    with torch.no_grad():
        size = convolutions(torch.zeros(1, inputs, *grid)).shape[-1]
    return nn.Sequential(convolutions, nn.Linear(size, 128), nn.ReLU(), nn.Linear(128, outputs))
