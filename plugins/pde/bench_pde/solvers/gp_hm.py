"""Gaussian processes with mixture kernels for high frequencies (GP-HM; Fang et al. 2024, ICLR, arXiv:2311.04465).

u is a Gaussian process whose spectrum is a mixture, known by its values U on a grid; the kernel is a product, over the
axes, of

    k(d) = Σ_q w_q ρ(d; r_q) cos(2π f_q d),    ρ = (1 + a + a²/3) e^(-a), a = √5 |d| r_q     ("student-t")
                                               ρ = exp(-r_q d²)                               ("gaussian")

With K = k(X, X) + 1e-6 I on each axis, derivatives on the grid are U_x = K_x K⁻¹ U along that axis, K_x being the
kernel differentiated by its first argument, and what is minimised is the negative logarithm of the joint probability

    ½ log|K| + ½ uᵀ K⁻¹ u - λ_b [½ N_b log τ - ½ τ ‖conditions‖²] - [½ N log v - ½ v ‖residual‖²]

over U, log w, log r, f, log τ and log v, where |K| and uᵀK⁻¹u are those of the Kronecker product of all axes and are
computed axis by axis. Along the other axes of a derivative K K⁻¹ counts as the identity, as in the authors' code.
Between nodes u(x) = k(x, X) K⁻¹ U. From w = 1/Q, r = 1, f evenly from 0 to `frequency`, U = 0, τ = v = 1, by Adam at
1e-2; the paper takes 100,000 steps with Q = 30 on 200 to 900 nodes per axis and λ_b = 200 (advection 500). The paper's
second process, added for its two hardest cases, is left out.

    U     (N_1, …, N_d), values at the nodes
    w     weights, r inverse lengths (for "gaussian", squared), f frequencies in cycles per unit, each (dimensions, Q)
    K     (N, N) for each axis
    τ, v  precisions of the conditions and of the equation
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from bench_pde import solver_limits
from bench_pde.problems.problem import Budget, Condition, Derivatives, Problem
from bench_pde.solvers.field import Field

JITTER = 1e-6
Mixture = Literal["student-t", "gaussian"]


def kernel(distance: Tensor, w: Tensor, r: Tensor, f: Tensor, mixture: Mixture, order: int) -> Tensor:
    """Return k, or its first or second derivative, by a distance of any shape with a sign.

    In closed form: automatic differentiation would lose the second derivative of |d| at 0.

    Args:
        w, r, f: (Q,).
        order: 0, 1 or 2.
    """
    d = distance[..., None]
    rho, rho_1, rho_2 = (_student_t if mixture == "student-t" else _gaussian)(d, r)
    angle, speed = 2 * math.pi * f * d, 2 * math.pi * f
    if order == 0:
        terms = rho * angle.cos()
    elif order == 1:
        terms = rho_1 * angle.cos() - speed * rho * angle.sin()
    else:
        terms = (rho_2 - speed**2 * rho) * angle.cos() - 2 * speed * rho_1 * angle.sin()
    return terms @ w


def _student_t(d: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the Matérn function of smoothness 5/2, the characteristic function of a Student t, and its derivatives."""
    c = math.sqrt(5) * r
    a = c * d.abs()
    decay = torch.exp(-a)
    return (1 + a + a * a / 3) * decay, -(c * c / 3) * d * (1 + a) * decay, -(c * c / 3) * (1 + a - a * a) * decay


def _gaussian(d: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    rho = torch.exp(-r * d * d)
    return rho, -2 * r * d * rho, (4 * r * r * d * d - 2 * r) * rho


class MixtureProcess(Field):
    """The posterior mean of the process, given its values at the nodes."""

    low: Tensor
    high: Tensor

    def __init__(self, problem: Problem, nodes: int, components: int, frequency: float, mixture: Mixture) -> None:
        super().__init__(problem.axes)
        low, high = torch.tensor(problem.box, dtype=torch.float64).T
        self.register_buffer("low", low)
        self.register_buffer("high", high)
        nyquist = (nodes - 1) / 2 / (high - low)
        highest = torch.full_like(low, frequency) if frequency else 0.6 * nyquist
        self.mixture, self.nodes = mixture, nodes
        shape = (len(problem.axes), components)
        self.log_w = nn.Parameter(torch.full(shape, -math.log(components), dtype=torch.float64))
        self.log_r = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
        self.f = nn.Parameter(torch.linspace(0, 1, components, dtype=torch.float64) * highest[:, None])
        self.U = nn.Parameter(torch.zeros((nodes,) * len(problem.axes), dtype=torch.float64))

    def places(self, axis: int) -> Tensor:
        """Return the nodes of an axis, (N,)."""
        return torch.linspace(0, 1, self.nodes, dtype=torch.float64) * (self.high - self.low)[axis] + self.low[axis]

    def matrix(self, axis: int, order: int) -> Tensor:
        """Return the kernel differentiated `order` times by its first argument, (N, N), at the nodes of an axis.

        These are evenly spaced, so that only 2N - 1 distances occur.
        """
        n = self.nodes
        steps = torch.arange(n)[:, None] - torch.arange(n) + n - 1
        spacing = (self.high - self.low)[axis] / (n - 1)
        distance = torch.arange(1 - n, n, dtype=torch.float64) * spacing
        return self._kernel(axis, distance, order)[steps]

    def kernels(self, axis: int, points: Tensor, order: int) -> Tensor:
        """Return the kernel differentiated `order` times by its first argument, (n, N), at coordinates (n,)."""
        return self._kernel(axis, points[:, None] - self.places(axis), order)

    def _kernel(self, axis: int, distance: Tensor, order: int) -> Tensor:
        return kernel(distance, self.log_w[axis].exp(), self.log_r[axis].exp(), self.f[axis], self.mixture, order)

    def factors(self) -> list[Tensor]:
        """Return the Cholesky factor of K for each axis."""
        jitter = JITTER * torch.eye(self.nodes, dtype=torch.float64)
        axes = range(len(self.axes))
        return [torch.linalg.cholesky(self.matrix(axis, 0) + jitter) for axis in axes]

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, dimensions). Returns (n,)."""
        return self.derivatives(points, ("",))[""]

    def derivatives(self, points: Tensor, names: Iterable[str]) -> Mapping[str, Tensor]:
        inverses = [torch.cholesky_inverse(factor) for factor in self.factors()]

        def derivative(name: str) -> Tensor:
            rows = [self.kernels(i, points[:, i], name.count(axis)) @ inverses[i] for i, axis in enumerate(self.axes)]
            result = torch.einsum("ni,i...->n...", rows[0], self.U)
            for row in rows[1:]:
                result = torch.einsum("ni,ni...->n...", row, result)
            return result

        return {name: derivative(name) for name in names}

    def on_nodes(self, name: str, factors: list[Tensor], U: Tensor) -> Tensor:
        """Return the derivative of this name at all nodes, in the shape of U."""
        for i, axis in enumerate(self.axes):
            if order := name.count(axis):
                U = along(U, i, self.matrix(i, order) @ torch.cholesky_inverse(factors[i]))
        return U

    def solved(self, factors: list[Tensor], U: Tensor) -> Tensor:
        """Return K⁻¹u in the shape of U, K being the Kronecker product over all axes."""
        for axis, factor in enumerate(factors):
            U = along(U, axis, torch.cholesky_inverse(factor))
        return U

    def prior(self, factors: list[Tensor], U: Tensor) -> Tensor:
        """Return ½ log|K| + ½ uᵀK⁻¹u."""
        log_determinant = sum(2 * L.diagonal().log().sum() * (U.numel() // len(L)) for L in factors)
        return 0.5 * log_determinant + 0.5 * (U * self.solved(factors, U)).sum()


class Joint:
    """The negative logarithm of the joint probability of a process and a problem, by parts."""

    def __init__(self, problem: Problem, process: MixtureProcess) -> None:
        self._problem, self._process = problem, process
        self._shape = process.U.shape
        self._points = problem.grid(tuple(self._shape))
        self._indices = torch.arange(process.U.numel()).reshape(self._shape)

    def errors(self, factors: list[Tensor], U: Tensor) -> tuple[Tensor, Tensor]:
        """Return by how much the conditions are missed at the nodes of their faces, one condition after another, and
        the residual at all nodes.
        """
        derivatives = self._derivatives(factors, U)
        missed = [
            self._problem.condition_error(condition, derivatives, self._points[self._face(condition)])
            for condition in self._problem.conditions
        ]
        return torch.cat(missed), self._problem.equation_error(derivatives, self._points)

    def __call__(self, boundary_weight: float, log_tau: Tensor, log_v: Tensor) -> Tensor:
        """Return what is minimised; `boundary_weight` is λ_b."""
        process, factors = self._process, self._process.factors()
        missed, residual = self.errors(factors, process.U)
        return (
            process.prior(factors, process.U)
            - boundary_weight * _log_normal(missed, log_tau)
            - _log_normal(residual, log_v)
        )

    def _face(self, condition: Condition) -> Tensor:
        return self._indices.select(condition.axis, -condition.side).flatten()

    def _derivatives(self, factors: list[Tensor], U: Tensor) -> Derivatives:
        """Return the derivatives at points that are nodes, whose values are looked up by where they lie."""
        low, high = self._process.low, self._process.high
        strides = torch.tensor(self._indices.stride())
        known: dict[str, Tensor] = {}

        def at(points: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
            index = (((points - low) / (high - low) * (self._process.nodes - 1)).round().long() * strides).sum(1)
            for name in names:
                if name not in known:
                    known[name] = self._process.on_nodes(name, factors, U).flatten()
            return {name: known[name][index] for name in names}

        return at


def _log_normal(errors: Tensor, log_precision: Tensor) -> Tensor:
    """Return the logarithm of the normal density of errors of this precision, less a constant."""
    return 0.5 * len(errors) * log_precision - 0.5 * log_precision.exp() * errors.square().sum()


def along(U: Tensor, axis: int, matrix: Tensor) -> Tensor:
    """Apply a matrix to U along one axis."""
    return torch.tensordot(matrix, U, dims=([1], [axis])).movedim(0, axis)


def gp_hm(
    *,
    problem: Problem,
    budget: Budget,
    nodes: int = 48,
    components: int = 30,
    frequency: float = 0.0,
    mixture: Literal["student-t", "gaussian"] = "student-t",
    boundary_weight: float = 200.0,
    lr: float = 0.01,
) -> Field:
    """Return the posterior mean after `budget.steps` of Adam.

    Args:
        nodes: per axis.
        frequency: the highest at the start, in cycles per unit; 0 for 0.6 of the highest that the nodes tell apart.

    Raises:
        ValueError: the nodes do not tell the frequencies apart.
    """
    solver_limits.gp_hm(
        extents=[high - low for low, high in problem.box],
        nodes=nodes,
        components=components,
        frequency=frequency,
        boundary_weight=boundary_weight,
        lr=lr,
    )
    process = MixtureProcess(problem, nodes, components, frequency, mixture)
    joint = Joint(problem, process)
    log_tau, log_v = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam([*process.parameters(), log_tau, log_v], lr)
    for step in range(1, budget.steps + 1):
        optimiser.zero_grad()
        loss = joint(boundary_weight, log_tau, log_v)
        loss.backward()
        optimiser.step()
        budget.report(step, loss.item())
    return process
