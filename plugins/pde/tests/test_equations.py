"""Solvers against exact solutions, their own refinement, and what the equations conserve."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import torch

from bench_pde.equations import (
    advection,
    burgers,
    dam_break,
    darcy,
    diffusion_reaction,
    diffusion_sorption,
    kuramoto_sivashinsky,
    navier_stokes,
    reaction_diffusion,
    wave,
)
from bench_pde.equations.sampling import SineSum, cells


def relative(actual, expected):
    return float((actual - expected).norm() / expected.norm())


def orders(errors):
    """Return the orders of convergence where each error is of half the step of the one before."""
    return [float(np.log2(a / b)) for a, b in itertools.pairwise(errors)]


def test_sine_sum_is_periodic_and_as_its_law_says():
    samples = [SineSum.draw(np.random.default_rng(i)) for i in range(2000)]
    x = np.linspace(0, 1, 7)
    for sample in samples[:50]:
        assert np.allclose(sample(x), sample(x + 3))
    assert 0.08 < np.mean([s.is_absolute for s in samples]) < 0.12
    assert 0.08 < np.mean([s.window is not None for s in samples]) < 0.12
    assert 0.45 < np.mean([s.sign > 0 for s in samples]) < 0.55
    drawn = np.array([np.rint(s.wavenumbers / (2 * np.pi * np.arange(1, 5))) for s in samples])
    assert (drawn.sum(1) == 2).all()
    assert 0.22 < (drawn == 2).any(1).mean() < 0.28  # both draws hit one of four modes


def test_advection_comes_back_after_a_period():
    u0, x = SineSum.draw(np.random.default_rng(3)), cells(64)
    u = advection.solve(u0, 2.0, x, np.array([0.0, 0.25, 0.5, 1.0]))
    assert np.abs(u[2] - u[0]).max() < 1e-12
    assert np.abs(u[1] - np.roll(u[0], 32)).max() < 1e-12
    assert np.linalg.norm(u[1]) == pytest.approx(np.linalg.norm(u[0]), rel=1e-12)


def cole_hopf(x, t, mu):
    """The exact solution of Burgers' equation from u0 = sin 2πx, as a ratio of integrals of positive numbers."""
    y = np.linspace(-1, 2, 6000, endpoint=False)
    reach = x[:, None] - y
    weight = np.exp(-(reach**2) / (4 * mu * t) - (1 - np.cos(2 * np.pi * y)) / (4 * np.pi * mu))
    return (weight * reach / t).sum(1) / weight.sum(1)


def test_burgers_spectral_against_cole_hopf():
    x = np.arange(256) / 256
    u = burgers.solve_spectral(torch.tensor(np.sin(2 * np.pi * x))[None], 0.02, 0.2, 1, 1e-3)[0, -1].numpy()
    assert np.abs(u - cole_hopf(x, 0.2, 0.02)).max() < 1e-8


def test_burgers_spectral_is_of_fourth_order_and_keeps_the_mass():
    x = np.arange(128) / 128
    u0 = torch.tensor(np.sin(2 * np.pi * x) + 0.5 * np.cos(4 * np.pi * x) + 0.3)[None]
    fine = burgers.solve_spectral(u0, 0.02, 0.4, 1, 2.5e-4)[:, -1]
    errors = [relative(burgers.solve_spectral(u0, 0.02, 0.4, 1, step)[:, -1], fine) for step in (8e-3, 4e-3, 2e-3)]
    assert min(orders(errors)) > 3.7
    u = burgers.solve_spectral(u0, 0.02, 0.1, 5, 4e-3)
    assert (u.mean(-1) - u0.mean()).abs().max() < 1e-13
    assert (u.square().mean(-1).diff() < 0).all()


def test_burgers_finite_volumes_converge_and_stand_shocks():
    fine = cells(512)
    exact = burgers.solve_spectral(torch.tensor(np.sin(2 * np.pi * fine))[None], 0.02, 0.3, 1, 1e-3)[:, -1]
    errors = []
    for n in (32, 64, 128):
        edges = np.arange(n + 1) / n
        mean = torch.tensor((np.cos(2 * np.pi * edges[:-1]) - np.cos(2 * np.pi * edges[1:])) * n / (2 * np.pi))[None]
        u = burgers.solve_shocks(mean, 0.02, 0.3, 1)[:, -1]
        assert abs(float(u.sum() - mean.sum())) < 1e-11
        errors.append(relative(u, exact.reshape(1, n, -1).mean(-1)))
    assert min(orders(errors)) > 1.8
    step = torch.where(torch.tensor(cells(128)) < 0.5, 1.0, 0.0)[None]
    u = burgers.solve_shocks(step, 1e-9, 0.2, 1)[0, -1]
    assert u.max() < 1 + 1e-3  # it does not overshoot
    assert u.min() > -1e-3
    assert abs(float(cells(128)[(u > 0.5).nonzero().max()]) - 0.6) < 0.02  # the shock moves at half the jump


def test_burgers_refuses_what_it_cannot_solve():
    with pytest.raises(ValueError, match="viscosity must be positive"):
        burgers.burgers(viscosity=0.0)
    with pytest.raises(ValueError, match="points must divide solved_on = 512, got 100"):
        burgers.burgers(points=100)


def test_gaussian_field_has_the_variance_of_its_law():
    samples = np.stack([burgers.gaussian_field(256, np.random.default_rng(i)) for i in range(2000)])
    k = np.arange(1, 128)
    assert samples.var() == pytest.approx(2 * np.sum((25 / ((2 * np.pi * k) ** 2 + 25)) ** 2), rel=0.05)
    coarse = burgers.gaussian_field(128, np.random.default_rng(0))
    assert np.abs(samples[0, ::2] - coarse).max() < 5e-3  # the same sample on another grid, less what it cannot hold


def test_reaction_is_logistic_and_diffusion_exact():
    u0 = torch.tensor(np.linspace(0, 1, 32))[None]
    u = reaction_diffusion.solve(u0, 0.0, 2.0, 0.5, 1, 0.05)[0, -1]
    grown = np.exp(2 * 0.5)
    assert np.allclose(u, u0[0] * grown / (1 + u0[0] * (grown - 1)), atol=1e-14)
    x = torch.arange(64, dtype=torch.float64) / 64
    u = reaction_diffusion.solve(torch.cos(2 * torch.pi * x)[None], 0.5, 0.0, 0.1, 1, 0.01)[0, -1]
    assert np.allclose(u, np.exp(-0.5 * 4 * np.pi**2 * 0.1) * torch.cos(2 * torch.pi * x), atol=1e-14)


def test_reaction_diffusion_is_of_second_order_and_stays_in_bounds():
    x = torch.arange(64, dtype=torch.float64) / 64
    u0 = (0.5 + 0.5 * torch.sin(2 * torch.pi * x))[None]
    fine = reaction_diffusion.solve(u0, 0.005, 5.0, 0.5, 1, 0.5 / 1024)[:, -1]
    errors = [relative(reaction_diffusion.solve(u0, 0.005, 5.0, 0.5, 1, 0.5 / n)[:, -1], fine) for n in (16, 32, 64)]
    assert min(orders(errors)) > 1.9
    assert fine.min() >= 0
    assert fine.max() <= 1 + 1e-12


def test_kuramoto_sivashinsky_converges_and_keeps_the_mean():
    x = 32 * np.arange(96) / 96
    u0 = torch.tensor(kuramoto_sivashinsky.initial_state(x, 32, np.random.default_rng(0)))[None]
    fine = kuramoto_sivashinsky.solve(u0, 32, 10, 1, 0.0125)[:, -1]
    errors = [relative(kuramoto_sivashinsky.solve(u0, 32, 10, 1, step)[:, -1], fine) for step in (0.1, 0.05, 0.025)]
    assert errors[-1] < 1e-6
    assert min(orders(errors)) > 3.2
    assert (fine.mean() - u0.mean()).abs() < 1e-13
    with pytest.raises(ValueError, match="100 points cannot resolve a length of 64"):
        kuramoto_sivashinsky.kuramoto_sivashinsky(points=100)


def test_kuramoto_sivashinsky_lives_long():
    x = 64 * np.arange(128) / 128
    u0 = torch.tensor(kuramoto_sivashinsky.initial_state(x, 64, np.random.default_rng(1)))[None]
    u = kuramoto_sivashinsky.solve(u0, 64, 25, 10, 0.1)
    assert u.isfinite().all()
    assert 1 < float(u[:, 4:].std()) < 1.6  # about 1.25 in the long run


@pytest.fixture(scope="module")
def grid():
    x = torch.arange(32, dtype=torch.float64) / 32
    return torch.meshgrid(x, x, indexing="ij")


def test_vortices_decay_as_they_must(grid):
    x, y = grid
    w0 = (torch.cos(2 * torch.pi * x) * torch.cos(2 * torch.pi * y))[None]
    w = navier_stokes.solve(w0, 1e-2, torch.zeros_like(x), 0.5, 2, 0.05)
    for frame, time in enumerate((0.0, 0.5, 1.0)):
        assert relative(w[0, frame], np.exp(-8 * np.pi**2 * 1e-2 * time) * w0[0]) < 1e-12


def test_forced_fluid_at_rest(grid):
    """The force drives one mode, which does not advect itself."""
    force = navier_stokes.forcing(32)
    w = navier_stokes.solve(torch.zeros(1, 32, 32, dtype=torch.float64), 1e-2, force, 1.0, 1, 0.02)[0, -1]
    rate = 8 * np.pi**2 * 1e-2
    assert relative(w, force / rate * (1 - np.exp(-rate))) < 1e-7


def test_navier_stokes_is_of_fourth_order_and_conserves(grid):
    w0 = torch.tensor(navier_stokes.gaussian_vorticity(32, np.random.default_rng(0)))[None]
    w0 = navier_stokes.solve(w0, 1e-2, torch.zeros_like(grid[0]), 0.5, 1)[:, -1]  # now it is smooth
    force = navier_stokes.forcing(32)
    fine = navier_stokes.solve(w0, 1e-3, force, 1.0, 1, 0.0125)[:, -1]
    errors = [relative(navier_stokes.solve(w0, 1e-3, force, 1.0, 1, step)[:, -1], fine) for step in (0.2, 0.1, 0.05)]
    assert min(orders(errors)) > 3.7
    still = navier_stokes.solve(w0, 0.0, torch.zeros_like(grid[0]), 0.5, 1, 0.025)
    assert still.mean((-1, -2)).abs().max() < 1e-14
    enstrophy = still.square().mean((-1, -2))[0]
    assert abs(float(enstrophy[1] / enstrophy[0] - 1)) < 1e-5
    k = torch.fft.fftfreq(32, 1 / 32, dtype=torch.float64)
    square = k[:, None] ** 2 + k[None, :] ** 2
    square[0, 0] = 1.0  # of which there is no vorticity
    energy = (torch.fft.fft2(still).abs() ** 2 / square).sum((-1, -2))[0]
    assert abs(float(energy[1] / energy[0] - 1)) < 1e-5


def test_vorticity_has_the_deviation_of_its_law():
    deviations = [navier_stokes.gaussian_vorticity(64, np.random.default_rng(i)).var() for i in range(60)]
    k = np.fft.fftfreq(64, 1 / 64)
    law = 2 * 7.0**3 * (4 * np.pi**2 * (k[:, None] ** 2 + k[None, :] ** 2) + 49) ** -2.5
    assert np.mean(deviations) == pytest.approx(law.sum() - law[0, 0], rel=0.1)


def test_truncation_keeps_what_the_grid_resolves():
    x = torch.arange(64, dtype=torch.float64) / 64
    field = torch.sin(2 * torch.pi * 5 * x)[:, None] * torch.cos(2 * torch.pi * (3 * x + 0.1))[None, :]
    noise = torch.cos(2 * torch.pi * 20 * x)[:, None] * torch.ones(64, dtype=torch.float64)
    assert (navier_stokes.truncate(field + noise, 32) - field[::2, ::2]).abs().max() < 1e-14


def manufactured(n):
    x = np.linspace(0, 1, n)
    x, y = np.meshgrid(x, x, indexing="ij")
    a, slope, pi = 1 + 0.5 * np.sin(2 * x + y), np.cos(2 * x + y), np.pi
    u = np.sin(pi * x) * np.sin(pi * y)
    flow = slope * pi * np.cos(pi * x) * np.sin(pi * y) + 0.5 * slope * pi * np.sin(pi * x) * np.cos(pi * y)
    return a, 2 * pi**2 * a * u - flow, u


def test_darcy_is_of_second_order():
    errors = [np.abs(darcy.solve(a, f) - u).max() for a, f, u in map(manufactured, (17, 33, 65))]
    assert orders(errors) == pytest.approx([2, 2], abs=0.02)


def test_darcy_in_a_uniform_medium_is_a_double_sum_of_sines():
    i = np.arange(1, 80, 2)
    sines = np.sin(np.pi * np.outer(np.linspace(0, 1, 17), i))
    exact = sines @ (16 / (np.pi**4 * np.outer(i, i) * (i[:, None] ** 2 + i**2))) @ sines.T
    errors = [np.abs(darcy.solve(np.ones((n, n)))[:: n // 16, :: n // 16] - exact).max() for n in (17, 33)]
    assert errors[1] < 3e-4 * exact.max() / 0.07
    assert orders(errors) == pytest.approx([2], abs=0.1)


def test_darcy_balances_energy_and_is_symmetric():
    a = np.where(darcy.gaussian_field(33, np.random.default_rng(0)) >= 0, 12.0, 3.0)
    u, matrix = darcy.solve(a), darcy.stiffness(a)
    inner = u[1:-1, 1:-1].ravel()
    assert inner @ (matrix @ inner) == pytest.approx(inner.sum(), rel=1e-12)
    assert abs((matrix - matrix.T).toarray()).max() == 0
    assert (inner > 0).all()
    flipped = darcy.solve(a.T)
    assert np.abs(flipped - u.T).max() < 1e-15


def test_wave_solves_its_equation():
    a = np.random.default_rng(0).standard_normal((2, 4, 4))
    times, h = np.array([0.3 - 1e-4, 0.3, 0.3 + 1e-4]), 1e-4
    u = wave.solve(a, 1.5, 33, times)
    assert np.abs((u[:, 2, ..., 0] - u[:, 0, ..., 0]) / (2 * h) - u[:, 1, ..., 1]).max() < 1e-4
    i = np.arange(1, 5)
    stiffness = np.pi**2 * (i[:, None] ** 2 + i[None, :] ** 2)
    energies = []
    for frame in range(3):  # by Parseval's equality for sines, from the fields
        sines = np.sin(np.pi * np.outer(np.linspace(0, 1, 33), i)) * 2 / 32
        b, rate = (sines.T @ u[:, frame, ..., c] @ sines for c in (0, 1))
        energies.append((rate**2 + 1.5**2 * stiffness * b**2).sum((1, 2)))
    assert np.allclose(energies[0], energies[2], rtol=1e-10)
    assert np.abs(u[..., 0, :, :]).max() == 0


def test_diffusion_without_reaction_and_reaction_without_diffusion():
    x = (np.arange(16) + 0.5) / 8 - 1
    mode = np.cos(3 * np.pi * (x + 1) / 2)[:, None] * np.ones(16)
    tiny = 1e-6 * np.stack([mode, 0 * mode], -1)[None]
    u = diffusion_reaction.solve(tiny, 0.5, 1, 0.01, diffusion=(0.1, 0.0), k=0.0)[0, -1, ..., 0]
    rates = scipy.integrate.solve_ivp(  # of a small amplitude: what is left is linear, mode by mode
        lambda t, w: [w[0] - w[1] - 0.1 * (3 * np.pi / 2) ** 2 * w[0], w[0] - w[1]],
        (0, 0.5),
        [1e-6, 0],
        rtol=1e-10,
        atol=1e-20,
    )
    assert np.abs(u - rates.y[0, -1] * mode).max() < 1e-10
    constant = np.broadcast_to([0.7, -0.2], (1, 4, 4, 2))
    ode = scipy.integrate.solve_ivp(
        lambda t, w: [w[0] - w[0] ** 3 - 5e-3 - w[1], w[0] - w[1]], (0, 2), [0.7, -0.2], rtol=1e-11, atol=1e-13
    )
    assert np.abs(diffusion_reaction.solve(constant, 2.0, 1)[0, -1] - ode.y[:, -1]).max() < 1e-8


def test_diffusion_reaction_is_of_second_order():
    w = diffusion_reaction.solve(np.random.default_rng(0).standard_normal((1, 16, 16, 2)), 0.5, 1)[:, -1]
    fine = diffusion_reaction.solve(w, 1.0, 1, 1 / 256)[:, -1]
    errors = [np.abs(diffusion_reaction.solve(w, 1.0, 1, 1 / n)[:, -1] - fine).max() for n in (8, 16, 32)]
    assert min(orders(errors)) > 1.9


def stoker(x, time):
    """The height where a straight dam between 2 and 1 breaks: a rarefaction, a plateau, a shock (Stoker 1957)."""
    speed = lambda h: (h - 1) * np.sqrt((h + 1) / (2 * h))  # noqa: E731 - behind the shock
    h = scipy.optimize.brentq(lambda h: 2 * (np.sqrt(2) - np.sqrt(h)) - speed(h), 1, 2)
    u, xi = speed(h), x / time
    fan = (2 * np.sqrt(2) - xi) ** 2 / 9
    shock = h * u / (h - 1)
    return np.select([xi < -np.sqrt(2), xi < u - np.sqrt(h), xi < shock], [2.0, fan, h], 1.0)


def test_straight_dam_against_the_exact_solution():
    errors = []
    for n in (32, 64, 128):
        x = (np.arange(n) + 0.5) * 5 / n - 2.5
        state = torch.zeros(1, 3, n, 4, dtype=torch.float64)
        state[0, 0] = torch.tensor(np.where(x < 0, 2.0, 1.0))[:, None]
        # the solver takes cells as squares: as there is nothing along y, their number there does not matter
        h = dam_break.solve(state.transpose(-1, -2), 1.0, 1)[0, -1, 0].numpy()
        assert np.abs(h - h[0]).max() < 1e-12
        errors.append(np.abs(h[0] - stoker(x, 1.0)).mean())
    assert errors[-1] < 1e-2
    assert min(orders(errors)) > 0.7


def test_round_dam_keeps_mass_and_symmetry_and_a_lake_rests():
    state = torch.from_numpy(dam_break.dam(0.5, 40))[None]
    h = dam_break.solve(state, 0.5, 2)[0, :, 0]
    assert (h.mean((1, 2)) - h[0].mean()).abs().max() < 1e-13
    assert (h[-1] - h[-1].rot90()).abs().max() < 1e-13
    assert (h[-1] - h[-1].T).abs().max() < 1e-13
    lake = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    lake[:, 0] = 1.5
    assert torch.equal(dam_break.solve(lake, 1.0, 1)[:, -1], lake)


def test_diffusion_sorption_is_monotone_bounded_and_of_first_order():
    times = np.array([0, 250.0, 500.0])
    u = [diffusion_sorption.solve(np.full(n, 0.1), times) for n in (32, 64, 128, 256)]
    coarse = [np.abs(a - b.reshape(3, -1, 2).mean(2)).max() for a, b in itertools.pairwise(u)]
    assert orders(coarse) == pytest.approx([1, 1], abs=0.1)
    assert (np.diff(u[-1][1:], axis=1) <= 1e-9).all()
    assert u[-1].min() >= 0
    assert u[-1].max() <= 1
    loose = diffusion_sorption.solve(np.full(128, 0.1), times, tolerance=1e-5)
    assert np.abs(loose - u[2]).max() < 1e-3


def test_an_integrator_that_gives_up_is_an_arithmetic_error(monkeypatch):
    """As of all solvers: for `bench_pde.equal_error` that setting is not as accurate, and the run goes on."""
    gave_up = SimpleNamespace(success=False, message="required step size is too small")
    monkeypatch.setattr(scipy.integrate, "solve_ivp", lambda *_, **__: gave_up)
    with pytest.raises(ArithmeticError, match="gave up: required step size"):
        diffusion_sorption.solve(np.ones(8), np.array([0.0, 1.0]))


@pytest.mark.parametrize(
    "make",
    [
        lambda **sizes: advection.advection(points=16, frames=2, **sizes),
        lambda **sizes: reaction_diffusion.reaction_diffusion(points=16, frames=2, interval=0.01, **sizes),
        lambda **sizes: darcy.darcy(points=8, solved_on=15, **sizes),
        lambda **sizes: navier_stokes.navier_stokes(points=16, solved_on=16, frames=1, interval=0.1, **sizes),
    ],
)
def test_samples_do_not_depend_on_the_size_of_a_split(make):
    few, many = make(train=2, val=1, test=1), make(train=4, val=2, test=1)
    for key in few:
        assert few[key].dtype == np.float32
        assert np.allclose(few[key], many[key][: len(few[key])], rtol=1e-6)
        assert not np.allclose(few[key][0], many[f"train_{key.partition('_')[2]}"][-1])
