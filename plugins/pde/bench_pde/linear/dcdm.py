"""DCDM, the deep conjugate direction method: search directions from a network, made conjugate to the last ones.

Kaneda, Akar, Chen, Kala, Hyde & Teran, "A Deep Conjugate Direction Method for Iteratively Solving Linear Systems" (ICML
2023), arXiv:2205.10763; the network, its data and its training from the released code (ayano721/2023_DCDM).

    q = f(r / ‖r‖);   p = q - Σ_j p_j (qᵀA p_j) / (p_jᵀA p_j)   over the last two directions
    α = pᵀr / pᵀA p;   x <- x + α p;   r = b - A x, computed anew

    loss     mean over unit vectors b of ‖b - A x̂‖², x̂ = q (qᵀb) / (qᵀA q), q = f(b): the step along q is the best one,
             so that the scale and the sign of f do not matter
    b        Σ_i c_i v_i, normalised: v Ritz vectors of the example's A, c ~ N(0, 1), 9 times that for the lower 55 %
    f        convolutions of 3 with 16 channels and ReLU, in pairs with a skip: 4 (the first after a linear one) on the
             grid, the mean over 2 x 2 (x 2), 6 there, nearest neighbours back up plus what went down, 4, and a linear
             map to one number per cell. [4, 6, 4] is the paper's network for 64³ cells, with 97,457 parameters;
             [6, 10, 6] that for 128³, with 152,881

Glorot uniform weights and biases of 0. The network sees the residual on the grid, 0 beyond it, and nothing of A. It
runs in float32, all else in float64. Its directions are set to 0 where cells are not open. The paper trains on 20,000
right-hand sides from 10,000 Ritz vectors of 64³ cells by Adam at a constant 1e-4 with batches of 10, up to 1,000 times
through them; here b is drawn anew at each step and the rate falls to 0 by a cosine, for budgets are small. Adam's ε
is torch's 1e-8, not Keras's 1e-7.
"""

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from bench_pde import linear_limits
from bench_pde.linear.lanczos import right_hand_sides, ritz
from bench_pde.linear.system import LinearSolver, Solution, Solve, System, Training

_CONVOLUTIONS: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
_POOLS: dict[int, type[nn.Module]] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}


def along(system: System, direction: Callable[[Tensor], Tensor], memory: int = 2) -> Solve:
    """Return the iteration with q = direction(r / ‖r‖), made conjugate to the last `memory` directions.

    It ends early where a direction has no length in the energy norm.
    """

    def solve(b: Tensor, tolerance: float, limit: int) -> Solution:
        x, r = torch.zeros_like(b), b
        residuals, last = [float(b.norm())], deque[tuple[Tensor, Tensor, float]](maxlen=memory)
        while residuals[-1] > tolerance * residuals[0] and len(residuals) <= limit:
            q = direction(r / residuals[-1])
            p = q - sum((p_j * (float(q @ Ap_j) / size) for p_j, Ap_j, size in last), torch.zeros_like(q))
            Ap = system.apply(p)
            size = float(p @ Ap)
            if not size > 0:
                break
            last.append((p, Ap, size))
            x = x + p * (float(p @ r) / size)
            r = b - system.apply(x)
            residuals.append(float(r.norm()))
        return Solution(x, residuals)

    return solve


def loss(A: Tensor, q: Tensor, b: Tensor) -> Tensor:
    """Return the mean over a batch of ‖b - A x̂‖², for q and b of shape (batch, n)."""
    Aq = torch.sparse.mm(A, q.T).T
    step = (q * b).sum(1, keepdim=True) / (q * Aq).sum(1, keepdim=True)
    return (b - step * Aq).square().sum(1).mean()


class DirectionNetwork(nn.Module):
    """f, (batch, 1, *grid) to the same."""

    def __init__(self, dimensions: int, width: int, convolutions: list[int]) -> None:
        super().__init__()
        conv = _CONVOLUTIONS[dimensions]

        def row(count: int) -> nn.ModuleList:
            return nn.ModuleList(conv(width, width, 3, padding=1) for _ in range(count))

        self.first, self.last = conv(1, width, 3, padding=1), conv(width, 1, 1)
        self.top, self.coarse, self.up = (row(count) for count in convolutions)
        self.pool, self.upsample = _POOLS[dimensions](2), nn.Upsample(scale_factor=2, mode="nearest")
        for module in self.modules():
            if isinstance(module, conv):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, b: Tensor) -> Tensor:
        x = relu(self.top[0](self.first(b)))
        x = self._pairs(x, list(self.top)[1:-1])
        beside = relu(self.top[-1](x))
        x = self._pairs(self.pool(beside), list(self.coarse))
        return self.last(self._pairs(self.upsample(x) + beside, list(self.up)))

    @staticmethod
    def _pairs(x: Tensor, convolutions: list[nn.Module]) -> Tensor:
        for first, second in zip(convolutions[::2], convolutions[1::2], strict=True):
            x = relu(second(relu(first(x)))) + x
        return x


class DeepConjugateDirections(LinearSolver):
    """DCDM, with a network trained on the example's matrix alone.

    Args:
        width: channels.
        convolutions: on the grid, on the coarser one, and on the grid again; three even numbers.
        vectors: Ritz vectors, at most.
        lr: of the first step.
        memory: how many directions a new one is made conjugate to.

    Raises:
        ValueError: the grid has an odd number of cells on an axis, or other than two or three dimensions; or a
            parameter is out of range.
    """

    def __init__(
        self,
        *,
        example: System,
        training: Training,
        width: int = 16,
        convolutions: list[int] | None = None,
        vectors: int = 500,
        lr: float = 0.001,
        memory: int = 2,
    ) -> None:
        super().__init__()
        linear_limits.grid_of_dcdm(grid=example.grid)
        counts = linear_limits.dcdm(width=width, convolutions=convolutions, vectors=vectors, lr=lr, memory=memory)
        self.memory = memory
        self.network = DirectionNetwork(len(example.grid), width, counts)
        self.network.to(example.matrix.device)
        self._train(example, training, vectors, lr)

    def _train(self, example: System, training: Training, vectors: int, lr: float) -> None:
        A = example.matrix.to_sparse_coo().float().coalesce()
        _, basis = ritz(example, vectors, training.generator)
        basis = basis.float()
        optimiser = torch.optim.Adam(self.network.parameters(), lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.steps)
        for step in range(1, training.steps + 1):
            b = right_hand_sides(basis, training.batch_size, 0.55, 9.0, training.generator)
            value = loss(A, self._directions(b, example.grid), b)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            schedule.step()
            training.report(step, value.item())

    def _directions(self, r: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Return f of each of (batch, n)."""
        return self.network(r.reshape(len(r), 1, *grid)).flatten(1)

    def prepared(self, system: System) -> Solve:
        linear_limits.grid_of_dcdm(grid=system.grid)
        is_open = system.is_open.flatten()

        @torch.no_grad()
        def direction(r: Tensor) -> Tensor:
            return self._directions(r.float()[None], system.grid)[0].double() * is_open

        return along(system, direction, self.memory)
