"""Burgers' equation, u_t + (u²/2)_x = μ u_xx, periodic on [0, 1].

Two data sets: the task of PDEBench (arXiv:2210.07182), where μ = ν/π, and the map u(0) -> u(1) of the Fourier neural
operator (Li et al. 2021, arXiv:2010.08895) with μ = ν = 0.1 and u0 ~ N(0, 625 (-Δ + 25)^-2).
Published: ν in {.001 … 4}, 1024 cells, 200 frames of 0.01, 10,000 samples; the map is solved on 8192 points, 1000 +
200.

Smooth solutions: pseudospectral, 2/3 rule, integrating factor and RK4. Where the finest cell does not resolve the
shocks: finite volumes, WENO5 reconstruction (Jiang & Shu 1996, doi:10.1006/jcph.1996.0130), local Lax-Friedrichs flux,
SSP-RK3, central diffusion.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import SineSum, cells, every, made_splits
from bench_pde.equations.stepping import IntegratingFactorRK4, device, march, wavenumbers

STEP_OF_MAP = 2e-3


def solve_spectral(u0: Tensor, diffusivity: float, interval: float, frames: int, max_step: float) -> Tensor:
    """Return u, (n, frames + 1, x), from u0, (n, x), in float64.

    Args:
        max_step: the largest time step; it is shortened so that a frame is a whole number of steps.
    """
    n = u0.shape[-1]
    k = wavenumbers(n, 1.0).to(u0.device)
    kept = (torch.arange(len(k), device=u0.device) < n / 3).to(u0.dtype)  # u² of what is kept does not alias into it

    def nonlinear(v: Tensor) -> Tensor:
        return -0.5j * k * kept * torch.fft.rfft(torch.fft.irfft(kept * v, n) ** 2)

    steps = max(1, math.ceil(interval / max_step))
    integrator = IntegratingFactorRK4(-diffusivity * k**2, nonlinear, interval / steps)
    return march(integrator.step, torch.fft.rfft(u0), steps, frames, lambda v: torch.fft.irfft(v, n))


def solve_shocks(u0: Tensor, diffusivity: float, interval: float, frames: int, cfl: float = 0.4) -> Tensor:
    """Return cell averages of u, (n, frames + 1, x), from those of u0, (n, x): conservative, and stable at shocks."""
    dx = 1.0 / u0.shape[-1]
    fastest = max(float(u0.abs().max()), 1e-12)  # |u| never grows
    limit = min(cfl * dx / fastest, 0.25 * dx**2 / max(diffusivity, 1e-300))
    steps = max(1, math.ceil(interval / limit))
    dt = interval / steps

    def rate(u: Tensor) -> Tensor:
        left, right = _weno5(u), _weno5(u.flip(-1)).flip(-1).roll(-1, -1)  # the two sides of each cell's right face
        speed = torch.maximum(left.abs(), right.abs())
        flux = 0.25 * (left**2 + right**2) - 0.5 * speed * (right - left)
        flux = flux - diffusivity * (u.roll(-1, -1) - u) / dx
        return -(flux - flux.roll(1, -1)) / dx

    def step(u: Tensor) -> Tensor:
        a = u + dt * rate(u)
        b = 0.75 * u + 0.25 * (a + dt * rate(a))
        return u / 3 + 2 / 3 * (b + dt * rate(b))

    return march(step, u0, steps, frames)


def _weno5(u: Tensor) -> Tensor:
    """Return the value at each cell's right face, reconstructed from the left."""
    a, b, c, d, e = (u.roll(shift, -1) for shift in (2, 1, 0, -1, -2))
    candidates = ((2 * a - 7 * b + 11 * c) / 6, (-b + 5 * c + 2 * d) / 6, (2 * c + 5 * d - e) / 6)
    roughness = (
        13 / 12 * (a - 2 * b + c) ** 2 + 0.25 * (a - 4 * b + 3 * c) ** 2,
        13 / 12 * (b - 2 * c + d) ** 2 + 0.25 * (b - d) ** 2,
        13 / 12 * (c - 2 * d + e) ** 2 + 0.25 * (3 * c - 4 * d + e) ** 2,
    )
    weights = [ideal / (1e-6 + beta) ** 2 for ideal, beta in zip((0.1, 0.6, 0.3), roughness, strict=True)]
    return sum(w * q for w, q in zip(weights, candidates, strict=True)) / sum(weights)


def _solve(u0: Tensor, diffusivity: float, interval: float, frames: int, *, shocks: bool) -> Tensor:
    if shocks:  # which span less than a few cells
        return solve_shocks(u0, diffusivity, interval, frames)
    return solve_spectral(u0, diffusivity, interval, frames, max_step=0.5 / u0.shape[-1])


def burgers(
    *,
    viscosity: float = 0.03,
    points: int = 128,
    solved_on: int = 512,
    frames: int = 20,
    interval: float = 0.05,
    train: int = 200,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, (n, frames + 1, points, 1): the task of PDEBench, solved on `solved_on` points.

    Raises:
        ValueError: the viscosity is not positive, or `points` does not divide `solved_on`.
    """
    limits.burgers(viscosity=viscosity, points=points, solved_on=solved_on)
    diffusivity, x = viscosity / np.pi, cells(solved_on)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        u0 = torch.from_numpy(np.stack([SineSum.draw(rng)(x) for rng in generators])).to(device())
        u = _solve(u0, diffusivity, interval, frames, shocks=diffusivity * solved_on < 1)
        return {"fields": every(u.cpu().numpy(), solved_on // points, (2,))[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=128)


def classical(
    *, viscosity: float, points: int, solved_on: int, frames: int, interval: float, **_: object
) -> list[Solver]:
    """Return solvers on so many points, by the scheme that made the data: see `bench_pde.equal_error`."""
    diffusivity = viscosity / np.pi

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            u0 = regridding.periodic(given[:, -1, :, 0].double(), n)
            u = _solve(u0, diffusivity, interval, frames, shocks=diffusivity * solved_on < 1)
            return regridding.periodic(u[:, 1:], points).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, solved_on)]


def burgers_map(
    *,
    viscosity: float = 0.1,
    points: int = 256,
    solved_on: int = 1024,
    train: int = 400,
    val: int = 50,
    test: int = 100,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, u(0), and *_targets, u(1), (n, points, 1): the map of the Fourier neural operator's paper.

    Raises:
        ValueError: the viscosity is not positive, or `points` does not divide `solved_on`.
    """
    limits.burgers(viscosity=viscosity, points=points, solved_on=solved_on)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        u0 = torch.from_numpy(np.stack([gaussian_field(solved_on, rng) for rng in generators])).to(device())
        u = solve_spectral(u0, viscosity, 1.0, 1, max_step=STEP_OF_MAP).cpu().numpy()
        coarse = every(u, solved_on // points, (2,))[..., None]
        return {"inputs": coarse[:, 0], "targets": coarse[:, 1]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=128)


def classical_map(*, viscosity: float, points: int, solved_on: int, **_: object) -> list[Solver]:
    """Return solvers on so many points, with steps in proportion to the spacing: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            u0 = regridding.periodic(given[..., 0].double(), n)
            u = solve_spectral(u0, viscosity, 1.0, 1, max_step=STEP_OF_MAP * solved_on / n)
            return regridding.periodic(u[:, 1:], points).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, solved_on)]


def gaussian_field(n: int, rng: np.random.Generator, modes: int = 256) -> np.ndarray:
    """Return a sample of N(0, 625 (-Δ + 25)^-2) without its mean on n points i/n of [0, 1], by its Karhunen-Loève sum.

    The coefficient of √2 cos(2πkx) and of √2 sin(2πkx) is 25 / ((2πk)² + 25) ξ. Modes above `modes`, whose coefficients
    are below 1e-5 of the first, and those that the points do not resolve, are left out.
    """
    k = np.arange(1, min(modes, (n - 1) // 2) + 1)
    xi = rng.standard_normal((2, modes))[:, : len(k)]
    spectrum = np.zeros(n // 2 + 1, complex)
    spectrum[k] = n / np.sqrt(2) * 25 / ((2 * np.pi * k) ** 2 + 25) * (xi[0] - 1j * xi[1])
    return np.fft.irfft(spectrum, n)
