"""NeuRBF: neural fields on adaptive radial basis functions (Chen et al. 2023, ICCV, arXiv:2309.15426).

For a point x with the K nearest centres c_k,

    φ_k = 1 / (1 + (x - c_k)ᵀ S_k (x - c_k))        ("inverse-quadratic"; images)
    φ_k = Π_d clamp(1 - s_k |x_d - c_kd|, 0, 1)     ("linear"; distances)
    φ̂_k = φ_k / (Σ φ + 1e-8)                        the sum counts as a constant in derivatives
    ψ_k = sin(m φ̂_k)                                m: J frequencies, evenly spaced on a logarithmic scale
    h = [g(x), Σ_k w_k ∘ ψ_k] + b                   g: a hash grid
    a = W_1 h + b_1,    h_1 = a + sin(ω ∘ a),    y = W_3 ReLU(W_2 h_1 + b_2) + b_3

Centres and shapes are placed where the signal has detail (`bench_pde.fields.placement`) and then fixed, like m and ω;
w, g, b and the network are learned, from w, g, b ~ U(±1e-4). The number of kernels is what the budget of numbers leaves
beside all else, their geometry included; the grid's tables are as large as those that a hash grid with 16 levels of 2
features and a network of this width would have within the same budget, as in the authors' code.

Published for images: J = 32, m from 1/8 to 4096, K = 4, 2 levels of 2 features, ω from 10 to 100; for distances:
J = 16, m from 1 to 8, K = 8, 16 levels of 1 feature, ω from 30 to 300; the network 64 wide. They are presets.


    c      (kernels, d)
    S      (kernels, d (d + 1) / 2), the lower triangle row by row; s (kernels, 1)
    w      (kernels, J)
    m, ω   (J,) and (hidden,)
"""

from typing import Literal

import torch
from torch import Tensor, nn

from bench_pde import field_limits
from bench_pde.fields import placement
from bench_pde.fields.hash_grid import HashEncoding
from bench_pde.fields.network import group
from bench_pde.fields.signal import Signal

Kernel = Literal["inverse-quadratic", "linear"]
Placement = Literal["adaptive", "random"]


class NeuRBF(nn.Module):
    """A field on radial basis functions and a hash grid."""

    m: Tensor
    omega: Tensor
    centres: Tensor
    shape: Tensor

    def __init__(
        self,
        *,
        signal: Signal,
        numbers: int,
        kernel: Kernel = "inverse-quadratic",
        neighbours: int = 4,
        features: int = 32,
        lowest: float = 0.125,
        highest: float = 4096.0,
        multi_frequency: bool = True,
        placed: Placement = "adaptive",
        levels: int = 2,
        level_features: int = 2,
        coarsest: int = 16,
        finest: int = 2048,
        omega_lowest: float = 10.0,
        omega_highest: float = 100.0,
        hidden: int = 64,
        feature_lr: float = 0.005,
    ) -> None:
        """Place as many kernels as `numbers` numbers allow.

        Args:
            neighbours: K; at least 2, for with one φ̂ is 1 everywhere.
            features: J.
            multi_frequency: whether ψ = sin(mφ̂), or φ̂ J times over.
            placed: "random" takes samples at random as centres, and as the radius half of what their spacing would be
                on a regular grid.

        Raises:
            ValueError: the budget leaves fewer kernels than neighbours, or a parameter is out of range.
        """
        super().__init__()
        dimensions, outputs = signal.points.shape[1], signal.values.shape[1]
        field_limits.frequencies(
            lowest=lowest,
            highest=highest,
            omega_lowest=omega_lowest,
            omega_highest=omega_highest,
            feature_lr=feature_lr,
        )
        cells, table, count = field_limits.neurbf(
            dimensions=dimensions,
            outputs=outputs,
            numbers=numbers,
            kernel=kernel,
            neighbours=neighbours,
            features=features,
            levels=levels,
            level_features=level_features,
            coarsest=coarsest,
            finest=finest,
            hidden=hidden,
        )
        inputs = levels * level_features + features
        self.kernel, self._neighbours, self._multi_frequency = kernel, neighbours, multi_frequency
        self._feature_lr = feature_lr
        centres, shape = _adaptive(signal, kernel, count) if placed == "adaptive" else _random(signal, kernel, count)
        self.register_buffer("centres", centres)
        self.register_buffer("shape", shape)
        self.register_buffer("m", _spaced(lowest, highest, features), persistent=False)
        self.register_buffer("omega", _spaced(omega_lowest, omega_highest, hidden), persistent=False)
        self.encoding = HashEncoding(dimensions, cells, table, level_features)
        self.w = nn.Parameter(torch.empty(count, features).uniform_(-1e-4, 1e-4))
        self.b = nn.Parameter(torch.empty(inputs).uniform_(-1e-4, 1e-4))
        self.network = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, outputs)])

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, d) in [-1, 1]^d. Returns (n, channels)."""
        index = placement.nearest(points, self.centres, self._neighbours)
        share = normalised(self.kernels(points, index))[..., None]
        psi = torch.sin(self.m * share) if self._multi_frequency else share
        h = torch.cat([self.encoding((points + 1) / 2), (self.w[index] * psi).sum(1)], 1) + self.b
        first, second, third = self.network
        a = first(h)
        return third(second(a + torch.sin(self.omega * a)).relu())

    def kernels(self, points: Tensor, index: Tensor) -> Tensor:
        """Return φ of points (n, d) for the kernels with indices (n, K), as (n, K)."""
        offset = points[:, None] - self.centres[index]
        if self.kernel == "linear":
            return (1 - self.shape[index] * offset.abs()).clamp(0, 1).prod(-1)
        d = points.shape[1]
        rows, columns = torch.tril_indices(d, d)
        twice = torch.where(rows == columns, 1.0, 2.0).to(points)
        return 1 / (1 + (self.shape[index] * twice * offset[..., rows] * offset[..., columns]).sum(-1))

    def param_groups(self) -> list[dict[str, float | list[Tensor]]]:
        """Ask for a lower learning rate of everything but the network."""
        return group(self, self.network, self._feature_lr)


def normalised(kernels: Tensor) -> Tensor:
    """Return φ̂ of φ (n, K); the sum is a constant in derivatives."""
    return kernels / (kernels.detach().sum(-1, keepdim=True) + 1e-8)


def _spaced(low: float, high: float, count: int) -> Tensor:
    return torch.logspace(torch.tensor(low).log2().item(), torch.tensor(high).log2().item(), count, base=2.0)


def _adaptive(signal: Signal, kernel: Kernel, count: int) -> tuple[Tensor, Tensor]:
    weight = placement.detail(signal)
    centres = placement.clustered(signal.points, weight, count)
    if kernel == "linear":
        return centres, placement.spreads(signal.points, weight, centres).rsqrt()[:, None]
    return centres, lower(torch.linalg.inv(placement.covariances(signal.points, weight, centres)))


def _random(signal: Signal, kernel: Kernel, count: int) -> tuple[Tensor, Tensor]:
    d = signal.points.shape[1]
    centres = signal.points[torch.randperm(len(signal.points))[:count]].clone()
    if len(centres) < count:
        raise ValueError(f"{count} kernels are more than the {len(signal.points)} samples")
    spacing = 2 / count ** (1 / d)
    if kernel == "linear":
        return centres, torch.full((count, 1), 1 / spacing)
    return centres, lower((4 / spacing**2 * torch.eye(d)).expand(count, d, d))


def lower(matrices: Tensor) -> Tensor:
    """Return the lower triangles of matrices (n, d, d), row by row, (n, d (d + 1) / 2)."""
    rows, columns = torch.tril_indices(*matrices.shape[1:])
    return matrices[:, rows, columns].contiguous()
