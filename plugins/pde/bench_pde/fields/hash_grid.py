"""Multiresolution hash encoding (Müller, Evans, Schied & Keller 2022, SIGGRAPH, arXiv:2201.05989).

L grids of growing resolution r_l = ⌊b^l coarsest⌋ with (r_l + 1)^d nodes; a level with more nodes than T keeps its
features in a table of T entries instead, in which a node with indices i has the place

    (i_1 π_1 xor i_2 π_2 xor i_3 π_3) mod T,    π = (1, 2654435761, 805459861)

so that nodes share entries. The encoding of x is all levels' interpolations side by side, and

    y(x) = network(encoding of x),    features ~ U(±1e-4) at the start

Published: L = 16, 2 features, coarsest 16, and a network 64 wide. T is a power of 2 there; here it is as large as the
budget of numbers allows.

    table    (entries of all levels, features)
"""

import itertools

import torch
from torch import Tensor, nn

from bench_pde import field_limits
from bench_pde.fields.network import Perceptron, group
from bench_pde.fields.signal import Signal
from bench_pde.fields.sizes import entries
from bench_pde.interpolation import corners

PRIMES = (1, 2654435761, 805459861)


class HashEncoding(nn.Module):
    """The encoding of points in [0, 1]^d, up to three dimensions."""

    def __init__(self, dimensions: int, cells: list[int], table: int, features: int) -> None:
        super().__init__()
        self._cells, self._entries = cells, entries(cells, dimensions, table)
        self._starts = [0, *itertools.accumulate(self._entries)]
        self.table = nn.Parameter(torch.empty(self._starts[-1], features).uniform_(-1e-4, 1e-4))
        self.outputs = len(cells) * features

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, d). Returns (n, levels × features)."""
        return torch.cat([self._level(level, points) for level in range(len(self._cells))], 1)

    def _level(self, level: int, points: Tensor) -> Tensor:
        nodes = self._cells[level] + 1
        total = torch.zeros((), dtype=points.dtype, device=points.device)
        for index, weight in corners(points * self._cells[level], (nodes,) * points.shape[1]):
            place = self._starts[level] + self.places(level, index)
            total = total + weight[:, None] * self.table[place]
        return total

    def places(self, level: int, index: Tensor) -> Tensor:
        """Return where nodes with indices (n, d) lie in a level's part of the table, (n,)."""
        nodes = self._cells[level] + 1
        if self._entries[level] == nodes ** index.shape[1]:
            place = index[:, 0]
            for axis in range(1, index.shape[1]):
                place = place * nodes + index[:, axis]
            return place
        place = index[:, 0] * PRIMES[0]
        for axis in range(1, index.shape[1]):
            place = place ^ (index[:, axis] * PRIMES[axis])
        return place % self._entries[level]


class HashGrid(nn.Module):
    """A field on a hash grid."""

    def __init__(
        self,
        *,
        signal: Signal,
        numbers: int,
        levels: int = 16,
        features: int = 2,
        coarsest: int = 16,
        finest: int = 2048,
        hidden: int = 64,
        feature_lr: float = 0.005,
    ) -> None:
        """Make tables as large as `numbers` numbers allow; the other arguments are those of `DenseGrid`.

        Args:
            coarsest, finest: cells per axis of the first and the last level.

        Raises:
            ValueError: the budget leaves no entry for each level, or a parameter is out of range.
        """
        super().__init__()
        dimensions, outputs = signal.points.shape[1], signal.values.shape[1]
        cells, table = field_limits.hash_grid(
            dimensions=dimensions,
            outputs=outputs,
            numbers=numbers,
            levels=levels,
            features=features,
            coarsest=coarsest,
            finest=finest,
            hidden=hidden,
            feature_lr=feature_lr,
        )
        self.encoding = HashEncoding(dimensions, cells, table, features)
        self.network = Perceptron(self.encoding.outputs, hidden, outputs)
        self._feature_lr = feature_lr

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, d) in [-1, 1]^d. Returns (n, channels)."""
        return self.network(self.encoding((points + 1) / 2))

    def param_groups(self) -> list[dict[str, float | list[Tensor]]]:
        """Ask for a lower learning rate of the features."""
        return group(self, self.network, self._feature_lr)
