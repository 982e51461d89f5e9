"""Incompressible flow as vorticity, w_t + u · ∇w = ν Δw + f, u = (ψ_y, -ψ_x), -Δψ = w, on the unit torus.

The set-up of the Fourier neural operator (Li et al. 2021, arXiv:2010.08895): f = 0.1 (sin 2π(x+y) + cos 2π(x+y)), and
w0 a Gaussian field. Its code has the covariance 2 · 7³ (-Δ + 49)^-2.5, its text 7^1.5 (-Δ + 49)^-2.5; the code is
followed. Published: 256² sub-sampled to 64², frames 1 apart, ν = 1e-3 (50 frames, 5,000 samples), 1e-4 (30, 10,000) and
1e-5 (20, 1,200), 200 of them for testing; the first ten frames are given, of which the first is at time 1, not 0.

Solved pseudospectrally with the 2/3 rule, an integrating factor and RK4, which at a step of 0.02 is more exact than the
published scheme (Crank-Nicolson and explicit Euler) at 1e-4. A finer solution is truncated in Fourier space, where the
published data is sub-sampled with aliasing.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import made_splits
from bench_pde.equations.stepping import IntegratingFactorRK4, device, march, wavenumbers
from harness.conditions import positive

STABLE = 2.56  # step over spacing at which RK4 is stable with a velocity of up to a half


def forcing(n: int) -> Tensor:
    """Return f on the n x n points i/n."""
    x = torch.arange(n, dtype=torch.float64) / n
    phase = 2 * torch.pi * (x[:, None] + x[None, :])
    return 0.1 * (torch.sin(phase) + torch.cos(phase))


def solve(w0: Tensor, viscosity: float, force: Tensor, interval: float, frames: int, max_step: float = 0.02) -> Tensor:
    """Return w, (n, frames + 1, x, y), from w0, (n, x, y), and f, (x, y), in float64."""
    n, steps = w0.shape[-1], max(1, math.ceil(interval / max_step))
    kx = wavenumbers(n, 1.0, real=False).to(w0.device)[:, None]
    ky = wavenumbers(n, 1.0).to(w0.device)[None, :]
    square = kx**2 + ky**2
    inverse = torch.where(square > 0, 1 / square.clamp(min=1e-300), 0.0)
    limit = 2 * torch.pi * n / 3
    kept = ((kx.abs() < limit) & (ky < limit)).to(w0.dtype)
    f = kept * torch.fft.rfft2(force.to(w0.device))

    def nonlinear(v: Tensor) -> Tensor:
        psi = inverse * v
        # u, v, w_x and w_y in one transform
        u, v_, w_x, w_y = torch.fft.irfft2(
            torch.stack([1j * ky * psi, -1j * kx * psi, 1j * kx * v, 1j * ky * v]), s=(n, n)
        )
        return f - kept * torch.fft.rfft2(u * w_x + v_ * w_y)

    integrator = IntegratingFactorRK4(-viscosity * square, nonlinear, interval / steps)
    return march(integrator.step, kept * torch.fft.rfft2(w0), steps, frames, lambda v: torch.fft.irfft2(v, s=(n, n)))


def gaussian_vorticity(n: int, rng: np.random.Generator, alpha: float = 2.5, tau: float = 7.0) -> np.ndarray:
    """Return a sample of w0 on n x n points: Re Σ_k √2 σ (4π²|k|² + τ²)^(-α/2) ξ_k e^{2πik·x} without k = 0.

    ξ_k is complex with real and imaginary part N(0, 1), σ = τ^((2α - 2)/2). The standard deviation is 0.263.
    """
    k = np.fft.fftfreq(n, 1 / n)
    size = 4 * np.pi**2 * (k[:, None] ** 2 + k[None, :] ** 2)
    scale = np.sqrt(2) * tau ** (alpha - 1) * (size + tau**2) ** (-alpha / 2)
    scale[0, 0] = 0
    xi = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    return np.fft.ifft2(n**2 * scale * xi).real


def truncate(w: Tensor, n: int) -> Tensor:
    """Return the field (…, N, N) on n x n points, without the modes that these do not resolve."""
    fine = w.shape[-1]
    if n == fine:
        return w
    v = torch.fft.rfft2(w) * (n / fine) ** 2
    half = n // 2
    kept = torch.cat([v[..., :half, :half], torch.zeros_like(v[..., :1, :half]), v[..., fine - half + 1 :, :half]], -2)
    return torch.fft.irfft2(torch.cat([kept, torch.zeros_like(kept[..., :1])], -1), s=(n, n))


def navier_stokes(
    *,
    viscosity: float = 1e-3,
    points: int = 32,
    solved_on: int = 64,
    warm_up: float = 0.0,
    frames: int = 15,
    interval: float = 1.0,
    max_step: float = 0.04,
    train: int = 100,
    val: int = 20,
    test: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, points, 1), the first frame `warm_up` after the random field.

    Raises:
        ValueError: the viscosity or the time step is not positive, `points` is odd or more than `solved_on`, or
            `warm_up` is negative.
    """
    limits.navier_stokes(viscosity=viscosity, points=points, solved_on=solved_on, warm_up=warm_up)
    positive(max_step=max_step)
    max_step = min(max_step, STABLE / solved_on)
    force = forcing(solved_on)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        w = torch.from_numpy(np.stack([gaussian_vorticity(solved_on, rng) for rng in generators])).to(device())
        if warm_up:
            w = solve(w, viscosity, force, warm_up, 1, max_step)[:, -1]
        fields = solve(w, viscosity, force, interval, frames, max_step)
        return {"fields": truncate(fields, points).cpu().numpy()[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=20)


def classical(
    *, viscosity: float, points: int, solved_on: int, frames: int, interval: float, max_step: float = 0.04, **_: object
) -> list[Solver]:
    """Return solvers on so many points an axis, with the longest stable step: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        step = STABLE / n if n < solved_on else min(max_step, STABLE / n)

        def solver(given: Tensor) -> Tensor:
            w = regridding.periodic(given[:, -1, ..., 0].double(), n, 2)
            return regridding.periodic(
                solve(w, viscosity, forcing(n), interval, frames, step)[:, 1:], points, 2
            ).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, solved_on)]
