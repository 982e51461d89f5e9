"""A viscous gas, periodic on the unit square: the compressible Navier-Stokes equations with γ = 5/3.

    ρ_t + ∇ · (ρv) = 0,   (ρv)_t + ∇ · (ρ v vᵀ + p - σ) = 0,   E_t + ∇ · ((E + p) v - σ v) = 0,
    E = p / (γ-1) + ρ |v|² / 2,   σ = ρ η (∇v + ∇vᵀ - ⅔ (∇ · v) I) + ρ ζ (∇ · v) I

The task of PDEBench (Takamoto et al. 2022, arXiv:2210.07182), whose code multiplies the viscosities η and ζ by ρ, with
its random initial law ("rand"): sums of sines over the wave numbers (i, j), |i|, |j| ≤ 4, i j ≠ 0, with the amplitude
|k|^-½ and random phases, for v of the mean length M √(γ T0), and for ρ and p about ρ0 ~ U(.1, 10) and ρ0 T0,
T0 ~ U(.1, 10), with a mean deviation of U(.01, .2) of these; half of the samples are cut to a window, about which the
gas is at rest. Published: 128² cells, 20 frames of 0.05, η = ζ in {1e-8, .01, .1}, M in {.1, 1}; 10,000 or 1,000
samples.

Finite volumes: MUSCL reconstruction of ρ, v, p with the monotonised central limiter, the HLLC flux (Toro, "Riemann
Solvers and Numerical Methods for Fluid Dynamics", 2009, chapter 10), central differences for σ, SSP-RK2.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import cells, made_splits
from bench_pde.equations.stepping import device

GAMMA = 5 / 3
Pad = Callable[[Tensor], Tensor]  # continues cells by two at both ends of the last axis


def periodic(w: Tensor) -> Tensor:
    """Continue a periodic field."""
    return torch.cat([w[..., -2:], w, w[..., :2]], -1)


def outflow(w: Tensor) -> Tensor:
    """Continue a field with zero gradients."""
    return torch.cat([w[..., :1], w[..., :1], w, w[..., -1:], w[..., -1:]], -1)


def conserved(w: Tensor) -> Tensor:
    """Return ρ, ρv, E, (n, 2 + d, *grid), from ρ, v, p."""
    rho, v, p = w[:, :1], w[:, 1:-1], w[:, -1:]
    return torch.cat([rho, rho * v, p / (GAMMA - 1) + 0.5 * rho * v.square().sum(1, keepdim=True)], 1)


def primitive(state: Tensor) -> Tensor:
    """Return ρ, v, p from ρ, ρv, E."""
    rho, v = state[:, :1], state[:, 1:-1] / state[:, :1]
    return torch.cat([rho, v, (GAMMA - 1) * (state[:, -1:] - 0.5 * rho * v.square().sum(1, keepdim=True))], 1)


def solve(
    w: Tensor, interval: float, frames: int, *, shear: float = 0.0, bulk: float = 0.0, cfl: float = 0.3,
    length: float = 1.0, pad: Pad = periodic,
) -> Tensor:  # fmt: skip
    """Return ρ, v, p, (n, frames + 1, 2 + d, *grid), from those at the beginning, (n, 2 + d, *grid), in float64.

    Args:
        shear, bulk: η and ζ.
        cfl: how far the fastest wave may go in a step, in cells; at most a half in two dimensions.
        length: of the domain along its first axis; cells are square.
        pad: what is beyond the boundary.

    Raises:
        ArithmeticError: the solution is no longer finite, or density or pressure no longer positive.
    """
    dx, dimensions = length / w.shape[2], w.ndim - 2
    state, seen = conserved(w), [w]
    for _ in range(frames):
        left = interval
        while left > 1e-12 * interval:
            w = primitive(state)
            dt = min(left, _stable(w, dx, cfl, dimensions, shear, bulk))
            once = state + dt * _rate(state, dx, shear, bulk, pad)
            state = 0.5 * (state + once + dt * _rate(once, dx, shear, bulk, pad))
            left -= dt
        w = primitive(state)
        if not (w.isfinite().all() and (w[:, 0] > 0).all() and (w[:, -1] > 0).all()):
            raise ArithmeticError("the gas has no finite, positive density and pressure any more: take a smaller cfl")
        seen.append(w)
    return torch.stack(seen, 1)


def _stable(w: Tensor, dx: float, cfl: float, dimensions: int, shear: float, bulk: float) -> float:
    sound = (GAMMA * w[:, -1] / w[:, 0]).sqrt()
    fastest = float((w[:, 1:-1].abs().amax(1) + sound).max())
    if not fastest < math.inf:
        raise ArithmeticError("the gas has no finite velocity any more: take a smaller cfl")
    diffusion = 4 / 3 * shear + bulk
    return min(cfl * dx / fastest, 0.4 * dx**2 / (2 * dimensions * diffusion) if diffusion else math.inf)


def _rate(state: Tensor, dx: float, shear: float, bulk: float, pad: Pad) -> Tensor:
    w = primitive(state)
    dimensions = w.ndim - 2
    gradients = _gradients(w[:, 1:-1], dx, pad) if shear or bulk else None
    total = torch.zeros_like(state)
    for axis in range(dimensions):
        along = w.movedim(2 + axis, -1)
        flux = _flux(along, axis, pad)
        if gradients is not None:
            flux = flux - _stress(along, gradients, axis, dx, shear, bulk, pad)
        total -= ((flux[..., 1:] - flux[..., :-1]) / dx).movedim(-1, 2 + axis)
    return total


def _flux(w: Tensor, axis: int, pad: Pad) -> Tensor:
    """Return the HLLC flux through the n + 1 faces along the last axis, which is number `axis` of the velocity's."""
    w = pad(w)
    before, after = w[..., 1:-1] - w[..., :-2], w[..., 2:] - w[..., 1:-1]
    slope = torch.minimum(torch.minimum(2 * before.abs(), 2 * after.abs()), (before + after).abs() / 2)
    slope = torch.where(before * after > 0, slope * before.sign(), 0.0)
    left, right = (w[..., 1:-1] + slope / 2)[..., :-1], (w[..., 1:-1] - slope / 2)[..., 1:]
    (s_l, flux_l, star_l), (s_r, flux_r, star_r) = _sides(left, right, 1 + axis)
    inner = torch.where((s_l[1] >= 0).unsqueeze(1), star_l, star_r)
    outer = torch.where((s_r[0] <= 0).unsqueeze(1), flux_r, inner)
    return torch.where((s_l[0] >= 0).unsqueeze(1), flux_l, outer)


def _sides(left: Tensor, right: Tensor, normal: int) -> list[tuple[tuple[Tensor, Tensor], Tensor, Tensor]]:
    """Return for both sides of faces the speeds of its wave and of the contact, its flux, and that behind its wave."""
    (r_l, u_l, p_l), (r_r, u_r, p_r) = ((w[:, 0], w[:, normal], w[:, -1]) for w in (left, right))
    c_l, c_r = (GAMMA * p_l / r_l).sqrt(), (GAMMA * p_r / r_r).sqrt()
    s_l, s_r = torch.minimum(u_l - c_l, u_r - c_r), torch.maximum(u_l + c_l, u_r + c_r)
    push = r_l * u_l * (s_l - u_l) - r_r * u_r * (s_r - u_r)
    s_m = (p_r - p_l + push) / (r_l * (s_l - u_l) - r_r * (s_r - u_r))
    found = []
    for w, s in ((left, s_l), (right, s_r)):
        rho, u, p = w[:, 0], w[:, normal], w[:, -1]
        state = conserved(w)
        flux = u.unsqueeze(1) * state
        flux[:, normal] += p
        flux[:, -1] += p * u
        starred = state / rho.unsqueeze(1)
        starred[:, normal] = s_m
        starred[:, -1] += (s_m - u) * (s_m + p / (rho * (s - u)))
        starred = (rho * (s - u) / (s - s_m)).unsqueeze(1) * starred
        found.append(((s, s_m), flux, flux + s.unsqueeze(1) * (starred - state)))
    return found


def _gradients(v: Tensor, dx: float, pad: Pad) -> Tensor:
    """Return ∂_b v_j at cell centres, (n, b, j, *grid)."""
    found = []
    for axis in range(v.shape[1]):
        w = pad(v.movedim(2 + axis, -1))
        found.append(((w[..., 3:-1] - w[..., 1:-3]) / (2 * dx)).movedim(-1, 2 + axis))
    return torch.stack(found, 1)


def _stress(w: Tensor, gradients: Tensor, axis: int, dx: float, shear: float, bulk: float, pad: Pad) -> Tensor:
    """Return σ's flux of momentum and energy through the faces along the last axis of w, none of mass."""
    whole = pad(w)[..., 1:-1]
    v, rho = whole[:, 1:-1], whole[:, 0]
    at_face = pad(gradients.movedim(3 + axis, -1))[..., 1:-1]
    at_face = (at_face[..., 1:] + at_face[..., :-1]) / 2  # (n, b, j, …, faces)
    at_face[:, axis] = (v[..., 1:] - v[..., :-1]) / dx
    rho, v = (rho[..., 1:] + rho[..., :-1]) / 2, (v[..., 1:] + v[..., :-1]) / 2
    divergence = sum(at_face[:, b, b] for b in range(v.shape[1]))
    force = shear * (at_face[:, axis] + at_face[:, :, axis])
    force[:, axis] += (bulk - 2 / 3 * shear) * divergence
    force = rho.unsqueeze(1) * force
    return torch.cat([torch.zeros_like(force[:, :1]), force, (force * v).sum(1, keepdim=True)], 1)


def initial_state(n: int, rng: np.random.Generator, mach: float, modes: int = 4) -> np.ndarray:
    """Return ρ, v_x, v_y, p on n x n cells, (4, n, n), by the law above."""
    x = cells(n)
    rho0, temperature = rng.uniform(0.1, 10, 2)
    deviations, has_window = rng.uniform(0.01, 0.2, 2), rng.random() < 0.5
    ends = rng.uniform((0.1, 0.55, 0.1, 0.55), (0.45, 0.9, 0.45, 0.9))
    numbers = np.array([i for i in range(-modes, modes + 1) if i])
    kx, ky = 2 * np.pi * numbers[:, None], 2 * np.pi * numbers[None, :]
    phases = rng.uniform(0, 2 * np.pi, (4, len(numbers), len(numbers)))
    coefficients = (kx**2 + ky**2) ** -0.25 * np.exp(1j * phases)
    waves = np.exp(2j * np.pi * numbers[:, None] * x)
    rho, v_x, v_y, p = np.einsum("fij,ix,jy->fxy", coefficients, waves, waves).imag
    speed = mach * math.sqrt(GAMMA * temperature) / np.sqrt(v_x**2 + v_y**2).mean()
    rho, p = (1 + d * field / np.abs(field).mean() for d, field in zip(deviations, (rho, p), strict=True))
    if has_window:
        sides = [0.5 * (np.tanh((x - a) / 0.01) - np.tanh((x - b) / 0.01)) for a, b in (ends[:2], ends[2:])]
        window = sides[0][:, None] * sides[1][None, :]
        rho, v_x, v_y, p = 1 + window * (rho - 1), window * v_x, window * v_y, 1 + window * (p - 1)
    return np.stack([rho0 * rho, speed * v_x, speed * v_y, rho0 * temperature * p])


def compressible_flow(
    *,
    mach: float = 0.1,
    shear: float = 0.01,
    bulk: float = 0.01,
    points: int = 32,
    solved_on: int = 32,
    cfl: float = 0.3,
    frames: int = 10,
    interval: float = 0.05,
    train: int = 100,
    val: int = 20,
    test: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, ρ, v_x, v_y, p, (n, frames + 1, points, points, 4), means over cells of what is conserved.

    Raises:
        ValueError: see `bench_pde.limits.compressible_flow`.
    """
    limits.compressible_flow(
        mach=mach, shear=shear, bulk=bulk, points=points, solved_on=solved_on, cfl=cfl, interval=interval
    )
    factor = solved_on // points

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        w = torch.from_numpy(np.stack([initial_state(solved_on, rng, mach) for rng in generators])).to(device())
        found = solve(w, interval, frames, shear=shear, bulk=bulk, cfl=cfl)
        coarse = torch.nn.functional.avg_pool2d(conserved(found.flatten(0, 1)), factor)
        fields = primitive(coarse).unflatten(0, found.shape[:2])
        return {"fields": fields.movedim(2, -1).cpu().numpy()}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=20)


def classical(
    *, shear: float, bulk: float, points: int, solved_on: int, cfl: float, frames: int, interval: float, **_: object
) -> list[Solver]:
    """Return solvers on so many cells an axis: see `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            first = conserved(given[:, -1].double().movedim(-1, 1))
            w = primitive(regridding.periodic(first, n, 2))
            later = solve(w, interval, frames, shear=shear, bulk=bulk, cfl=cfl)[:, 1:].flatten(0, 1)
            found = primitive(regridding.periodic(conserved(later), points, 2))
            return found.unflatten(0, (len(given), frames)).movedim(2, -1)

        return solver

    return [on(n) for n in regridding.sizes(points, solved_on)]
