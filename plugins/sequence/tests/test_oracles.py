"""Estimators of in-context regression against closed forms, each other, and layers with weights set by hand."""

import numpy as np
import pytest
import torch

from bench_sequence.datasets import oracles
from bench_sequence.datasets.in_context import in_context_regression
from bench_sequence.linear_attention import CHUNK, _causal_sums

M, N, D = 6, 9, 4


@pytest.fixture
def examples():
    """Noisy examples: x (M, N, D) and y (M, N)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((M, N, D))
    return x, np.einsum("mnd,md->mn", x, rng.standard_normal((M, D))) + 0.5 * rng.standard_normal((M, N))


def primal(x, y, penalty):
    """Ridge regression by its normal equations."""
    gram = np.einsum("mid,mie->mde", x, x) + penalty * np.eye(D)
    return np.linalg.solve(gram, np.einsum("mid,mi->md", x, y)[..., None])[..., 0]


def test_posterior_mean_is_ridge_regression_in_its_primal_form(examples):
    x, y = examples
    found = oracles.posterior_mean(x, y, 0.5)
    for i in range(1, N):
        np.testing.assert_allclose(
            found[:, i], np.einsum("md,md->m", x[:, i], primal(x[:, :i], y[:, :i], 0.25)), atol=1e-10
        )
    assert (found[:, 0] == 0).all()


def test_posterior_mean_is_the_conditional_mean_of_the_joint_normal_distribution(examples):
    """Of y_1 .. y_{i+1}, whose covariance is x_j.x_k + noise^2 [j = k]: no regression is done at all."""
    x, y = examples
    found = oracles.posterior_mean(x, y, 0.5)
    for m in range(M):
        covariance = x[m] @ x[m].T + 0.25 * np.eye(N)
        for i in range(1, N):
            expected = covariance[i, :i] @ np.linalg.solve(covariance[:i, :i], y[m, :i])
            assert found[m, i] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("i", [2, N])  # fewer examples than dimensions, and more
def test_ridge_goes_to_least_squares_and_to_zero(examples, i):
    x, y = examples[0][:, :i], examples[1][:, :i]
    least = np.stack([np.linalg.lstsq(a, b, rcond=None)[0] for a, b in zip(x, y, strict=True)])
    np.testing.assert_allclose(oracles.ridge(x, y, 0.0), least, atol=1e-10)
    np.testing.assert_allclose(oracles.ridge(x, y, 1e-7), least, atol=1e-4)
    np.testing.assert_allclose(oracles.ridge(x, y, 1e9), 0, atol=1e-6)


def test_averaging_over_hypotheses_by_their_likelihood_goes_to_ridge(examples):
    """Predictions of w_1 .. w_m drawn from the prior, weighted by exp(-|y - X w|^2 / 2 noise^2)."""
    x, y = examples[0][0, :5], examples[1][0, :5]
    hypotheses = np.random.default_rng(1).standard_normal((400_000, D))
    loss = np.square(hypotheses @ x.T - y).sum(axis=1)
    weights = np.exp(-(loss - loss.min()) / (2 * 0.25))
    averaged = weights @ hypotheses / weights.sum()
    exact = oracles.ridge(x[None], y[None], 0.25)[0]
    np.testing.assert_allclose(averaged, exact, atol=0.03)
    few = weights[:50] @ hypotheses[:50] / weights[:50].sum()
    assert abs(few - exact).max() > 0.1


def test_newtons_iteration_squares_the_residual(examples):
    """I - M_k S = (I - M_0 S)^(2^k), seen in M_k b = M_k S w for values without noise."""
    x = examples[0]
    S = x.transpose(0, 2, 1) @ x
    residual = np.eye(D) - S @ S / np.linalg.eigvalsh(S)[:, -1, None, None] ** 2
    w = np.random.default_rng(2).standard_normal((M, D))
    y = np.einsum("mid,md->mi", x, w)
    for k in range(5):
        left = np.einsum("mde,me->md", np.linalg.matrix_power(residual, 2**k), w)
        np.testing.assert_allclose(oracles.newton(x, y, k), w - left, atol=1e-12)


@pytest.mark.parametrize("i", [2, N])
def test_newtons_iteration_ends_in_least_squares(examples, i):
    x, y = examples[0][:, :i], examples[1][:, :i]
    np.testing.assert_allclose(oracles.newton(x, y, 25), oracles.ridge(x, y, 0.0), atol=1e-8)


def test_both_iterations_converge_as_fast_as_expected():
    """Errors at a query after 40 examples of 20 dimensions without noise: those expected, within a factor of 3.

    Later, the mean is that of the worst conditioned few.
    """
    rng = np.random.default_rng(3)
    w, x = rng.standard_normal((200, 20)), rng.standard_normal((200, 41, 20))
    y = np.einsum("mid,md->mi", x, w)
    seen, values = x[:, :40], y[:, :40]
    rate = 1 / np.linalg.norm(seen, 2, axis=(1, 2)).max() ** 2

    def error(weights):
        return np.square(np.einsum("md,md->m", x[:, 40], weights) - y[:, 40]).mean()

    for iterations, expected in ((8, 0.535), (10, 0.048)):
        assert expected / 3 < error(oracles.newton(seen, values, iterations)) < 3 * expected
    steps = [error(oracles.gradient_descent(seen, values, n, rate)) for n in (20, 50, 100)]
    assert steps[0] / 5 > steps[1] > 3 * steps[2]
    assert steps[2] > error(oracles.newton(seen, values, 12)) > 100 * error(oracles.newton(seen, values, 14))


def test_gradient_descent_takes_exponentially_more_steps_than_newtons_iteration(examples):
    """(1 - rate λ)^t of each eigenvector is left after t steps: with rate λ_max of S S, 2^k steps are k iterations."""
    x = examples[0]
    w = np.random.default_rng(2).standard_normal((M, D))
    y = np.einsum("mid,md->mi", x, w)
    values, vectors = np.linalg.eigh(x.transpose(0, 2, 1) @ x)
    rate = 1 / values.max()
    left = np.einsum("mde,me->md", vectors.transpose(0, 2, 1), w - oracles.gradient_descent(x, y, 32, rate))
    expected = (1 - rate * values) ** 32 * np.einsum("mde,me->md", vectors.transpose(0, 2, 1), w)
    np.testing.assert_allclose(left, expected, atol=1e-12)
    # on examples whose S is the square of that of x, 2^k steps leave what k iterations do
    one, half = x[:1], np.linalg.cholesky(np.linalg.matrix_power(x[0].T @ x[0], 2)).T[None]
    squared = np.einsum("mid,d->mi", half, w[0])
    steps = oracles.gradient_descent(half, squared, 32, 1 / values[0, -1] ** 2)
    np.testing.assert_allclose(steps, oracles.newton(one, y[:1], 5), atol=1e-9)


def test_a_linear_attention_layer_without_a_feature_map_is_a_step_of_gradient_descent(examples):
    """Queries and keys x, values rate y: sum over j <= t of (x_t.x_j) rate y_j, of which a query's own value is 0."""
    x, y = examples
    rate = 0.07
    sums = np.zeros((M, N))
    for i in range(1, N):
        keys, values = torch.tensor(x[:, : i + 1]), torch.tensor(rate * y[:, : i + 1])
        values[:, i] = 0  # the layer sees the query, but not yet its value
        sums[:, i] = _causal_sums(keys[:, None], keys[:, None], values[:, None, :, None])[:, 0, i, 0]
    step = oracles.at_every_prefix(lambda x, y: oracles.gradient_descent(x, y, 1, rate), x, y)
    np.testing.assert_allclose(sums, step, atol=1e-12)


@pytest.mark.parametrize("preconditioner", [0.0, 0.01])
def test_layers_of_linear_attention_are_steps_of_preconditioned_gradient_descent(examples, preconditioner):
    """GD++ (arXiv:2212.07677): each layer takes the step on residuals and maps all x to (I - γ S) x.

    L layers are L steps whose preconditioners are the products of these maps, in the original coordinates.
    """
    x, y, rate = examples[0], examples[1], 0.03
    tokens, residual = torch.tensor(x)[:, None], torch.tensor(y)[:, None, :, None].clone()
    seen = N - 1
    residual[:, :, seen] = 0  # the query: it collects minus the prediction
    w, P = np.zeros((M, D)), np.tile(np.eye(D), (M, 1, 1))
    for _ in range(3):
        S = x[:, :seen].transpose(0, 2, 1) @ x[:, :seen]
        gradient = np.einsum("mid,mi->md", x[:, :seen], np.einsum("mid,md->mi", x[:, :seen], w) - y[:, :seen])
        w = w - rate * np.einsum("mde,me->md", P @ P.transpose(0, 2, 1), gradient)
        keys = tokens.clone()
        keys[:, :, seen] = 0  # the query is no example
        attended = _non_causal(tokens, keys, torch.cat((rate * residual, preconditioner * tokens), dim=-1))
        P = P - preconditioner * P @ P.transpose(0, 2, 1) @ S @ P
        residual, tokens = residual - attended[..., :1], tokens - attended[..., 1:]
    prediction = -residual[:, 0, seen, 0].numpy()
    np.testing.assert_allclose(prediction, np.einsum("md,md->m", x[:, seen], w), atol=1e-12)


def _non_causal(q, k, v):
    """Sum over all keys, by the layer's causal sums with every query after all keys."""
    n = q.shape[2]
    late = _causal_sums(*(torch.cat(pair, dim=2) for pair in ((0 * q, q), (k, 0 * k), (v, 0 * v))))
    assert 2 * n < CHUNK
    return late[:, :, n:]


def test_one_best_step_has_the_expected_error_of_its_closed_form():
    """E |w - η S w|^2 / d = 1 - i / (i + d + 1) without noise, after i examples; other steps do worse."""
    d, n = 3, 7
    arrays = in_context_regression(dimension=d, examples=n, noise=0.0, train=1, val=1, test=20_000)
    x, y = arrays["test_inputs"][:, ::2, 1:].astype(float), arrays["test_targets"].astype(float)
    error = np.square(arrays["test_gradient"] - y).mean(axis=0) / d
    i = np.arange(n)
    np.testing.assert_allclose(error, 1 - i / (i + d + 1), rtol=0.08)
    for factor in (0.6, 1.5):
        other = oracles.at_every_prefix(
            lambda x, y, f=factor: oracles.gradient_descent(x, y, 1, f / (x.shape[1] + d + 1)), x, y
        )
        assert np.square(other - y)[:, -1].mean() / d > error[-1]


def test_nearest_examples(examples):
    x, y = examples
    found = oracles.nearest(x, y, 3)
    for m in range(M):
        assert found[m, 2] == pytest.approx(y[m, :2].mean())
        for i in (5, N - 1):
            near = sorted(range(i), key=lambda j: np.linalg.norm(x[m, j] - x[m, i]))[:3]
            assert found[m, i] == pytest.approx(y[m, near].mean())


def test_estimators_keep_their_order_and_see_no_future(examples):
    arrays = in_context_regression(dimension=D, examples=12, noise=0.5, train=1, val=1, test=2000)
    y = arrays["test_targets"]
    last = {k: np.square(arrays[f"test_{k}"] - y)[:, -1].mean() for k in ("bayes", "newton", "gradient", "nearest")}
    assert last["bayes"] < min(last["newton"], last["gradient"]) < last["nearest"] < np.square(y[:, -1]).mean()
    x, y = examples
    changed = y.copy()
    changed[:, 5:] += 1
    for guess in (
        lambda y: oracles.posterior_mean(x, y, 0.5),
        lambda y: oracles.gradient_step(x, y, 0.5),
        lambda y: oracles.at_every_prefix(lambda x, y: oracles.newton(x, y, 3), x, y),
        lambda y: oracles.nearest(x, y, 3),
    ):
        np.testing.assert_array_equal(guess(y)[:, :6], guess(changed)[:, :6])
        assert not np.array_equal(guess(y)[:, 6], guess(changed)[:, 6])
