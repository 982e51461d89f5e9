"""In-context linear regression: x_1, y_1, ..., x_n, y_n with y = w.x + noise, and a w of its own in every sequence.

Garg et al. 2022 (arXiv:2208.01066); Akyurek et al. 2023 (arXiv:2211.15661), whose layout of tokens this is: the token
of an input is (0, x), that of its value (y, 0, ..., 0), and the prediction of y_i is read at the token of x_i.

    d, n       dimension, and examples in a sequence
    w, x       standard normal, (d,)
    noise      standard deviation of the noise; E y^2 = d + noise^2, the error of predicting 0

`bayes` has the best prediction there is, the posterior mean, which is ridge regression on the examples so far with the
penalty noise^2, and for noise 0 the least squares solution of minimum norm.
"""

import numpy as np


def in_context_regression(
    *, dimension: int = 5, examples: int = 11, noise: float = 0.0,
    train: int = 50_000, val: int = 500, test: int = 2_000, seed: int = 0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return for each split of m sequences, no split of which changes with the size of another:

    *_inputs: (m, 2 n, d + 1) float32.
    *_targets: y_1 .. y_n, (m, n) float32.
    test_bayes: the best prediction of each y from what came before it, (m, n) float32.
    """
    arrays = {}
    for stream, (split, m) in enumerate({"train": train, "val": val, "test": test}.items()):
        rng = np.random.default_rng([seed, stream])
        w = rng.standard_normal((m, dimension))
        x = rng.standard_normal((m, examples, dimension))
        y = np.einsum("mnd,md->mn", x, w) + noise * rng.standard_normal((m, examples))
        inputs = np.zeros((m, 2 * examples, dimension + 1), np.float32)
        inputs[:, ::2, 1:], inputs[:, 1::2, 0] = x, y
        arrays[f"{split}_inputs"], arrays[f"{split}_targets"] = inputs, y.astype(np.float32)
        if split == "test":
            arrays["test_bayes"] = posterior_mean(x, y, noise).astype(np.float32)
    return arrays


def posterior_mean(x: np.ndarray, y: np.ndarray, noise: float) -> np.ndarray:
    """Return the prediction of y_i from x_i and all (x_j, y_j) with j < i, for each i; x (m, n, d), y (m, n)."""
    predictions = np.zeros_like(y)
    for i in range(1, y.shape[1]):
        seen, values = x[:, :i], y[:, :i, None]
        kernel = seen @ seen.transpose(0, 2, 1) + noise**2 * np.eye(i)  # (m, i, i): the dual form of ridge regression
        w = seen.transpose(0, 2, 1) @ (np.linalg.pinv(kernel, rcond=1e-10, hermitian=True) @ values)
        predictions[:, i] = np.einsum("md,mdo->m", x[:, i], w)
    return predictions
