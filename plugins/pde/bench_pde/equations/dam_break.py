"""A round dam breaks: the shallow-water equations with a gravity of 1 on [-2.5, 2.5]².

    h_t + (hu)_x + (hv)_y = 0,   (hu)_t + (hu² + h²/2)_x + (huv)_y = 0,   and (hv)_t likewise

The task of PDEBench (arXiv:2210.07182): h = 2 within the radius R ~ U(.3, .7), 1 outside, all at rest; nothing reaches
the boundary, where gradients are zero. Published: 128² cells, 100 frames of 0.01, 1,000 samples, of which h is kept.
Finite volumes: MUSCL reconstruction of h, u, v with the monotonised central limiter, the HLLC flux (Toro,
"Shock-Capturing Methods for Free-Surface Shallow Flows", 2001, chapter 10), SSP-RK2.
"""

import math

import numpy as np
import torch
from torch import Tensor

from bench_pde import limits
from bench_pde.equations import regridding
from bench_pde.equations.regridding import Solver
from bench_pde.equations.sampling import cells, every, made_splits
from bench_pde.equations.stepping import device

SIDE = 5.0


def solve(state: Tensor, interval: float, frames: int, cfl: float = 0.4) -> Tensor:
    """Return h, hu and hv, (n, frames + 1, 3, x, y), from those at the beginning, (n, 3, x, y), in float64."""
    dx, seen = SIDE / state.shape[-1], [state]
    for _ in range(frames):
        h = state[:, 0]
        speed = (state[:, 1:].abs().amax(1) / h + h.sqrt()).max()
        steps = max(1, math.ceil(interval * float(speed) * 1.2 / (cfl * dx)))  # waves may grow a little within a frame
        dt = interval / steps
        for _ in range(steps):
            once = state + dt * _rate(state, dx)
            state = 0.5 * (state + once + dt * _rate(once, dx))
        seen.append(state)
    return torch.stack(seen, 1)


def _rate(state: Tensor, dx: float) -> Tensor:
    swap = [0, 2, 1]  # along y, v is what u is along x
    along_y = _difference(state[:, swap].transpose(-1, -2), dx).transpose(-1, -2)[:, swap]
    return _difference(state, dx) + along_y


def _difference(state: Tensor, dx: float) -> Tensor:
    """Return -F_x / dx of all cells, for fluxes along the last but one axis."""
    h = state[:, :1]
    w = torch.cat([h, state[:, 1:] / h], 1)  # h, u, v
    w = torch.cat([w[..., :1, :], w[..., :1, :], w, w[..., -1:, :], w[..., -1:, :]], -2)
    before, after = w[..., 1:-1, :] - w[..., :-2, :], w[..., 2:, :] - w[..., 1:-1, :]
    slope = torch.minimum(torch.minimum(2 * before.abs(), 2 * after.abs()), (before + after).abs() / 2)
    slope = torch.where(before * after > 0, slope * before.sign(), 0.0)
    left, right = w[..., 1:-1, :] + slope / 2, w[..., 1:-1, :] - slope / 2
    flux = _hllc(left[..., :-1, :], right[..., 1:, :])
    return -(flux[..., 1:, :] - flux[..., :-1, :]) / dx


def _hllc(left: Tensor, right: Tensor) -> Tensor:
    """Return the flux between two states of h, u, v, along u."""
    (h_l, u_l, v_l), (h_r, u_r, v_r) = left.unbind(1), right.unbind(1)
    c_l, c_r = h_l.sqrt(), h_r.sqrt()
    s_l, s_r = torch.minimum(u_l - c_l, u_r - c_r), torch.maximum(u_l + c_l, u_r + c_r)
    middle = s_l * h_r * (u_r - s_r) - s_r * h_l * (u_l - s_l)
    s_m = middle / (h_r * (u_r - s_r) - h_l * (u_l - s_l))

    def flux(h: Tensor, u: Tensor, v: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flux of a side, and that between its wave and the contact."""
        state = torch.stack([h, h * u, h * v], 1)
        plain = torch.stack([h * u, h * u**2 + h**2 / 2, h * u * v], 1)
        starred = (h * (s - u) / (s - s_m)).unsqueeze(1) * torch.stack([torch.ones_like(h), s_m, v], 1)
        return plain, plain + s.unsqueeze(1) * (starred - state)

    (f_l, star_l), (f_r, star_r) = flux(h_l, u_l, v_l, s_l), flux(h_r, u_r, v_r, s_r)
    inner = torch.where((s_m >= 0).unsqueeze(1), star_l, star_r)
    outer = torch.where((s_r <= 0).unsqueeze(1), f_r, inner)
    return torch.where((s_l >= 0).unsqueeze(1), f_l, outer)


def dam(radius: float, n: int) -> np.ndarray:
    """Return h, hu and hv on n x n cells at the moment when the dam breaks, (3, n, n)."""
    x = cells(n, SIDE) - SIDE / 2
    state = np.zeros((3, n, n))
    state[0] = np.where(x[:, None] ** 2 + x[None, :] ** 2 <= radius**2, 2.0, 1.0)
    return state


def dam_break(
    *,
    points: int = 32,
    solved_on: int = 64,
    frames: int = 20,
    interval: float = 0.05,
    train: int = 100,
    val: int = 20,
    test: int = 20,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_fields, h, (n, frames + 1, points, points, 1).

    Raises:
        ValueError: `points` does not divide `solved_on`.
    """
    limits.cells(points, solved_on)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        state = torch.from_numpy(np.stack([dam(rng.uniform(0.3, 0.7), solved_on) for rng in generators])).to(device())
        h = solve(state, interval, frames)[:, :, 0].cpu().numpy()
        return {"fields": every(h, solved_on // points, (2, 3))[..., None]}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=20)


def classical(*, points: int, solved_on: int, frames: int, interval: float, **_: object) -> list[Solver]:
    """Return solvers on so many cells an axis, which begin at rest with the first frame: `bench_pde.equal_error`."""

    def on(n: int) -> Solver:
        def solver(given: Tensor) -> Tensor:
            first, passed = given[:, 0, ..., 0].double(), given.shape[1] - 1
            h = regridding.cells(first, n, 2).unsqueeze(1)
            later = solve(torch.cat([h, torch.zeros_like(h), torch.zeros_like(h)], 1), interval, passed + frames)
            return regridding.cells(later[:, passed + 1 :, 0], points, 2).unsqueeze(-1)

        return solver

    return [on(n) for n in regridding.sizes(points, solved_on)]
