"""Physics-informed Gaussians (Kang, Oh, Hong & Park 2025, ICLR, arXiv:2412.05994).

Every feature is a sum of Gaussians whose places, widths and heights are learned, and a small network mixes features:

    φ_k(x) = Σ_i w_ki exp(-½ Σ_d ((x_d - μ_kid) / σ_kid)²),    u(x) = W_2 tanh(W_1 φ(x) + b_1) + b_2

The derivatives are in closed form: with g = w exp(…) and δ_d = (x_d - μ_d) / σ_d,

    ∂_d φ = -Σ g δ_d / σ_d,    ∂_d ∂_e φ = Σ g (δ_d δ_e / (σ_d σ_e) - [d = e] / σ_d²)
    ∂_d u = W_2 [(1 - h²) W_1 ∂_d φ],
    ∂_d ∂_e u = W_2 [(1 - h²) W_1 ∂_d ∂_e φ - 2 h (1 - h²) (W_1 ∂_d φ) (W_1 ∂_e φ)],    h = tanh(W_1 φ + b_1)

At the start μ ~ U(-1, 1), w ~ N(0, 0.01²), W Glorot normal, b = 0; the authors' JAX scripts cut the normal off at two
standard deviations, and their Helmholtz script has torch's own start. x is the point mapped from the box to [-1, 1]^d,
as in the scripts up to a shift, and for nonlinear diffusion a factor of 2. Published: 4 features, hidden width 16, σ
0.1 (in units of here, 0.5 for Klein-Gordon and 0.2 for nonlinear diffusion); 800 Gaussians per feature for the
Helmholtz equation, trained by L-BFGS at 10,000 points drawn anew every 20 iterations, and 4000 for flow mixing and
nonlinear diffusion, by Adam, whose rate falls by a tenth every 2,000 steps, at points drawn anew every 100. With few
points L-BFGS on points drawn anew diverges; hence Adam at a constant rate first, on points drawn anew at every step,
then L-BFGS on points held fixed (`polish`). The scripts add up the mean squares of all conditions, where
`least_squares` takes the mean over them together.

    μ, σ     (features, gaussians, dimensions)
    w        (features, gaussians)
    φ        (n, features)
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.problem import Budget, Problem
from bench_pde.solvers.field import Field, differentiated
from bench_pde.solvers.training import train


class Gaussians(Field):
    """u, with derivatives up to the second in closed form."""

    low: Tensor
    width: Tensor

    def __init__(self, problem: Problem, gaussians: int, features: int, hidden: int, sigma: float) -> None:
        super().__init__(problem.axes)
        solver_limits.gaussians(gaussians=gaussians, features=features, hidden=hidden, sigma=sigma)
        shape = (features, gaussians, len(problem.axes))
        low, high = torch.tensor(problem.box, dtype=torch.float64).T
        self.register_buffer("low", low)
        self.register_buffer("width", (high - low) / 2)
        self.mu = nn.Parameter(2 * torch.rand(shape, dtype=torch.float64) - 1)
        self.sigma = nn.Parameter(torch.full(shape, sigma, dtype=torch.float64))
        self.w = nn.Parameter(0.01 * torch.randn(shape[:2], dtype=torch.float64))
        self.first, self.second = nn.Linear(features, hidden).double(), nn.Linear(hidden, 1).double()
        for layer in (self.first, self.second):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, dimensions). Returns (n,)."""
        return self.derivatives(points, ("",))[""]

    def derivatives(self, points: Tensor, names: Iterable[str]) -> Mapping[str, Tensor]:
        names = tuple(names)
        if any(len(name) > 2 for name in names):
            return differentiated(self, self.axes, points, names)
        g, slope = self._gaussians(points)
        h = self.first(g.sum(-1)).tanh()
        bend = 1 - h * h

        def inner(feature: Tensor) -> Tensor:
            return feature.sum(-1) @ self.first.weight.T

        def derivative(name: str) -> Tensor:
            if not name:
                return self.second(h)[:, 0]
            d, *rest = map(self.axes.index, name)
            change = inner(-g * slope[d])
            if not rest:
                return (bend * change) @ self.second.weight[0] / self.width[d]
            (e,) = rest
            second = slope[d] * slope[e] - (self.sigma[..., d] ** -2 if d == e else 0)
            change_e = change if d == e else inner(-g * slope[e])
            curve = bend * inner(g * second) - 2 * h * bend * change * change_e
            return curve @ self.second.weight[0] / (self.width[d] * self.width[e])

        return {name: derivative(name) for name in names}

    def _gaussians(self, points: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return g, and δ / σ for each coordinate, each (n, features, gaussians)."""
        x = (points - self.low) / self.width - 1
        slopes, exponent = [], torch.zeros(())
        for d in range(len(self.axes)):
            delta = (x[:, d, None, None] - self.mu[..., d]) / self.sigma[..., d]
            exponent = exponent - 0.5 * delta * delta
            slopes.append(delta / self.sigma[..., d])
        return self.w * exponent.exp(), slopes


def pig(
    *,
    problem: Problem,
    budget: Budget,
    gaussians: int = 60,
    features: int = 4,
    hidden: int = 16,
    sigma: float = 0.1,
    lr: float = 0.01,
    polish: float = 0.25,
) -> Field:
    """Return trained Gaussians, `gaussians` per feature; `polish` is the share of the steps taken by L-BFGS."""
    field = Gaussians(problem, gaussians, features, hidden, sigma)
    train(problem, field, budget, lr, polish)
    return field
