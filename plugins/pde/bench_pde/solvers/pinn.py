"""Physics-informed neural network (Raissi, Perdikaris & Karniadakis 2019, doi:10.1016/j.jcp.2018.10.045).

u(x) = W_L tanh(… tanh(W_1 x + b_1) …) + b_L, trained to make the squares of the equation's residual and of what the
conditions are missed by small, with derivatives by automatic differentiation. PDEBench's is 6 layers of 40, Glorot
normal, Adam at 1e-3 for 15,000 steps at 1000 points inside, 1000 on the sides and 5000 at the beginning.

    x     points, (n, dimensions), as they are
    W_l   (width, width) but for the first and last
"""

import itertools

from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.problem import Budget, Problem
from bench_pde.solvers.field import Field
from bench_pde.solvers.training import train


class Network(Field):
    """A fully connected network of tanh on the coordinates, or on features of them."""

    def __init__(self, axes: str, width: int, layers: int, features: nn.Module | None = None, inputs: int = 0) -> None:
        """Args:
        features: what the network is applied to, a module from points to (n, inputs); None for the points.
        layers: hidden layers.
        """
        super().__init__(axes)
        solver_limits.network(width=width, layers=layers)
        self.features = features or nn.Identity()
        sizes = [inputs or len(axes), *[width] * layers, 1]
        linear = [nn.Linear(a, b).double() for a, b in itertools.pairwise(sizes)]
        for layer in linear:
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.layers = nn.ModuleList(linear)

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, dimensions). Returns (n,)."""
        h = self.features(points)
        for layer in self.layers[:-1]:
            h = layer(h).tanh()
        return self.layers[-1](h)[:, 0]


def pinn(
    *, problem: Problem, budget: Budget, width: int = 40, layers: int = 6, lr: float = 0.001, polish: float = 0.0
) -> Field:
    """Return a trained network of `layers` hidden layers; `polish` is the share of the steps taken by L-BFGS."""
    field = Network(problem.axes, width, layers)
    train(problem, field, budget, lr, polish)
    return field
