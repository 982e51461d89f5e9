"""In-context linear regression: x_1, y_1, ..., x_n, y_n with y = w.x + noise, and a w of its own in every sequence.

Garg et al. 2022 (arXiv:2208.01066); Akyurek et al. 2023 (arXiv:2211.15661), whose layout of tokens this is: the token
of an input is (0, x), that of its value (y, 0, ..., 0), and the prediction of y_i is read at the token of x_i.

    d, n       dimension, and examples in a sequence
    w, x       standard normal, (d,)
    noise      standard deviation of the noise; E y^2 = d + noise^2, the error of predicting 0

Beside the data are what known estimators predict from the examples so far (`oracles`): `bayes` the posterior mean,
the best there is; `gradient` one step of gradient descent; `newton` three iterations of Newton's method, what a layer
of a trained Transformer has been found to add (arXiv:2310.17086); `nearest` the mean of the three nearest.
"""

import numpy as np

from bench_sequence.datasets import oracles


def in_context_regression(
    *, dimension: int = 5, examples: int = 11, noise: float = 0.0,
    train: int = 50_000, val: int = 500, test: int = 2_000, seed: int = 0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return for each split of m sequences, no split of which changes with the size of another:

    *_inputs: (m, 2 n, d + 1) float32.
    *_targets: y_1 .. y_n, (m, n) float32.
    test_bayes, test_gradient, test_newton, test_nearest: predictions of y from what came before it, (m, n) float32.
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
            guesses = {
                "bayes": oracles.posterior_mean(x, y, noise),
                "gradient": oracles.gradient_step(x, y, noise),
                "newton": oracles.at_every_prefix(lambda x, y: oracles.newton(x, y, 3), x, y),
                "nearest": oracles.nearest(x, y, 3),
            }
            arrays |= {f"test_{name}": guess.astype(np.float32) for name, guess in guesses.items()}
    return arrays
