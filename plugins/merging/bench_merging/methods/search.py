"""CMA-ES, the search that evolutionary merging uses; Hansen 2016, arXiv:1604.00772, with its default parameters.

    x       candidates, (population, n) ~ N(mean, sigma^2 C)
    mean    moved to the weighted mean of the better half
    C       adapted by the evolution path (rank one) and the better half (rank mu)
    sigma   adapted by the length of a second path, in coordinates where C is the identity

Candidates outside of [low, high] are scored at the nearest point inside, less the squared distance to it, so that the
search does not stick to the edges.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Fitness = Callable[[Tensor], float]


def cma_es(
    fitness: Fitness,
    start: Tensor,
    *,
    sigma: float,
    evaluations: int,
    low: float,
    high: float,
    population: int | None = None,
) -> tuple[Tensor, float]:
    """Return the best point within limits among `evaluations` candidates, `start` first, and its fitness (maximised).

    Args:
        fitness: the value of a point (n,) float64, larger is better.
        start: the first mean, (n,).
        sigma: the first standard deviation of every coordinate.
        population: candidates at a time, by default 4 + floor(3 ln n).
    """
    search = _Search(start.double(), sigma, population)
    best, best_value = search.mean.clamp(low, high), fitness(search.mean.clamp(low, high))
    left = evaluations - 1
    while left >= search.population:
        candidates = search.ask()
        inside = candidates.clamp(low, high)
        values = [fitness(point) for point in inside]
        left -= len(values)
        top = max(range(len(values)), key=values.__getitem__)
        if values[top] > best_value:
            best, best_value = inside[top], values[top]
        search.tell(candidates, torch.tensor(values).double() - (candidates - inside).square().sum(1))
    return best, best_value


class _Search:
    def __init__(self, mean: Tensor, sigma: float, population: int | None) -> None:
        self.mean, self.sigma, n = mean, sigma, len(mean)
        self.population = population or 4 + int(3 * math.log(n))
        parents = self.population // 2
        weights = math.log((self.population + 1) / 2) - torch.arange(1, parents + 1).double().log()
        self._weights = weights / weights.sum()
        mu = float(1 / self._weights.square().sum())
        self._mu = mu
        self._c_sigma = (mu + 2) / (n + mu + 5)
        self._damping = 1 + 2 * max(0.0, math.sqrt((mu - 1) / (n + 1)) - 1) + self._c_sigma
        self._c_c = (4 + mu / n) / (n + 4 + 2 * mu / n)
        self._c_1 = 2 / ((n + 1.3) ** 2 + mu)
        self._c_mu = min(1 - self._c_1, 2 * (mu - 2 + 1 / mu) / ((n + 2) ** 2 + mu))
        self._length = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))  # of a normal vector, expected
        self._covariance = torch.eye(n, dtype=torch.float64)
        self._path_sigma, self._path_c = torch.zeros_like(mean), torch.zeros_like(mean)
        self._generation = 0

    def ask(self) -> Tensor:
        """Draw a population, (population, n)."""
        values, self._basis = torch.linalg.eigh(self._covariance)
        self._deviations = values.clamp(min=1e-20).sqrt()
        normal = torch.randn(self.population, len(self.mean), dtype=torch.float64)
        return self.mean + self.sigma * (normal * self._deviations) @ self._basis.T

    def tell(self, candidates: Tensor, values: Tensor) -> None:
        """Adapt to a population and its values, larger is better."""
        self._generation += 1
        chosen = candidates[values.argsort(descending=True, stable=True)[: len(self._weights)]]
        steps = (chosen - self.mean) / self.sigma
        step = self._weights @ steps
        self.mean = self.mean + self.sigma * step
        whitened = self._basis @ ((self._basis.T @ step) / self._deviations)
        self._path_sigma = (1 - self._c_sigma) * self._path_sigma
        self._path_sigma += math.sqrt(self._c_sigma * (2 - self._c_sigma) * self._mu) * whitened
        norm = float(self._path_sigma.norm())
        decay = math.sqrt(1 - (1 - self._c_sigma) ** (2 * self._generation))
        moves = norm / decay / self._length < 1.4 + 2 / (len(self.mean) + 1)
        self._path_c = (1 - self._c_c) * self._path_c
        if moves:
            self._path_c += math.sqrt(self._c_c * (2 - self._c_c) * self._mu) * step
        lost = (0 if moves else 1) * self._c_1 * self._c_c * (2 - self._c_c)
        self._covariance = (
            (1 - self._c_1 - self._c_mu + lost) * self._covariance
            + self._c_1 * torch.outer(self._path_c, self._path_c)
            + self._c_mu * (steps.T * self._weights) @ steps
        )
        self.sigma *= math.exp((self._c_sigma / self._damping) * (norm / self._length - 1))
