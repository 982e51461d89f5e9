"""Two equations whose solutions are not known in closed form; reference solutions come from classical solvers."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from bench_pde.equations.stepping import ETDRK4, march, wavenumbers
from bench_pde.problems.problem import Condition, Problem, everywhere, grid


def allen_cahn_in_time() -> Problem:
    """Return u_t = 1e-4 u_xx + 5 u - 5 u³ for x in [-1, 1], periodic, and t in [0, 1], from u = x² cos πx.

    The problem of Raissi, Perdikaris & Karniadakis 2019 (doi:10.1016/j.jcp.2018.10.045).
    """

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        return u["t"] - 1e-4 * u["xx"] + 5 * u[""] ** 3 - 5 * u[""]

    periodic = (Condition(0, 0, None), Condition(0, 0, None, "x"))
    conditions = (Condition(1, 0, lambda points: _folded(points[:, 0])), *periodic)
    box = ((-1.0, 1.0), (0.0, 1.0))
    return Problem("xt", box, ("", "t", "xx"), residual, conditions, reference=allen_cahn_reference)


def allen_cahn_reference(sizes: tuple[int, ...], modes: int = 512, max_step: float = 0.005) -> Tensor:
    """Return u on a grid of x and t, by ETDRK4 on `modes` Fourier modes, interpolated by its Fourier series."""
    points, times = sizes
    k = wavenumbers(modes, 2.0)
    x = -1 + 2 * torch.arange(modes, dtype=torch.float64) / modes
    steps = math.ceil(1 / (times - 1) / max_step)

    def nonlinear(v: Tensor) -> Tensor:
        u = torch.fft.irfft(v, modes)
        return 5 * torch.fft.rfft(u - u**3)

    integrator = ETDRK4(-1e-4 * k**2, nonlinear, 1 / (times - 1) / steps)
    coefficients = march(integrator.step, torch.fft.rfft(_folded(x))[None], steps, times - 1)[0] / modes
    at = torch.linspace(-1, 1, points, dtype=torch.float64)
    waves = torch.exp(1j * k[:-1, None] * (at + 1)) * torch.where(k[:-1] == 0, 1, 2)[:, None]
    return (coefficients[:, :-1] @ waves).real.T  # without the mode of the shortest wave, whose phase is not known


def nonlinear_diffusion() -> Problem:
    """Return u_t = 0.05 (|∇u|² + u Δu) on [-1, 1]² × [0, 1] with u = 0 on the sides, from three bumps.

    From Kang et al. 2025 (PIG, arXiv:2412.05994). The bumps are up to 0.01 on the sides, where the condition wins.
    """

    def residual(points: Tensor, u: Mapping[str, Tensor]) -> Tensor:
        return u["t"] - 0.05 * (u["x"] ** 2 + u["y"] ** 2 + u[""] * (u["xx"] + u["yy"]))

    def zero(points: Tensor) -> Tensor:
        return torch.zeros_like(points[:, 0])

    box = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 1.0))
    wanted = ("", "t", "x", "y", "xx", "yy")
    return Problem(
        "xyt", box, wanted, residual, (Condition(2, 0, _bumps), *everywhere(zero, (0, 1))), reference=diffused
    )


def diffused(sizes: tuple[int, ...], cells: int = 128) -> Tensor:
    """Return u on a grid of x, y and t, from the five-point scheme of u_t = 0.025 Δ(u²) and Heun's method.

    Raises:
        ValueError: the grid's x and y do not lie on the nodes of `cells` cells.
    """
    nx, ny, times = sizes
    if cells % (nx - 1) or cells % (ny - 1):
        raise ValueError(f"a grid of {nx} × {ny} points does not lie on the nodes of {cells} cells")
    width = 2 / cells
    steps = math.ceil(1 / (times - 1) / (width**2 / 0.2))  # stable for u < 1; the bumps stay below 1/2
    box = ((-1.0, 1.0), (-1.0, 1.0), (0.0, 0.0))
    u = _bumps(grid(box, (cells + 1, cells + 1, 1))).reshape(cells + 1, cells + 1)
    u[[0, -1], :] = 0
    u[:, [0, -1]] = 0

    def rate(u: Tensor) -> Tensor:
        square = u * u
        inner = square[1:-1, 1:-1]
        sides = square[2:, 1:-1] + square[:-2, 1:-1] + square[1:-1, 2:] + square[1:-1, :-2]
        return torch.nn.functional.pad(0.025 * (sides - 4 * inner) / width**2, (1, 1, 1, 1))

    def step(u: Tensor) -> Tensor:
        first = rate(u)
        return u + dt / 2 * (first + rate(u + dt * first))

    dt = 1 / (times - 1) / steps
    frames = march(lambda batch: step(batch[0])[None], u[None], steps, times - 1)[0]
    return frames[:, :: cells // (nx - 1), :: cells // (ny - 1)].permute(1, 2, 0)


def _folded(x: Tensor) -> Tensor:
    return x * x * torch.cos(math.pi * x)


def _bumps(points: Tensor) -> Tensor:
    x, y, _ = points.T
    return (
        0.25 * torch.exp(-10 * ((x - 0.3) ** 2 + (y - 0.2) ** 2))
        + 0.4 * torch.exp(-15 * ((x + 0.5) ** 2 + (y + 0.1) ** 2))
        + 0.3 * torch.exp(-20 * (x**2 + (y + 0.5) ** 2))
    )
