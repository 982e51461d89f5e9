"""The solvers that data sets are generated with, checked at full size: errors under refinement, and what is conserved.

The tests do the same at sizes that take seconds. Prints a Markdown table: for each check the steps or points, the
errors against an exact solution or a much finer one, and the orders of convergence between them. Minutes on a few
cores; the solvers that can use a GPU do where there is one.

    .venv/bin/python benchmarks/pde_solver_checks.py [--only burgers darcy …] [--small]
"""

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from bench_pde.equations import (
    advection,
    burgers,
    compressible,
    dam_break,
    darcy,
    darcy_shapes,
    diffusion_reaction,
    diffusion_sorption,
    fisher,
    helmholtz,
    kuramoto_sivashinsky,
    multiscale,
    navier_stokes,
    reaction_diffusion,
    wave,
)
from bench_pde.equations.sampling import SineSum, cells
from bench_pde.equations.stepping import device

Errors = Iterator[tuple[float, float]]  # a step or a number of points, and the error


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Return ‖actual - expected‖ / ‖expected‖."""
    return float((actual - expected).norm() / expected.norm())


def refined(solve: Callable[[float], torch.Tensor], steps: list[float], finest: float) -> Errors:
    """Yield the errors of some time steps against the solution at the finest."""
    fine = solve(finest)
    for step in steps:
        yield step, relative(solve(step), fine)


def advection_comes_back(small: bool) -> Errors:
    """Exact: the largest change after 7 periods, of 20 initial states, and where these are cut to a window."""
    n = 128 if small else 1024
    drawn = [SineSum.draw(np.random.default_rng(seed)) for seed in range(20)]
    u = np.stack([advection.solve(u0, 7.0, cells(n), np.array([0.0, 1.0])) for u0 in drawn])
    yield n, float(np.abs(u[:, 1] - u[:, 0]).max())


def burgers_in_time(small: bool) -> Errors:
    """Spectral, ν/π = 0.0095, until t = 0.4."""
    x, dt = (cells(128), 4e-3) if small else (cells(8192), 8e-4)
    u0 = torch.tensor(np.sin(2 * np.pi * x) + 0.5 * np.cos(4 * np.pi * x))[None].to(device())
    return refined(lambda dt: burgers.solve_spectral(u0, 0.0095, 0.4, 1, dt)[:, -1], [dt, dt / 2, dt / 4], dt / 16)


def burgers_shocks(small: bool) -> Errors:
    """Finite volumes against the spectral solution, ν/π = 0.02, cell means."""
    fine, dt = (512, 2e-3) if small else (4096, 5e-4)
    exact = burgers.solve_spectral(torch.tensor(np.sin(2 * np.pi * cells(fine)))[None], 0.02, 0.3, 1, dt)[:, -1]
    for n in (32, 64, 128) if small else (128, 256, 512):
        edges = np.arange(n + 1) / n
        mean = (np.cos(2 * np.pi * edges[:-1]) - np.cos(2 * np.pi * edges[1:])) * n / (2 * np.pi)
        found = burgers.solve_shocks(torch.tensor(mean)[None], 0.02, 0.3, 1)[:, -1]
        yield n, relative(found, exact.reshape(1, n, -1).mean(-1))


def reaction_diffusion_in_time(small: bool) -> Errors:
    """Strang splitting, ν = 0.005, ρ = 5."""
    u0 = torch.tensor(0.5 + 0.5 * np.sin(2 * np.pi * cells(128 if small else 1024)))[None]
    solve = reaction_diffusion.solve
    return refined(lambda dt: solve(u0, 0.005, 5.0, 1.0, 1, dt)[:, -1], [1 / 32, 1 / 64, 1 / 128], 1 / 2048)


def kuramoto_sivashinsky_in_time(small: bool) -> Errors:
    """ETDRK4, length 64, until t = 20, or 5 where it is small."""
    n, until = (96, 5.0) if small else (256, 20.0)
    u0 = kuramoto_sivashinsky.initial_state(64 * np.arange(n) / n, 64, np.random.default_rng(0))
    solve, steps = kuramoto_sivashinsky.solve, [0.05, 0.025, 0.0125]
    return refined(lambda dt: solve(torch.tensor(u0)[None], 64, until, 1, dt)[:, -1], steps, steps[-1] / 8)


def navier_stokes_in_time(small: bool) -> Errors:
    """Integrating factor and RK4, ν = 1e-4, until t = 2."""
    n = 32 if small else 256
    w0 = torch.tensor(navier_stokes.gaussian_vorticity(n, np.random.default_rng(0)))[None].to(device())
    force, dt = navier_stokes.forcing(n), 2.56 / n

    def solve(step: float) -> torch.Tensor:
        return navier_stokes.solve(w0, 1e-4, force, 2.0, 1, step)[:, -1]

    return refined(solve, [dt, dt / 2, dt / 4], dt / 16)


def darcy_in_space(small: bool) -> Errors:
    """Manufactured: u = sin πx sin πy, a = 1 + ½ sin(2x + y)."""
    for n in (17, 33, 65) if small else (106, 211, 421):
        x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
        a, angle = 1 + 0.5 * np.sin(2 * x + y), np.cos(2 * x + y)
        u = np.sin(np.pi * x) * np.sin(np.pi * y)
        u_x, u_y = np.pi * np.cos(np.pi * x) * np.sin(np.pi * y), np.pi * np.sin(np.pi * x) * np.cos(np.pi * y)
        yield n, float(np.abs(darcy.solve(a, 2 * np.pi**2 * a * u - angle * u_x - 0.5 * angle * u_y) - u).max())


def darcy_multiscale_in_space(small: bool) -> Errors:
    """Multiscale medium against the finest grid, at the nodes of 33²."""
    scales, sizes = (1, (33, 65, 129)) if small else (4, (129, 257, 513, 1025))
    frequencies = 1.25 * 2.0 ** np.arange(scales)
    found = [darcy.solve(multiscale.trigonometric(n, frequencies))[:: (n - 1) // 32, :: (n - 1) // 32] for n in sizes]
    for n, u in zip(sizes[:-1], found, strict=False):
        yield n, float(np.linalg.norm(u - found[-1]) / np.linalg.norm(found[-1]))


def helmholtz_in_space(small: bool) -> Errors:
    """Uniform medium pushed all along its top, exact solution; k = 50 is that of ω = 1000."""
    k = 7.0 if small else 50.0
    for n in (17, 33, 65) if small else (201, 401, 801):
        exact = -np.cos(k * np.linspace(0, 1, n)) / (k * np.sin(k))
        yield (
            n,
            float(np.abs(helmholtz.solve(np.full((n, n), k), np.ones(n)) - exact[None]).max() / np.abs(exact).max()),
        )


def compressible_vortex(small: bool) -> Errors:
    """An isentropic vortex carried through half of its box, error of the density."""
    for n in (16, 32) if small else (64, 128, 256):
        x, y = np.meshgrid(cells(n, 10.0) - 5, cells(n, 10.0) - 5, indexing="ij")
        swirl = 1 / np.pi * np.exp((1 - x**2 - y**2) / 2)
        heat = 1 - (compressible.GAMMA - 1) / (2 * compressible.GAMMA) * swirl**2
        rho = heat ** (1 / (compressible.GAMMA - 1))
        w = torch.tensor(np.stack([rho, 1 - swirl * y, swirl * x, rho**compressible.GAMMA])[None]).to(device())
        moved, time_ = torch.roll(w, n // 2, 2), 5.0
        yield n, float((compressible.solve(w, time_, 1, length=10.0)[:, -1] - moved)[:, 0].abs().mean())


def dam_break_mass(small: bool) -> Errors:
    """Relative change of the mass until t = 1, which is none until waves reach the boundary."""
    n = 32 if small else 128
    h = dam_break.solve(torch.tensor(dam_break.dam(0.5, n))[None].to(device()), 0.1, 10)[0, :, 0].sum((-1, -2))
    yield n, float((h / h[0] - 1).abs().max())


def dam_break_in_space(small: bool) -> Errors:
    """The mean error of the height at t = 0.5 against three times as many cells per axis, averaged."""
    sizes = (16, 32) if small else (64, 128)

    def height(n: int) -> torch.Tensor:
        return dam_break.solve(torch.tensor(dam_break.dam(0.5, n))[None].to(device()), 0.5, 1)[:, -1, 0]

    fine = height(3 * sizes[-1])
    for n in sizes:
        yield n, float((height(n) - torch.nn.functional.avg_pool2d(fine, len(fine[0]) // n)).abs().mean())


def diffusion_sorption_in_space(small: bool) -> Errors:
    """Until t = 500, u0 = 0.1, against the finest grid, averaged: of first order, as the published boundary is."""
    sizes, times = (32, 64, 256) if small else (256, 512, 2048), np.array([0.0, 500.0])
    found = [diffusion_sorption.solve(np.full(n, 0.1), times)[-1] for n in sizes]
    for n, u in zip(sizes[:-1], found, strict=False):
        yield n, float(np.abs(u - found[-1].reshape(n, -1).mean(1)).max())


def wave_energy(small: bool) -> Errors:
    """Exact: relative change of the energy until t = 1, from the fields by sine transforms."""
    n, modes = (16, 4) if small else (64, 8)
    i = np.arange(1, modes + 1)
    stiffness = np.pi**2 * (i[:, None] ** 2 + i[None, :] ** 2)
    u = wave.solve(np.random.default_rng(0).standard_normal((1, modes, modes)), 1.0, n, np.linspace(0, 1, 21))[0]
    sines = np.sin(np.pi * np.outer(np.linspace(0, 1, n), i)) * 2 / (n - 1)
    b, rate = (np.einsum("xi,txy,yj->tij", sines, u[..., c], sines) for c in (0, 1))
    energy = (rate**2 + stiffness * b**2).sum((1, 2))
    yield n, float(np.abs(energy / energy[0] - 1).max())


def fisher_in_time(small: bool) -> Errors:
    """Strang splitting, the exponential source, D = 0.05, until t = 0.5."""
    u0 = fisher.initial(33 if small else 64, np.random.default_rng(0))[None]
    law = (np.full(1, 2), np.full(1, 0.3), np.full(1, 0.5))
    return refined(
        lambda dt: torch.tensor(fisher.solve(u0, *law, 0.05, 3, dt)[:, 1]), [1 / 32, 1 / 64, 1 / 128], 1 / 1024
    )


def darcy_shapes_in_space(small: bool) -> Errors:
    """A uniform medium in a circle, exact solution; the edge is a staircase, of first order."""
    for n in (33, 65, 129) if small else (101, 201, 401):
        x, y = np.meshgrid(np.linspace(-0.5, 0.5, n), np.linspace(-0.5, 0.5, n), indexing="ij")
        mask = darcy_shapes.inside("circle", n)
        error = darcy_shapes.solve(np.ones((n, n)), mask) - (0.25 - x**2 - y**2) / 4
        yield n, float(np.abs(error[mask]).mean())


def diffusion_reaction_in_time(small: bool) -> Errors:
    """Strang splitting, from noise, until t = 1."""
    n = 32 if small else 128
    fields = np.random.default_rng(0).standard_normal((1, n, n, 2))
    solve = diffusion_reaction.solve
    smooth = solve(fields, 1.0, 1, 0.01)[:, -1]
    finest = 0.005 if small else 0.00125
    return refined(lambda dt: torch.tensor(solve(smooth, 1.0, 1, dt)[:, -1]), [0.1, 0.05, 0.025], finest)


CHECKS = {
    "advection": (advection_comes_back,),
    "burgers": (burgers_in_time, burgers_shocks),
    "reaction-diffusion": (reaction_diffusion_in_time,),
    "kuramoto-sivashinsky": (kuramoto_sivashinsky_in_time,),
    "navier-stokes": (navier_stokes_in_time,),
    "darcy": (darcy_in_space, darcy_multiscale_in_space),
    "helmholtz": (helmholtz_in_space,),
    "compressible-flow": (compressible_vortex,),
    "dam-break": (dam_break_mass, dam_break_in_space),
    "diffusion-reaction": (diffusion_reaction_in_time,),
    "diffusion-sorption": (diffusion_sorption_in_space,),
    "wave": (wave_energy,),
    "fisher": (fisher_in_time,),
    "darcy-shapes": (darcy_shapes_in_space,),
}


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    parser.add_argument("--small", action="store_true", help="at sizes that take seconds")
    given = parser.parse_args(arguments)
    print("| solver | check | step or points: error | orders | seconds |\n|---|---|---|---|---|")
    for name, check in [(equation, one) for equation in given.only for one in CHECKS[equation]]:
        start = time.perf_counter()
        found = list(check(given.small))
        pairs = itertools.pairwise(found)
        orders = [math.log(e / f) / abs(math.log(a / b)) for (a, e), (b, f) in pairs if min(e, f) > 0]
        errors = ", ".join(f"{at:.4g}: {error:.1e}" for at, error in found)
        what = " ".join((check.__doc__ or "").split())
        seconds = time.perf_counter() - start
        told = ", ".join(f"{order:.1f}" for order in orders)
        print(f"| {name} | {what} | {errors} | {told} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
