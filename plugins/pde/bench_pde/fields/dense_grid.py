"""A grid of learned features behind a small network: the baseline whose resolution is the same everywhere.

y(x) = network(interpolation of G at x),    G ~ U(±1e-4) at the start

G    (r, …, r, features), r as large as the budget of numbers allows
"""

import torch
from torch import Tensor, nn

from bench_pde import field_limits
from bench_pde.fields.network import Perceptron, group
from bench_pde.fields.signal import Signal
from bench_pde.interpolation import multilinear


class DenseGrid(nn.Module):
    """A field on a dense grid."""

    def __init__(
        self, *, signal: Signal, numbers: int, features: int = 2, hidden: int = 64, feature_lr: float = 0.005
    ) -> None:
        """Make as fine a grid as `numbers` numbers allow.

        Args:
            hidden: width of the network.
            feature_lr: the learning rate of the features, where the task's is higher.

        Raises:
            ValueError: the budget leaves fewer than 2 nodes per axis, or a parameter is not positive.
        """
        super().__init__()
        dimensions, outputs = signal.points.shape[1], signal.values.shape[1]
        nodes = field_limits.dense_grid(
            dimensions=dimensions,
            outputs=outputs,
            numbers=numbers,
            features=features,
            hidden=hidden,
            feature_lr=feature_lr,
        )
        self.grid = nn.Parameter(torch.empty((nodes,) * dimensions + (features,)).uniform_(-1e-4, 1e-4))
        self.network = Perceptron(features, hidden, outputs)
        self._feature_lr = feature_lr

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, d) in [-1, 1]^d. Returns (n, channels)."""
        positions = (points + 1) / 2 * (len(self.grid) - 1)
        return self.network(multilinear(self.grid, positions))

    def param_groups(self) -> list[dict[str, float | list[Tensor]]]:
        """Ask for a lower learning rate of the features."""
        return group(self, self.network, self._feature_lr)
