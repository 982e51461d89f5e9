"""MT-DeepONet: one DeepONet for several tasks, which is told which one it has before it.

Kumar, Goswami, Kontolati, Shields & Karniadakis, "Synergistic Learning with Multi-Task DeepONet for Efficient PDE
Problem Solving" (2024), arXiv:2408.02198; sizes and activations from the released code (varunsingh88/MT-DeepONet).

    G(u, c)(y) = Σ_k b_k(c, u) t_k(y)        k = 1 … p; no bias
    c       which task it is: the coefficients of a source term, or a shape as a mask, 1 inside and 0 outside
    u       the input function at fixed sensors
    b       branch, on both; p outputs per channel
    t       trunk, on the position y; its last layer is linear

Two networks, one for each kind of c:

    coefficients    b: two dense layers of 128, each followed by layer normalisation and a leaky ReLU; p = 300
                    t: three dense layers of 128 with leaky ReLU on y in the unit interval or square
                    c is the first `coefficients` channels, which are constant over the grid. Of a grid of two
                    dimensions the first is time, and u is the field at time 0
    shapes          b: four convolutions of 5 with 16, 32, 64 and 64 channels and ReLU, each followed by the mean of
                    2 x 2 points; two dense layers of 128 with tanh and dropout of 0.1; p = 150
                    t: dense layers of 64, 128, 128, 128 with leaky ReLU on y in [-1, 1]²
                    c is a channel among the others

The leaky ReLU has slope 0.2 and the layer normalisation an ε of 1e-3, which are Keras's defaults; weights begin Glorot
normal, biases N(0, 0.01²). The product with the mask, after which the paper's field is exactly 0 outside the shape, is
the task's, for every method (`bench_pde.tasks.several`). The released code adds 1e-3 times the sum of squares of the
branch's weights to the loss for coefficients; here decay is the task's. Sensors are fixed, and so is the grid.
"""

import itertools
import math
from typing import Literal

import torch
from torch import Tensor, nn

from bench_pde import operator_limits
from bench_pde.grids import channels_first, coordinates

SLOPE = 0.2


class MTDeepONet(nn.Module):
    """(batch, *grid, in_channels) to (batch, *grid, out_channels), on the grid that it was built for.

    Args:
        network: see above; by default for coefficients in one dimension and for shapes in two.
        coefficients: how many of the first channels are c, where the network is that for coefficients.
        basis: p; 0 stands for the paper's.
        width: of the branch's dense layers and of the trunk.
        dropout: in the branch for shapes.

    Raises:
        ValueError: the network for shapes has a grid that is not of two dimensions or has fewer than 16 points, or
            there are no channels besides the coefficients.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        out_channels: int,
        grid: list[int],
        boundary: str,
        network: Literal["coefficients", "shapes"] | None = None,
        coefficients: int = 0,
        basis: int = 0,
        width: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.grid, self.has_end, dimensions = tuple(grid), boundary != "periodic", len(grid)
        self.on_shapes = operator_limits.mt_deeponet(
            grid=grid, in_channels=in_channels, network=network, coefficients=coefficients
        )
        self.coefficients = coefficients
        self.basis = basis or (150 if self.on_shapes else 300)
        outputs = self.basis * out_channels
        if self.on_shapes:
            self.branch = _convolutional(in_channels, outputs, self.grid, width, dropout)
            self.trunk = _trunk([2, width // 2, width, width, width, self.basis])
        else:
            sensors = (in_channels - coefficients) * grid[-1]
            self.branch = _dense(coefficients + sensors, outputs, width)
            self.trunk = _trunk([dimensions, width, width, width, self.basis])
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.xavier_normal_(module.weight)
                nn.init.normal_(module.bias, std=0.01)

    def forward(self, a: Tensor) -> Tensor:
        if a.shape[1:-1] != self.grid:
            raise ValueError(f"the sensors are the grid {self.grid}, and the input is on {tuple(a.shape[1:-1])}")
        b = self.branch(channels_first(a) if self.on_shapes else self._sensed(a)).unflatten(-1, (self.basis, -1))
        return torch.einsum("bkc,...k->b...c", b, self.trunk(self._positions(a))[0])

    def _sensed(self, a: Tensor) -> Tensor:
        """Return c and u side by side, (batch, coefficients + sensors)."""
        first = a if len(self.grid) == 1 else a[:, 0]
        return torch.cat([first[:, 0, : self.coefficients], first[..., self.coefficients :].flatten(1)], 1)

    def _positions(self, like: Tensor) -> Tensor:
        y = coordinates(self.grid, like, with_end=self.has_end)
        return 2 * y - 1 if self.on_shapes else y


def _dense(inputs: int, outputs: int, width: int) -> nn.Sequential:
    def layer(i: int) -> list[nn.Module]:
        return [nn.Linear(i, width), nn.LayerNorm(width, eps=1e-3), nn.LeakyReLU(SLOPE)]

    return nn.Sequential(*layer(inputs), *layer(width), nn.Linear(width, outputs))


def _convolutional(inputs: int, outputs: int, grid: tuple[int, ...], width: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise([inputs, 16, 32, 64, 64]):
        layers += [nn.Conv2d(i, o, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2)]
    layers.append(nn.Flatten())
    for i in (64 * math.prod(n // 16 for n in grid), width):
        layers += [nn.Linear(i, width), nn.Tanh(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def _trunk(sizes: list[int]) -> nn.Sequential:
    """Return dense layers with leaky ReLU between them."""
    layers = [module for i, o in itertools.pairwise(sizes) for module in (nn.Linear(i, o), nn.LeakyReLU(SLOPE))]
    return nn.Sequential(*layers[:-1])
