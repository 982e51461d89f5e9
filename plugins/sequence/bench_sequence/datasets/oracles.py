"""Estimators of linear regression from examples, to which a sequence layer that learns in context is compared.

Akyürek et al. 2023 (arXiv:2211.15661), Garg et al. 2022 (arXiv:2208.01066) and, for Newton's iteration, Fu et al. 2023
(arXiv:2310.17086). All work in float64 on m sequences at once, examples x (m, n, d) with values y (m, n), and predict
each value from what came before it: (m, n). Without examples the prediction is 0, the prior's mean.

    S = X^T X, b = X^T y    of the examples so far; w ~ N(0, I) and y = X w + noise of standard deviation `noise`
"""

from collections.abc import Callable

import numpy as np

Weights = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (m, i, d) and (m, i), i > 0, to weights (m, d)


def at_every_prefix(weights: Weights, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return w_i.x_i with the weights that each prefix of i examples gives."""
    predictions = np.zeros_like(y)
    for i in range(1, y.shape[1]):
        predictions[:, i] = np.einsum("md,md->m", x[:, i], weights(x[:, :i], y[:, :i]))
    return predictions


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return (S + penalty I)^-1 b, (m, d), in its dual form; with penalty 0, least squares of minimum norm."""
    kernel = x @ x.transpose(0, 2, 1) + penalty * np.eye(x.shape[1])  # (m, i, i)
    dual = np.linalg.pinv(kernel, rcond=1e-10, hermitian=True) @ y[..., None]
    return (x.transpose(0, 2, 1) @ dual)[..., 0]


def posterior_mean(x: np.ndarray, y: np.ndarray, noise: float) -> np.ndarray:
    """Predict by the posterior mean, the least possible error: ridge regression with the penalty noise^2."""
    return at_every_prefix(lambda x, y: ridge(x, y, noise**2), x, y)


def gradient_descent(x: np.ndarray, y: np.ndarray, steps: int, rate: float) -> np.ndarray:
    """Return w, (m, d), after steps w <- w - rate (S w - b) from zero."""
    w = np.zeros((len(x), x.shape[2]))
    for _ in range(steps):
        residual = np.einsum("mid,md->mi", x, w) - y
        w -= rate * np.einsum("mid,mi->md", x, residual)
    return w


def gradient_step(x: np.ndarray, y: np.ndarray, noise: float) -> np.ndarray:
    """Predict by one step of gradient descent from zero, which one layer of linear attention without a softmax takes.

    After i examples of standard normal x the step is 1 / (i + d + 1 + noise^2), which has the least expected error of
    all: the weights are off by d (1 - i / (i + d + 1 + noise^2)) in the square.
    """
    d = x.shape[2]
    return at_every_prefix(lambda x, y: gradient_descent(x, y, 1, 1 / (x.shape[1] + d + 1 + noise**2)), x, y)


def newton(x: np.ndarray, y: np.ndarray, iterations: int) -> np.ndarray:
    """Return M b, (m, d), after M <- 2 M - M S M from M = S / λ^2, λ the largest eigenvalue of S.

    It tends to the pseudo-inverse of S: I - M S is squared by each iteration.
    """
    S = x.transpose(0, 2, 1) @ x
    M = S / np.linalg.norm(S, 2, axis=(1, 2))[:, None, None] ** 2
    for _ in range(iterations):
        M = 2 * M - M @ S @ M
    return (M @ np.einsum("mid,mi->md", x, y)[..., None])[..., 0]


def nearest(x: np.ndarray, y: np.ndarray, neighbours: int) -> np.ndarray:
    """Predict by the mean value of the nearest examples so far, or of all where there are fewer."""
    predictions = np.zeros_like(y)
    for i in range(1, y.shape[1]):
        distances = np.square(x[:, :i] - x[:, i, None]).sum(axis=2)  # (m, i)
        chosen = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
        predictions[:, i] = np.take_along_axis(y[:, :i], chosen, 1).mean(axis=1)
    return predictions
