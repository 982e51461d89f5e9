"""Stable fluids (Stam 1999, SIGGRAPH, doi:10.1145/311535.311548), without viscosity or forces: a classical solver.

On a staggered grid (Harlow & Welch 1965) of N × N cells of width h each component of the velocity lies in the middle of
the faces across it. A step carries it along the flow, traced back by the midpoint rule and interpolated linearly,

    u*(x) = u_n(x - dt u_n(x - dt/2 u_n(x)))

and takes away the gradient of p, with Δp = ∇·u* in every cell and ∂p/∂n = 0 on the sides, solved by cosine transforms,
so that the sum of what flows out of each cell is 0 to rounding. The loss that is reported is the mean square of the
divergence that a step has taken away.

    u     (N + 1, N), through the faces across x, v (N, N + 1), through those across y
    p     (N, N)
"""

import math

import torch
from scipy.fft import dctn, idctn
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.interpolation import multilinear
from bench_pde.problems.flow import Flow
from bench_pde.problems.problem import Budget


class StaggeredVelocity(nn.Module):
    """A velocity on a staggered grid over [-1, 1]², interpolated."""

    def __init__(self, u: Tensor, v: Tensor) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(u), nn.Parameter(v)

    @property
    def cells(self) -> int:
        """N."""
        return self.v.shape[0]

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, 2). Returns velocities (n, 2)."""
        at = (points + 1) * self.cells / 2
        half = torch.tensor([0.0, 0.5], dtype=points.dtype)
        u, v = multilinear(self.u[..., None], at - half), multilinear(self.v[..., None], at - half.flip(0))
        return torch.cat([u, v], 1)

    def divergence(self) -> Tensor:
        """Return the divergence of each cell, (N, N)."""
        return (self.u.diff(dim=0) + self.v.diff(dim=1)) * self.cells / 2


def faces(cells: int) -> tuple[Tensor, Tensor]:
    """Return the middles of the faces across x, (N + 1, N, 2), and across y, (N, N + 1, 2)."""
    edges = torch.linspace(-1, 1, cells + 1, dtype=torch.float64)
    middles = (edges[1:] + edges[:-1]) / 2
    return (
        torch.stack(torch.meshgrid(edges, middles, indexing="ij"), -1),
        torch.stack(torch.meshgrid(middles, edges, indexing="ij"), -1),
    )


def projected(u: Tensor, v: Tensor) -> StaggeredVelocity:
    """Return the velocity less the gradient that makes it free of divergence and leaves the sides alone, on which it
    is set to 0.
    """
    u, v, cells = u.clone(), v.clone(), len(v)
    u[[0, -1]], v[:, [0, -1]] = 0.0, 0.0
    h = 2 / cells
    divergence = (u.diff(dim=0) + v.diff(dim=1)) / h
    wave = (2 * torch.cos(math.pi * torch.arange(cells, dtype=torch.float64) / cells) - 2) / h**2
    symbol = wave[:, None] + wave
    symbol[0, 0] = 1.0  # the mean of the pressure is free, and that of the divergence 0
    p = torch.from_numpy(idctn(dctn(divergence.numpy()) / symbol.numpy()))
    u[1:-1] -= p.diff(dim=0) / h
    v[:, 1:-1] -= p.diff(dim=1) / h
    return StaggeredVelocity(u, v)


@torch.no_grad()
def stable_fluids(*, flow: Flow, budget: Budget, cells: int = 48) -> StaggeredVelocity:
    """Return the velocity after the last time, on `cells` × `cells` cells.

    Raises:
        ValueError: fewer than two cells, or more times than the budget has steps.
    """
    solver_limits.stable_fluids(cells=cells, times=flow.times, steps=budget.steps)
    at = faces(cells)
    state = projected(
        *(flow.start(points.flatten(0, 1))[:, i].reshape(points.shape[:2]) for i, points in enumerate(at))
    )
    for n in range(flow.times):
        u, v = (_carried(state, points, flow.dt)[..., i] for i, points in enumerate(at))
        removed = StaggeredVelocity(u, v).divergence().square().mean()
        state = projected(u, v)
        budget.report(n + 1, float(removed))
    return state


def _carried(state: StaggeredVelocity, points: Tensor, dt: float) -> Tensor:
    """Return the velocity at the places that the fluid at points (…, 2) comes from, (…, 2)."""
    flat = points.flatten(0, -2)
    middle = (flat - dt / 2 * state(flat)).clamp(-1, 1)
    return state((flat - dt * state(middle)).clamp(-1, 1)).reshape(points.shape)
