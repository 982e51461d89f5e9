"""The delay data set: spectrum and variance of the signal, the shift, the random streams."""

import numpy as np
import pytest

from bench_sequence.datasets.delay import delay, white_signal

SIZES = {"train": 400, "val": 30, "test": 50}


@pytest.fixture(scope="module")
def arrays():
    return delay(**SIZES)


def test_shapes_and_types(arrays):
    assert set(arrays) == {f"{split}_{kind}" for split in SIZES for kind in ("inputs", "targets")}
    for name, array in arrays.items():
        assert array.shape == (SIZES[name.split("_")[0]], 256, 1)
        assert array.dtype == np.float32


@pytest.mark.parametrize(
    ("length", "f_max", "bins"),
    [(256, 0.2, 25), (256, 0.5, 64), (256, 1.0, 128), (4000, 0.5, 1000), (257, 0.4, 51), (20, 0.3, 3)],
)
def test_spectrum_is_zero_at_dc_and_above_f_max_and_flat_below(length, f_max, bins):
    signals = white_signal(2000, length, f_max, np.random.default_rng(1))
    power = np.abs(np.fft.rfft(signals)) ** 2
    assert power[:, 0].max() < 1e-20
    assert power[:, bins + 1 :].max(initial=0.0) < 1e-20
    mean = power[:, 1 : bins + 1].mean(axis=0)
    np.testing.assert_allclose(
        mean, mean.mean(), rtol=0.2
    )  # relative standard error 1/sqrt(2000) = 0.022; 0.032 at f=1


@pytest.mark.parametrize(("length", "f_max"), [(256, 0.2), (256, 0.5), (16, 1.0), (17, 1.0), (64, 2 / 64)])
def test_variance_is_one_at_every_step(length, f_max):
    n = 20_000
    signals = white_signal(n, length, f_max, np.random.default_rng(2))
    np.testing.assert_allclose((signals**2).mean(axis=0), 1, atol=5 * np.sqrt(2 / n))
    # exactly: over the period the energy of a signal is a chi-square of as many degrees as it has coefficients
    degrees = 2 * int(f_max * length / 2) - (f_max == 1 and length % 2 == 0)
    energy = (signals**2).sum(axis=1) * degrees / length
    assert energy.mean() == pytest.approx(degrees, abs=5 * np.sqrt(2 * degrees / n))
    assert energy.var() == pytest.approx(2 * degrees, rel=0.1)


@pytest.mark.parametrize("lag", [1, 7, 128, 255])
def test_target_is_the_input_shifted(lag):
    arrays = delay(lag=lag, **SIZES)
    for split in SIZES:
        inputs, targets = arrays[f"{split}_inputs"], arrays[f"{split}_targets"]
        for t in range(256):
            np.testing.assert_array_equal(
                targets[:, t], inputs[:, t - lag] if t >= lag else np.zeros((SIZES[split], 1))
            )


def test_deterministic_and_different_for_other_seeds(arrays):
    again, other = delay(**SIZES), delay(**SIZES, seed=1)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
        assert np.abs(other[name] - array).max() > 1


def test_the_splits_are_different_signals_and_do_not_change_with_each_others_size(arrays):
    together = np.concatenate([arrays[f"{split}_inputs"][:, :, 0] for split in SIZES])
    correlation = np.corrcoef(together) - np.eye(len(together))
    assert np.abs(correlation).max() < 0.9
    more = delay(train=500, val=31, test=50)
    np.testing.assert_array_equal(more["test_inputs"], arrays["test_inputs"])
    np.testing.assert_array_equal(more["train_inputs"][:400], arrays["train_inputs"])


@pytest.mark.parametrize("lag", [0, -1, 256])
def test_a_lag_outside_the_sequence_is_an_error(lag):
    with pytest.raises(ValueError, match="lag must be between 1 and length - 1 = 255"):
        delay(lag=lag)


@pytest.mark.parametrize("f_max", [0.0, 0.007, 1.5, float("nan")])
def test_a_band_without_frequencies_is_an_error(f_max):
    with pytest.raises(ValueError, match="f_max must be between"):
        delay(f_max=f_max)
