"""Adding, autoregressive processes, in-context regression: their statistics, and baselines by a second way."""

import numpy as np
import pytest
import torch

from bench_sequence.datasets.adding import adding
from bench_sequence.datasets.autoregressive import autoregressive, coefficients
from bench_sequence.datasets.in_context import in_context_regression
from bench_sequence.tasks.autoregressive import AutoregressiveProcess, true_prediction


def test_adding():
    arrays = adding(length=31, train=20_000, val=10, test=20)
    numbers, marks = arrays["train_inputs"][:, :, 0], arrays["train_inputs"][:, :, 1]
    assert (marks[:, :15].sum(axis=1) == 1).all()
    assert (marks[:, 15:].sum(axis=1) == 1).all()
    sums = np.array([row[mark == 1].sum() for row, mark in zip(numbers, marks, strict=True)])
    np.testing.assert_allclose(arrays["train_targets"][:, 0], sums, rtol=1e-6)
    assert ((sums - 1) ** 2).mean() == pytest.approx(1 / 6, abs=0.008)  # the baseline of the card
    assert numbers.mean() == pytest.approx(0.5, abs=0.002)
    np.testing.assert_array_equal(adding(length=31, train=5, val=10, test=20)["test_inputs"], arrays["test_inputs"])
    with pytest.raises(ValueError, match="length at least 2"):
        adding(length=1)


@pytest.fixture(scope="module")
def process():
    return autoregressive(length=120, train=3000, val=20, test=500)


def test_variance_and_coefficients_of_the_process(process):
    series = process["train_series"].astype(float)
    np.testing.assert_allclose(np.square(series).mean(axis=0), 1, atol=5 * np.sqrt(2 / 3000))
    windows = np.lib.stride_tricks.sliding_window_view(series, 5, axis=1).reshape(-1, 5)
    fitted, *_ = np.linalg.lstsq(windows[:, 3::-1], windows[:, 4], rcond=None)
    np.testing.assert_allclose(fitted, process["coefficients"], atol=0.02)
    residual = windows[:, 4] - windows[:, 3::-1] @ process["coefficients"]
    assert residual.var() == pytest.approx(float(process["sigma2"]), rel=0.02)  # the floor of one-step prediction


def test_variance_by_the_yule_walker_equations(process):
    """Solve for the autocovariances g: g_k = sum phi_i g_|k-i| + sigma2 [k = 0]; g_0 is 1 by construction."""
    phi, p = process["coefficients"], 4
    system = np.eye(p + 1)
    for k in range(p + 1):
        for i in range(1, p + 1):
            system[k, abs(k - i)] -= phi[i - 1]
    g = np.linalg.solve(system, [float(process["sigma2"])] + [0] * p)
    assert g[0] == pytest.approx(1, rel=1e-8)


def test_coefficients_of_two_sinusoids():
    """2 cos w, -1 for each pair on the unit circle; the product of two such polynomials."""
    a, b = 2 * np.cos(0.35), 2 * np.cos(0.9)
    np.testing.assert_allclose(coefficients([0.35, 0.9], 1.0), [a + b, -a * b - 2, a + b, -1], atol=1e-12)


def test_series_without_noise_follow_their_coefficients_for_ever():
    arrays = autoregressive(length=114, radius=1.0, train=2, val=2, test=400)
    series = torch.tensor(arrays["test_series"])
    phi = torch.tensor(arrays["coefficients"])
    exact = true_prediction(series.double(), phi, horizon=50)
    assert (exact - series[:, -50:]).square().mean() < 1e-5
    assert series.square().mean() == pytest.approx(1, abs=0.15)
    one_step = true_prediction(series.double(), phi, horizon=0)
    assert (one_step - series[:, 4:]).square().mean() < 1e-10


def test_what_the_model_is_shown_and_asked(process):
    series = torch.tensor(process["val_series"])
    far = AutoregressiveProcess(horizon=50).examples(series, 4)
    assert far.inputs[0].shape == (20, 120, 1)
    assert (far.inputs[0][:, 70:] == 0).all()
    torch.testing.assert_close(far.targets[:, :, 0], series[:, 70:])
    near = AutoregressiveProcess().examples(series, 4)
    assert near.inputs[0].shape == (20, 119, 1)
    torch.testing.assert_close(near.targets[:, :, 0], series[:, 4:])


def test_poles_outside_the_unit_circle_are_an_error():
    with pytest.raises(ValueError, match="grows for ever"):
        autoregressive(radius=1.1)


def test_in_context_regression():
    arrays = in_context_regression(dimension=3, examples=8, noise=0.0, train=2000, val=10, test=500)
    inputs, targets = arrays["train_inputs"], arrays["train_targets"]
    assert inputs.shape == (2000, 16, 4)
    assert (inputs[:, ::2, 0] == 0).all()
    assert (inputs[:, 1::2, 1:] == 0).all()
    np.testing.assert_array_equal(inputs[:, 1::2, 0], targets)
    assert (targets**2).mean() == pytest.approx(3, rel=0.1)
    x, y = arrays["test_inputs"][:, ::2, 1:], arrays["test_targets"]
    np.testing.assert_allclose(arrays["test_bayes"][:, 3:], y[:, 3:], atol=0.1)  # exact once d examples are seen
    for sequence in range(5):
        for i in range(1, 8):
            w = np.linalg.lstsq(x[sequence, :i], y[sequence, :i], rcond=None)[0]
            assert arrays["test_bayes"][sequence, i] == pytest.approx(x[sequence, i] @ w, abs=2e-2)


def test_tokens_hold_what_the_other_layout_in_use_holds():
    """There, x and (y, 0, ..., 0) have d channels each (arXiv:2208.01066). A linear map W of theirs is one of ours."""
    d, n = 3, 4
    arrays = in_context_regression(dimension=d, examples=n, noise=0.5, train=10, val=1, test=1)
    ours, y = arrays["train_inputs"], arrays["train_targets"]
    theirs = np.zeros((10, 2 * n, d), np.float32)
    theirs[:, ::2], theirs[:, 1::2, 0] = ours[:, ::2, 1:], y
    W = np.random.default_rng(0).standard_normal((d, 7)).astype(np.float32)
    np.testing.assert_allclose(ours @ np.concatenate([W[:1], W]), theirs @ W, rtol=1e-5, atol=1e-6)


def test_noise_makes_the_best_prediction_worse_and_examples_better():
    arrays = in_context_regression(dimension=3, examples=20, noise=0.5, train=1, val=1, test=3000)
    error = np.square(arrays["test_bayes"] - arrays["test_targets"]).mean(axis=0)
    assert error[0] == pytest.approx(3.25, rel=0.1)
    assert (np.diff(error[[0, 2, 5, 19]]) < 0).all()
    assert 0.25 < error[19] < 0.36
