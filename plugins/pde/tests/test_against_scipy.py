"""The solvers of all generated data against other code for the same equations, written here with scipy.

Where that is finite differences of second order, they are taken on two grids: the error of the finer is then the
difference of both over `ratio`² - 1, and what extrapolation leaves is of fourth order. A solution has to agree with the
extrapolated one to a quarter of that error, which is to be at most a thousandth of the solution.

With a coefficient of the solver 5 % off (the viscosities of the gas: 25 %), a sign turned, or the conductivity of faces
taken as another mean, each of these tests has failed.
"""

import numpy as np
import pytest
import scipy.fft
import scipy.sparse
import torch
from scipy.integrate import solve_ivp
from scipy.ndimage import laplace
from scipy.signal import resample
from scipy.sparse.linalg import LinearOperator, cg

import bench_pde
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
from bench_pde.equations.sampling import cells

ONE = {"train": 1, "val": 1, "test": 1}
SMOOTH = 2  # a seed whose first initial state is neither cut to a window nor an absolute value


def agree(ours, coarse, fine, ratio=2):
    error = (fine - coarse) / (ratio**2 - 1)
    assert np.abs(error).max() < 0.001 * np.ptp(ours)
    assert np.abs(ours - (fine + error)).max() < 0.25 * np.abs(error).max()


def test_no_equation_is_left_out():
    targets = {data.target.partition(":")[0] for data in bench_pde.bench_datasets()}
    assert {name.rpartition(".")[2] for name in targets if ".equations." in name} <= set(globals())


def integrated(rate, u0, time, method="RK45", **options):
    solved = solve_ivp(
        lambda _, u: rate(u.reshape(u0.shape)).ravel(), (0, time), u0.ravel(), method, rtol=1e-7, atol=1e-9, **options
    )
    assert solved.success
    return solved.y[:, -1].reshape(u0.shape)


def differences(n, length=1.0):
    """Return the matrices of u_x and u_xx on a periodic line."""
    eye, h = scipy.sparse.identity(n, format="csr"), length / n
    ahead = scipy.sparse.vstack([eye[1:], eye[:1]]).tocsr()
    return (ahead - ahead.T) / (2 * h), (ahead + ahead.T - 2 * eye) / h**2


def carried(u0, speed, time):
    first, _ = differences(len(u0))
    return integrated(lambda u: -speed * first @ u, u0, time)


def grown(u0, diffusivity, growth, time):
    _, second = differences(len(u0))
    return integrated(lambda u: diffusivity * second @ u + growth * u * (1 - u), u0, time)


def steepened(u0, second, fourth, time, length=1.0):
    """Return a solution of u_t + (u²/2)_x = second u_xx + fourth u_xxxx."""
    slope, bend = differences(len(u0), length)
    linear = second * bend + fourth * bend @ bend

    def jacobian(_, u):
        return (linear - slope @ scipy.sparse.diags(u)).tocsc()

    return integrated(lambda u: linear @ u - slope @ (u**2 / 2), u0, time, "Radau", jac=jacobian)


LINES = {
    "advection": (
        lambda **p: advection.advection(speed=1.5, points=64, interval=0.1, **p),
        lambda u: carried(u, 1.5, 0.1),
        1024,
    ),
    "burgers": (
        lambda **p: burgers.burgers(viscosity=0.1, points=128, solved_on=128, interval=0.1, **p),
        lambda u: steepened(u, 0.1 / np.pi, 0, 0.1),
        512,
    ),
    "reaction-diffusion": (
        lambda **p: reaction_diffusion.reaction_diffusion(diffusivity=0.005, growth=3.0, points=128, interval=0.1, **p),
        lambda u: grown(u, 0.005, 3.0, 0.1),
        256,
    ),
    "kuramoto-sivashinsky": (
        lambda **p: kuramoto_sivashinsky.kuramoto_sivashinsky(length=22, points=64, warm_up=0, interval=4, **p),
        lambda u: steepened(u, -1, -1, 4.0, length=22),
        128,
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_periodic_lines(name):
    made, other, points = LINES[name]
    arrays = made(frames=1, seed=SMOOTH, **ONE)
    before, after = arrays["train_fields"][0, :, :, 0].astype(float)
    every = points // len(before)
    coarse, fine = (other(resample(before, n)) for n in (points, 2 * points))
    agree(after, coarse[::every], fine[:: 2 * every])


def test_the_map_of_burgers():
    data = burgers.burgers_map(points=128, solved_on=128, **ONE)
    before, after = (data[f"train_{part}"][0, :, 0].astype(float) for part in ("inputs", "targets"))
    coarse, fine = (steepened(resample(before, n), 0.1, 0, 1.0) for n in (128, 256))
    agree(after, coarse, fine[::2])


def test_vorticity():
    data = navier_stokes.navier_stokes(
        viscosity=5e-3, points=32, solved_on=32, warm_up=1.0, frames=1, interval=0.5, max_step=0.02, **ONE
    )
    before, after = data["train_fields"][0, ..., 0].astype(float)

    def later(n):
        wave_ = (2 * np.cos(2 * np.pi * np.arange(n) / n) - 2) * n**2
        symbol = wave_[:, None] + wave_[None, : n // 2 + 1]
        symbol[0, 0] = 1.0
        x, y = np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")
        force = 0.1 * (np.sin(2 * np.pi * (x + y)) + np.cos(2 * np.pi * (x + y)))

        def d(u, axis):
            return (np.roll(u, -1, axis) - np.roll(u, 1, axis)) * n / 2

        def rate(w):
            psi = scipy.fft.irfft2(-scipy.fft.rfft2(w) / symbol, (n, n))
            return force + 5e-3 * laplace(w, mode="wrap") * n**2 - d(d(psi, 1) * w, 0) + d(d(psi, 0) * w, 1)

        return integrated(rate, resample(resample(before, n), n, axis=1), 0.5)

    agree(after, later(32), later(64)[::2, ::2])


def pressure(a, mask):
    """Return u with -∇·(a∇u) = 1 where `mask` is true, by conjugate gradients on the balance of fluxes."""
    faces = [(a[1:] + a[:-1]) / 2, (a[:, 1:] + a[:, :-1]) / 2]

    def outflow(inner):
        u = np.zeros_like(a)
        u[mask] = inner
        fluxes = [-faces[axis] * np.diff(u, axis=axis) for axis in (0, 1)]
        return sum(np.diff(flux, axis=axis, prepend=0, append=0) for axis, flux in enumerate(fluxes))[mask]

    size = mask.sum()
    found, info = cg(LinearOperator((size, size), outflow), np.full(size, 1 / (len(a) - 1) ** 2), rtol=1e-11)
    assert info == 0
    u = np.zeros_like(a)
    u[mask] = found
    return u


@pytest.mark.parametrize("make", [darcy.darcy, multiscale.darcy_rough, multiscale.darcy_multiscale])
def test_pressure_in_a_square(make):
    """To the 1e-7 that numbers of single precision keep."""
    own = {"scales": 1} if make is multiscale.darcy_multiscale else {"high": 10.0, "low": 2.0}
    data = make(points=25, solved_on=25, **own, **ONE)
    a, u = (data[f"train_{part}"][0, ..., 0].astype(float) for part in ("inputs", "targets"))
    inside = np.zeros(a.shape, bool)
    inside[1:-1, 1:-1] = True
    assert np.abs(u - pressure(a, inside)).max() < 1e-6 * u.max()


@pytest.mark.parametrize("shape", darcy_shapes.SHAPES)
def test_pressure_in_a_shape(shape):
    K = np.exp(darcy_shapes.log_conductivity(24, np.random.default_rng(0)))
    mask = darcy_shapes.inside(shape, 24)
    u = darcy_shapes.solve(K, mask)
    assert np.abs(u - pressure(K, mask)).max() < 1e-8 * u.max()


def test_helmholtz_is_a_sum_of_cosines_where_the_medium_is_uniform():
    """Σ g_i cos(iπx) cosh(κ_i y) / (κ_i sinh κ_i) with κ_i² = (iπ)² - k², g_i of the push; below it, y <= 3/4."""
    k, i = 6.0, np.arange(200)
    at = np.linspace(0, 1, 17)
    g = np.where(i, 2 * (np.sin(0.65 * i * np.pi) - np.sin(0.35 * i * np.pi)) / np.maximum(i, 1) / np.pi, 0.3)
    kappa = np.sqrt((i * np.pi) ** 2 - k**2 + 0j)[:, None]
    rising = (np.exp(kappa * (at - 1)) + np.exp(-kappa * (at + 1))) / (1 - np.exp(-2 * kappa)) / kappa
    exact = (np.cos(np.pi * np.outer(at, i)) @ (g[:, None] * rising)).real[:, :13]
    found = [helmholtz.solve(np.full((n, n), k), helmholtz.push(n)) for n in (33, 65, 129)]
    errors = [np.abs(u[:: len(u) // 16, :: len(u) // 16][:, :13] - exact).max() for u in found]
    assert errors[1] < 0.4 * errors[0]
    assert errors[2] < 0.4 * errors[1]
    assert errors[2] < 0.01 * np.ptp(exact)


def test_helmholtz_holds_at_every_node():
    c, u = helmholtz.sample(np.random.default_rng(0), nodes=41, frequency=200.0)
    pushed = np.zeros_like(u)
    pushed[:, -1] = 2 * 40 * helmholtz.push(41)
    left = laplace(u, mode="mirror") * 40**2 + (200 / c) ** 2 * u + pushed
    assert np.abs(left).max() < 1e-9 * np.abs(pushed).max()


def test_membrane():
    data = wave.wave(speed=1.3, points=33, modes=3, frames=1, interval=0.2, **ONE)
    before, after = np.moveaxis(data["train_fields"][0].astype(float), -1, 1)

    def later(n):
        """Return u and u_t at the 33² nodes, from n² between which u is the sum of the same sines."""
        sines = scipy.fft.dstn(before[:, 1:-1, 1:-1], 1, axes=(1, 2), norm="forward")
        state = scipy.fft.idstn(np.pad(sines, ((0, 0), (0, n - 33), (0, n - 33))), 1, axes=(1, 2), norm="forward")

        def rate(state):
            return np.stack([state[1], 1.3**2 * laplace(state[0], mode="constant") * (n - 1) ** 2])

        return np.pad(integrated(rate, state, 0.2), ((0, 0), (1, 1), (1, 1)))[:, :: n // 32, :: n // 32]

    for ours, coarse, fine in zip(after, later(65), later(129), strict=True):
        agree(ours, coarse, fine)


def test_sorption():
    """The published boundary conditions are of first order: the same scheme, by another integrator, to 1e-5."""
    data = diffusion_sorption.diffusion_sorption(points=32, frames=1, interval=100.0, **ONE)
    before, after = data["train_fields"][0, ..., 0].astype(float)

    def rate(u):
        held = 0.71 / 0.29 * 2880 * 3.5e-4 * 0.874 * (u + 1e-6) ** -0.126
        bent = laplace(np.concatenate([[1.0], u, [5e-4 * 32 * (u[-2] - u[-1])]]))[1:-1] * 32**2
        return 5e-4 / (1 + held) * bent

    assert np.abs(integrated(rate, before, 100.0, "Radau") - after).max() < 1e-5
    assert np.abs(after - before).max() > 0.1


def test_two_substances():
    def first(n):
        x, y = np.meshgrid(cells(n, 2.0), cells(n, 2.0), indexing="ij")
        u, v = np.cos(np.pi * x) * np.cos(np.pi * y / 2), 0.5 + 0.3 * np.cos(np.pi * x / 2)
        return np.stack([u, v], -1)

    def later(n):
        def rate(w):
            u, v = w[..., 0], w[..., 1]
            flow = [d * laplace(part, mode="reflect") * (n / 2) ** 2 for d, part in ((1e-3, u), (5e-3, v))]
            return np.stack([flow[0] + u - u**3 - 5e-3 - v, flow[1] + u - v], -1)

        return integrated(rate, first(n), 1.0)

    ours = diffusion_reaction.solve(first(32)[None], 1.0, 1, max_step=0.005)[0, -1]
    agree(ours, later(32), later(96)[1::3, 1::3], ratio=3)


def radial_dam(radius, time, n):
    """Return h of the round dam at (i + 1/2) 2.5/n from its middle, by Rusanov's flux and Euler's method."""
    r, width = cells(n, 2.5), 2.5 / n
    state, left = np.stack([np.where(r < radius, 2.0, 1.0), np.zeros(n)]), time
    while left > 0:
        h, q = np.pad(state, ((0, 0), (1, 1)), mode="edge")
        q[0] = -q[0]  # through the middle nothing flows
        speed, flux = np.abs(q / h) + np.sqrt(h), np.stack([q, q**2 / h + h**2 / 2])
        fastest = np.maximum(speed[1:], speed[:-1])
        through = (flux[:, 1:] + flux[:, :-1]) / 2 - fastest * np.diff(np.stack([h, q])) / 2
        dt = min(left, 0.4 * width / speed.max())
        round_ = np.stack([state[1], state[1] ** 2 / state[0]]) / r
        state, left = state - dt * (np.diff(through) / width + round_), left - dt
    return r, state[0]


def test_round_dam():
    """The mean error is at most that of a front as steep and as long as the dam's that is half a cell out of place."""
    r, h = radial_dam(0.6, 0.5, 1600)
    for n in (50, 100):
        x = cells(n, 5.0) - 2.5
        expected = np.interp(np.hypot(x[:, None], x[None, :]), r, h)
        found = dam_break.solve(torch.from_numpy(dam_break.dam(0.6, n))[None], 0.5, 1)[0, -1, 0].numpy()
        assert np.abs(found - expected).mean() < 0.5 * (5 / n) * 2 * np.pi * 0.6 / 25


def test_gas():
    """Fourier's derivatives on 32² points; the finite volumes' error is a tenth of what the viscosities change."""
    n, time, gamma = 32, 0.05, 5 / 3

    def first(x, y):
        x, y = 2 * np.pi * x, 2 * np.pi * y
        v = (0.1 + 0.3 * np.sin(y), 0.2 * np.cos(x))
        return np.stack([1 + 0.2 * np.sin(x) * np.cos(y), *v, 1 + 0.1 * np.cos(x + y)])

    def d(f, axis):
        k = 2j * np.pi * scipy.fft.fftfreq(n, 1 / n)
        k[n // 2] = 0
        return scipy.fft.ifft((k[:, None] if axis == 0 else k) * scipy.fft.fft(f, axis=axis), axis=axis).real

    def spectral(shear, bulk):
        def rate(state):
            rho, energy = state[0], state[3]
            v = state[1:3] / rho
            p = (gamma - 1) * (energy - rho * (v**2).sum(0) / 2)
            slopes = np.array([[d(v[j], axis) for j in (0, 1)] for axis in (0, 1)])
            stress = rho * shear * (slopes + slopes.swapaxes(0, 1))
            for axis in (0, 1):
                stress[axis, axis] += rho * (bulk - 2 / 3 * shear) * (slopes[0, 0] + slopes[1, 1])
            changed = np.zeros_like(state)
            for axis in (0, 1):
                flux = v[axis] * state
                flux[1:3] -= stress[axis]
                flux[1 + axis] += p
                flux[3] += p * v[axis] - (stress[axis] * v).sum(0)
                changed -= np.stack([d(f, axis) for f in flux])
            return changed

        rho, u, v, p = first(*np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij"))
        start = np.stack([rho, rho * u, rho * v, p / (gamma - 1) + rho * (u**2 + v**2) / 2])
        rho, u, v, energy = integrated(rate, start, time)
        return np.stack([rho, u / rho, v / rho, (gamma - 1) * (energy - (u**2 + v**2) / rho / 2)])

    viscous, k = spectral(0.03, 0.04), scipy.fft.fftfreq(n, 1 / n)
    matter, errors = np.abs(viscous - spectral(0.0, 0.0)).mean(), []
    for points in (32, 64):
        waves = np.exp(2j * np.pi * np.outer(cells(points), k)) / n
        expected = (waves @ scipy.fft.fft2(viscous) @ waves.T).real
        start = torch.from_numpy(first(*np.meshgrid(cells(points), cells(points), indexing="ij")))[None]
        found = compressible.solve(start, time, 1, shear=0.03, bulk=0.04)[0, -1].numpy()
        errors.append(np.abs(found - expected).mean())
    assert errors[1] < 0.4 * errors[0]
    assert errors[1] < 0.1 * matter


@pytest.mark.parametrize("kind", range(3), ids=fisher.SOURCES)
def test_growth_by_several_laws(kind):
    def first(n):
        return fisher.initial(n, np.random.default_rng(0))

    source = (
        lambda u: u * (1 - u),
        lambda u: u * (1 - u**2),
        lambda u: u * (1 - u) * np.exp(-1.5 * (1 - u)),
    )[kind]

    def later(n):
        return integrated(
            lambda u: 0.05 * laplace(u, mode="mirror") * (n - 1) ** 2 + 10 * 0.4 * source(u), first(n), 0.5
        )

    laws = (np.array([kind]), np.array([0.4]), np.array([1.5]))
    agree(fisher.solve(first(65)[None], *laws, 0.05, 3)[0, 1], later(65), later(129)[::2])
