"""Autoregressive processes: y_t = phi_1 y_{t-1} + ... + phi_p y_{t-p} + e_t, e_t normal.

The processes by which Zhang et al. 2023 (SpaceTime, arXiv:2303.09489) test what a state-space layer can express. The
coefficients follow from the process's poles: for each of the `frequencies`, in radians per step, the pair
radius * exp(+-i frequency), so that p is twice their number. With radius 1 and without noise, a sequence is a sum of
sinusoids of random amplitude and phase, which its first p values determine.

    sigma2   variance of e_t such that y has variance 1 (radius < 1); the least error of any one-step prediction
"""

import numpy as np

from bench_sequence import dataset_limits


def autoregressive(
    *, length: int = 128, frequencies: list[float] = [0.35, 0.9], radius: float = 0.98,  # noqa: B006 - never changed
    train: int = 5_000, val: int = 500, test: int = 1_000, seed: int = 0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return *_series (n, length) float32 of variance 1 for each split, `coefficients` (p,) and `sigma2` ().

    No split changes with the size of another. Raises ValueError for a radius outside (0, 1].
    """
    dataset_limits.autoregressive(radius=radius)
    phi = coefficients(frequencies, radius)
    sigma2 = 0.0 if radius == 1 else 1 / _gain(phi)
    arrays = {"coefficients": phi, "sigma2": np.array(sigma2)}
    for stream, (split, n) in enumerate({"train": train, "val": val, "test": test}.items()):
        rng = np.random.default_rng([seed, stream])
        series = _sinusoids(n, length, frequencies, rng) if radius == 1 else _process(n, length, phi, sigma2, rng)
        arrays[f"{split}_series"] = series.astype(np.float32)
    return arrays


def coefficients(frequencies: list[float], radius: float) -> np.ndarray:
    """Return phi_1 .. phi_p, (p,): the characteristic polynomial z^p - phi_1 z^(p-1) - ... has the poles as roots."""
    poles = radius * np.exp(1j * np.concatenate([frequencies, np.negative(frequencies)]))
    return -np.poly(poles).real[1:]


def _gain(phi: np.ndarray) -> float:
    """Return the variance of y for e of variance 1: the sum of squares of the impulse response."""
    h, response = np.zeros(len(phi)), []
    h[0] = 1.0
    while len(response) < 100 or abs(h).max() > 1e-12:
        response.append(h[0])
        h = np.concatenate([[phi @ h], h[:-1]])
    return float(np.square(response).sum())


def _process(n: int, length: int, phi: np.ndarray, sigma2: float, rng: np.random.Generator) -> np.ndarray:
    burn = 1 + int(np.ceil(-np.log(1e-4) / -np.log(abs(np.roots([1, *-phi])).max())))  # until the start is forgotten
    series = np.zeros((n, length + burn + len(phi)))
    noise = np.sqrt(sigma2) * rng.standard_normal(series.shape)
    for t in range(len(phi), series.shape[1]):
        series[:, t] = series[:, t - len(phi) : t][:, ::-1] @ phi + noise[:, t]
    return series[:, -length:]


def _sinusoids(n: int, length: int, frequencies: list[float], rng: np.random.Generator) -> np.ndarray:
    """Each sinusoid has a normal coefficient for sine and for cosine; the variance of their sum is 1."""
    angles = np.outer(frequencies, np.arange(length))
    waves = np.concatenate([np.sin(angles), np.cos(angles)])
    return rng.standard_normal((n, len(waves))) @ waves / np.sqrt(len(frequencies))
