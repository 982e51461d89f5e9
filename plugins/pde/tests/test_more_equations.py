"""Helmholtz, Darcy in rough and multiscale media, and a gas: exact solutions, orders of convergence, conservation."""

import itertools

import numpy as np
import pytest
import scipy.optimize
import torch

from bench_pde.equations import compressible, helmholtz, multiscale
from bench_pde.equations.compressible import GAMMA, conserved, outflow, periodic, primitive
from bench_pde.equations.darcy import solve as solve_darcy
from bench_pde.equations.sampling import cells, on_all_cores


def orders(errors):
    """Return the orders of convergence where each error is of half the step of the one before."""
    return [float(np.log2(a / b)) for a, b in itertools.pairwise(errors)]


def test_helmholtz_in_a_uniform_medium():
    """Pushed all along the top, u depends on y alone: u = -cos(ky) / (k sin k)."""
    k, errors = 7.0, []
    for n in (17, 33, 65):
        u = helmholtz.solve(np.full((n, n), k), np.ones(n))
        exact = -np.cos(k * np.linspace(0, 1, n)) / (k * np.sin(k))
        errors.append(np.abs(u - exact[None, :]).max())
    assert min(orders(errors)) > 1.8
    assert errors[-1] < 0.05 * np.abs(exact).max()


def test_helmholtz_of_varying_speed_converges():
    def k(n):
        x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n), indexing="ij")
        return 6 + np.sin(3 * x) * np.cos(2 * y)

    def solved(n):
        u = helmholtz.solve(k(n), np.sin(np.linspace(0, 3, n)))
        return u[:: (n - 1) // 16, :: (n - 1) // 16]

    errors = [np.abs(solved(n) - solved(129)).max() for n in (33, 65)]
    assert min(orders(errors)) > 1.8
    speed = helmholtz.speed(33, np.random.default_rng(0))
    assert 19 < speed.min() < speed.max() < 21


@pytest.mark.parametrize("n", [24, 101])
def test_helmholtz_is_pushed_in_the_middle_of_its_top(n):
    """And ∫ k² u over the square is minus the whole push, 0.3: both are sums of Δu."""
    c, u = helmholtz.sample(np.random.default_rng(0), nodes=n, frequency=100.0)
    x, k, weight = np.linspace(0, 1, n), 100.0 / c, np.ones(n)
    weight[[0, -1]] = 0.5
    assert weight @ (k**2 * u) @ weight / (n - 1) ** 2 == pytest.approx(-0.3, rel=1e-9)
    assert helmholtz.push(n)[abs(x - 0.5) < 0.14] == pytest.approx(1)
    assert (helmholtz.push(n)[abs(x - 0.5) > 0.18] == 0).all()


def test_multiscale_medium_is_the_product_of_its_factors():
    a = multiscale.trigonometric(33, np.array([1.25]))
    x, y = 5 / 32, 20 / 32
    expected = (1 + 0.5 * np.cos(1.25 * np.pi * (x + y))) * (1 + 0.5 * np.sin(1.25 * np.pi * (y - 3 * x)))
    assert a[5, 20] == pytest.approx(expected, rel=1e-12)
    frequencies = np.array([1.25, 2.5])
    fine = solve_darcy(multiscale.trigonometric(129, frequencies))[::8, ::8]
    coarse = [solve_darcy(multiscale.trigonometric(n, frequencies)) for n in (17, 33, 65)]
    errors = [np.abs(u[:: (len(u) - 1) // 16, :: (len(u) - 1) // 16] - fine).max() for u in coarse]
    assert min(orders(errors)) > 1.7


def test_rough_medium_has_finer_grain():
    """The mean number of changes along a line of the threshold field grows with τ."""

    def changes(tau):
        fields = [multiscale.gaussian_field(65, np.random.default_rng(i), tau=tau) >= 0 for i in range(30)]
        return np.mean([np.diff(field.astype(int), axis=0).astype(bool).sum() for field in fields])

    assert changes(5.0) > 1.1 * changes(3.0)


def sod(x, t):
    """The exact solution ρ, u, p of the shock tube of (1, 0, 1) and (1/8, 0, 1/10) at x / t, by its star pressure."""
    (r_l, p_l), (r_r, p_r) = (1.0, 1.0), (0.125, 0.1)
    c_l, c_r = np.sqrt(GAMMA * p_l / r_l), np.sqrt(GAMMA * p_r / r_r)
    a, b, z = 2 / ((GAMMA + 1) * r_r), (GAMMA - 1) / (GAMMA + 1), (GAMMA - 1) / (2 * GAMMA)

    def shocked(p):
        return (p - p_r) * np.sqrt(a / (p + b * p_r))

    def rarefied(p):
        return 2 * c_l / (GAMMA - 1) * (1 - (p / p_l) ** z)

    p = scipy.optimize.brentq(lambda p: shocked(p) - rarefied(p), 1e-6, 1.0)
    u = shocked(p)
    behind_l, c = r_l * (p / p_l) ** (1 / GAMMA), c_l * (p / p_l) ** z
    behind_r = r_r * (p / p_r + b) / (b * p / p_r + 1)
    front = c_r * np.sqrt((GAMMA + 1) / (2 * GAMMA) * p / p_r + z)
    s = x / t
    fan = (2 / (GAMMA + 1) + b / c_l * -s) ** (2 / (GAMMA - 1))
    return np.select([s < -c_l, s < u - c, s < u, s < front], [r_l, r_l * fan, behind_l, behind_r], r_r)


def test_shock_tube():
    errors = []
    for n in (50, 100, 200):
        x = cells(n) - 0.5
        w = np.stack([np.where(x < 0, 1, 0.125), np.zeros(n), np.where(x < 0, 1, 0.1)])[None]
        found = compressible.solve(torch.tensor(w), 0.15, 1, pad=outflow)[0, -1, 0].numpy()
        errors.append(np.abs(found - sod(x, 0.15)).mean())
    assert min(orders(errors)) > 0.75
    assert errors[-1] < 5e-3


def test_a_vortex_is_carried_along():
    """An isentropic vortex moves with the stream and keeps its shape; the order is two."""
    errors = []
    for n in (32, 64):
        x, y = np.meshgrid(cells(n, 10.0) - 5, cells(n, 10.0) - 5, indexing="ij")
        strength, r2 = 2.0, x**2 + y**2
        swirl = strength / (2 * np.pi) * np.exp((1 - r2) / 2)
        heat = 1 - (GAMMA - 1) * strength**2 / (8 * GAMMA * np.pi**2) * np.exp(1 - r2)
        rho = heat ** (1 / (GAMMA - 1))
        w = torch.tensor(np.stack([rho, 1 - swirl * y, swirl * x, rho**GAMMA])[None])
        moved = torch.roll(w, n // 8, 2)
        found = compressible.solve(w, 1.25, 1, length=10.0)[:, -1]
        errors.append(float((found - moved)[:, 0].abs().mean()))
    assert min(orders(errors)) > 1.6


@pytest.mark.parametrize("viscosity", [0.0, 0.02])
def test_gas_conserves_mass_momentum_and_energy(viscosity):
    w = torch.tensor(compressible.initial_state(16, np.random.default_rng(1), mach=0.5))[None]
    assert torch.allclose(primitive(conserved(w)), w)
    found = compressible.solve(w, 0.02, 2, shear=viscosity, bulk=viscosity)
    totals = conserved(found.flatten(0, 1)).sum((-1, -2))
    scale = conserved(w).abs().sum((-1, -2))
    assert ((totals - totals[:1]).abs() / scale).max() < 1e-13
    turned = w.transpose(-1, -2)[:, [0, 2, 1, 3]]  # x and y exchanged
    again = compressible.solve(turned, 0.02, 2, shear=viscosity, bulk=viscosity)
    assert torch.allclose(again.transpose(-1, -2)[:, :, [0, 2, 1, 3]], found, rtol=1e-10)


def test_shear_flow_decays_by_viscosity():
    """v_y = ε sin 2πx in a heavy, uniform gas decays like e^(-4π² η t), the pressure staying nearly uniform."""
    n, eta, time = 32, 0.05, 0.1
    x = cells(n)
    w = np.ones((1, 4, n, 4))
    w[:, 1], w[:, 2], w[:, 3] = 0, 0.01 * np.sin(2 * np.pi * x)[:, None], 10.0
    found = compressible.solve(torch.tensor(w), time, 1, shear=eta, length=1.0)[0, -1, 2, :, 0].numpy()
    assert np.abs(found / (np.exp(-4 * np.pi**2 * eta * time) * w[0, 2, :, 0]) - 1).max() < 0.01


def test_initial_gas_has_the_mean_speed_of_its_law():
    states = [compressible.initial_state(32, np.random.default_rng(i), mach=0.3) for i in range(20)]
    machs = [np.sqrt(v**2 + w**2).mean() / np.sqrt(GAMMA * np.median(p / rho)) for rho, v, w, p in states]
    assert 0.29 < max(machs) < 0.33  # those without a window
    assert all((state[[0, 3]] > 0).all() for state in states)
    periodic_ends = periodic(torch.arange(4.0))
    assert periodic_ends.tolist() == [2, 3, 0, 1, 2, 3, 0, 1]


def double(x, *, factor):
    return factor * x


def test_all_cores_give_what_one_does():
    assert on_all_cores(double, range(3), factor=2) == [0, 2, 4]
