"""Closed forms that a denoiser is held against: y = x + σε, ε normal, and x of a known distribution.

The proximal operator that a learned one should be is the posterior's mode; its R is then -σ² log p.
"""

import torch
from torch import Tensor


class Laplace:
    """x of density exp(-|x| / b) / 2b in one dimension."""

    def __init__(self, b: float, noise: float) -> None:
        self._b, self._noise = b, noise

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return x, (count, 1)."""
        u = torch.rand(count, 1, generator=generator, dtype=torch.float64) - 0.5
        return (-self._b * u.sign() * torch.log1p(-2 * u.abs()).clamp(min=-40)).float()

    def prior(self, x: Tensor) -> Tensor:
        """Return -σ² log p up to a constant."""
        return self._noise**2 / self._b * x.abs()

    def mode(self, y: Tensor) -> Tensor:
        """Return y moved towards 0 by σ²/b, and 0 where it would pass it."""
        return y.sign() * (y.abs() - self._noise**2 / self._b).clamp(min=0)

    def mean(self, y: Tensor) -> Tensor:
        """Return E[x | y], by the trapezoidal rule on 20,001 points."""
        x, weight = self._posterior(y)
        return (weight * x).sum(1)

    def median(self, y: Tensor) -> Tensor:
        """Return the median of x given y, by the same rule."""
        x, weight = self._posterior(y)
        below = weight.cumsum(1) - weight / 2
        index = torch.searchsorted(below, torch.full_like(below[:, :1], 0.5)).clamp(1, len(x) - 1)
        low, high = below.gather(1, index - 1), below.gather(1, index)
        return (x[index - 1] + (x[index] - x[index - 1]) * (0.5 - low) / (high - low))[:, 0]

    def _posterior(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return points (m,) and their probabilities given y (n,), (n, m)."""
        reach = float(y.abs().max()) + 10 * self._noise
        x = torch.linspace(-reach, reach, 20_001, dtype=torch.float64)
        exponent = -x.abs() / self._b - (x - y.double()[:, None]) ** 2 / (2 * self._noise**2)
        return x, torch.softmax(exponent, 1)


class Gaussian:
    """x ~ N(0, Σ); mode, mean and median of the posterior are one."""

    def __init__(self, covariance: Tensor, noise: float) -> None:
        self._covariance, self._noise = covariance.double(), noise
        self._factor = torch.linalg.cholesky(self._covariance)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Return x, (count, n)."""
        white = torch.randn(count, len(self._factor), generator=generator, dtype=torch.float64)
        return (white @ self._factor.T).float()

    def prior(self, x: Tensor) -> Tensor:
        """Return ½ σ² xᵀΣ⁻¹x, (count,)."""
        return self._noise**2 / 2 * (x.double() @ torch.linalg.inv(self._covariance) * x.double()).sum(1)

    def mode(self, y: Tensor) -> Tensor:
        """Return Σ (Σ + σ² I)⁻¹ y, (count, n)."""
        total = self._covariance + self._noise**2 * torch.eye(len(self._covariance), dtype=torch.float64)
        return torch.linalg.solve(total, y.double().T).T @ self._covariance
