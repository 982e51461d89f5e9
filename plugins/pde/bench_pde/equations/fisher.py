"""Fisher's equation with several sources, u_t = D u_xx + 10 f(u) on [0, 1], no flux through the ends, t in [0, 1].

The multi-task problem of MT-DeepONet (Kumar et al. 2024, arXiv:2408.02198): from the initial state and what tells the
sources apart, four coefficients of u, u², u³, u⁴, to the whole of u(t, x).

    logistic     α u (1 - u)                     c = α (1, -1, 0, 0)
    cubic        α u (1 - u²)                    c = α (1, 0, -1, 0)
    arrhenius    α u (1 - u) exp(-β (1 - u))     c = α e^-β (1, β - 1, β (β/2 - 1), -β²/2), to second order in u

α is one of ten values in [0.1, 1], β of ten in [0.5, 2]. Of the last source the coefficients are a Taylor polynomial
while the data has the exponential, as in the paper; at β = 2 the polynomial is up to a third too small.
Published: 20 times x 64 points, 1,000 + 1,000 + 2,000 samples, which are the shares here.

The paper does not say what D, the boundary condition and the law of the initial state are. Those are our own: D, no
flux, and u_0 = 1 / (1 + exp(-2 g)), g a Gaussian field of cosines with unit variance and spectrum exp(-(π k ℓ)²/2),
ℓ = 0.2; and so is the factor 10, without which little would happen until t = 1. Strang splitting: diffusion exactly by
cosines, the source by one step of the classical Runge-Kutta method.
"""

import math
from typing import Literal

import numpy as np
import scipy.fft

from bench_pde import limits
from bench_pde.equations.sampling import made_splits

SOURCES = ("logistic", "cubic", "arrhenius")
RATE = 10.0
_ALPHAS, _BETAS = np.linspace(0.1, 1, 10), np.linspace(0.5, 2, 10)


def reaction(u: np.ndarray, kind: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return f(u), (n, x), where `kind` has indices of `SOURCES`; all but u are (n,)."""
    kind, alpha, beta = kind[:, None], alpha[:, None], beta[:, None]
    return alpha * u * np.select([kind == 0, kind == 1], [1 - u, 1 - u**2], (1 - u) * np.exp(-beta * (1 - u)))


def coefficients(kind: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return c, (n, 4), for n kinds, alphas and betas."""
    none = np.zeros_like(beta)
    decay = np.exp(-beta)
    taylor = decay * np.stack([none + 1, beta - 1, beta * (beta / 2 - 1), -(beta**2) / 2])
    exact = [np.stack([none + 1, none - 1, none, none]), np.stack([none + 1, none, none - 1, none])]
    return (alpha * np.select([kind == 0, kind == 1], exact, taylor)).T


def solve(
    u0: np.ndarray,
    kind: np.ndarray,
    alpha: np.ndarray,
    beta: np.ndarray,
    diffusivity: float,
    frames: int,
    max_step: float = 2e-3,
) -> np.ndarray:
    """Return u, (n, frames, x), at equally spaced times from 0 to 1, from u0, (n, x), at the points i/(x-1)."""
    steps = math.ceil(1 / (frames - 1) / max_step)
    dt = 1 / (frames - 1) / steps
    decay = np.exp(-diffusivity * (np.pi * np.arange(u0.shape[1])) ** 2 * dt / 2)

    def diffuse(u: np.ndarray) -> np.ndarray:
        return scipy.fft.idct(decay * scipy.fft.dct(u, type=1), type=1)

    def rate(u: np.ndarray) -> np.ndarray:
        return RATE * reaction(u, kind, alpha, beta)

    def react(u: np.ndarray) -> np.ndarray:
        k1 = rate(u)
        k2 = rate(u + dt / 2 * k1)
        k3 = rate(u + dt / 2 * k2)
        return u + dt / 6 * (k1 + 2 * k2 + 2 * k3 + rate(u + dt * k3))

    seen = [u0]
    for _ in range(frames - 1):
        u = seen[-1]
        for _ in range(steps):
            u = diffuse(react(diffuse(u)))
        seen.append(u)
    return np.stack(seen, 1)


def initial(points: int, rng: np.random.Generator, length: float = 0.2) -> np.ndarray:
    """Return u_0 at the points i/(points-1)."""
    k = np.arange(32)
    spectrum = np.exp(-((np.pi * k * length) ** 2) / 2)
    deviation = np.sqrt(np.where(k == 0, 1, 2) * spectrum / spectrum.sum())
    g = np.cos(np.pi * np.outer(np.linspace(0, 1, points), k)) @ (deviation * rng.standard_normal(len(k)))
    return 1 / (1 + np.exp(-2 * g))


def fisher(
    *,
    source: Literal["all", "logistic", "cubic", "arrhenius"] = "all",
    diffusivity: float = 0.01,
    frames: int = 16,
    points: int = 32,
    train: int = 600,
    val: int = 100,
    test: int = 200,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return *_inputs, (n, frames, points, 5), c and then u_0, both repeated over what they do not depend on;
    *_targets, u, (n, frames, points, 1); and *_source, (n,), indices of `SOURCES`. "all" draws sources with
    probabilities 1/4, 1/4 and 1/2.

    Raises:
        ValueError: the diffusivity is negative, or there are fewer than two frames or points.
    """
    limits.fisher(diffusivity=diffusivity, frames=frames, points=points)

    def make(generators: list[np.random.Generator]) -> dict[str, np.ndarray]:
        kind = np.array([rng.choice(3, p=(0.25, 0.25, 0.5)) for rng in generators])
        if source != "all":
            kind[:] = SOURCES.index(source)
        alpha, beta = (np.array([rng.choice(values) for rng in generators]) for values in (_ALPHAS, _BETAS))
        u0 = np.stack([initial(points, rng) for rng in generators])
        u = solve(u0, kind, alpha, beta, diffusivity, frames)
        grid = (len(u), frames, points)
        c = np.broadcast_to(coefficients(kind, alpha, beta)[:, None, None], (*grid, 4))
        inputs = np.concatenate([c, np.broadcast_to(u0[:, None, :, None], (*grid, 1))], -1)
        return {"inputs": inputs, "targets": u[..., None], "source": kind}

    return made_splits({"train": train, "val": val, "test": test}, make, seed, at_once=256)
