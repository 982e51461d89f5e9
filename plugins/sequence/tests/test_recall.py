"""Recall data: every target is where the task says it is, chance is chance, places have their densities."""

import numpy as np
import pytest

from bench_sequence.datasets.recall import copying, induction_heads, mqar

SPLITS = {"train": 400, "val": 50, "test": 300}


@pytest.mark.parametrize("selective", [False, True])
def test_copying(selective):
    arrays = copying(length=20, tokens=5, vocabulary=8, selective=selective, **SPLITS)
    for split, n in SPLITS.items():
        inputs, positions, targets = (arrays[f"{split}_{part}"] for part in ("inputs", "positions", "targets"))
        assert inputs.shape == (n, 30)
        assert inputs.dtype == np.uint8
        assert (inputs[:, -5:] == 7).all()
        np.testing.assert_array_equal(np.take_along_axis(inputs, positions.astype(int), 1), np.full((n, 5), 7))
        for row, target in zip(inputs, targets, strict=True):
            np.testing.assert_array_equal(row[:-5][row[:-5] > 0], target)
    places = np.nonzero(arrays["train_inputs"][:, :-5])[1]
    assert places.max() == (24 if selective else 4)
    if selective:  # each of the 25 places with probability 1/5
        np.testing.assert_allclose(np.bincount(places) / 400, 0.2, atol=0.09)
    symbols = np.bincount(arrays["train_targets"].ravel(), minlength=8) / 2000
    np.testing.assert_allclose(symbols[1:7], 1 / 6, atol=0.04)  # chance
    assert symbols[[0, 7]].sum() == 0


def test_induction_heads():
    arrays = induction_heads(length=12, test_length=40, vocabulary=6, **SPLITS)
    for split, n in SPLITS.items():
        inputs, targets = arrays[f"{split}_inputs"], arrays[f"{split}_targets"][:, 0]
        length = 40 if split == "test" else 12
        assert inputs.shape == (n, length)
        assert (arrays[f"{split}_positions"] == length - 1).all()
        assert ((inputs == 5).sum(axis=1) == 2).all()
        assert (inputs[:, -1] == 5).all()
        place = (inputs == 5).argmax(axis=1)
        np.testing.assert_array_equal(inputs[np.arange(n), place + 1], targets)
    place = (arrays["train_inputs"] == 5).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(place, minlength=10) / 400, 0.1, atol=0.06)
    np.testing.assert_allclose(np.bincount(arrays["train_targets"][:, 0]) / 400, 0.2, atol=0.08)  # chance


def test_mqar():
    arrays = mqar(length=64, pairs=4, vocabulary=8192, **SPLITS)
    for split, n in SPLITS.items():
        inputs, positions, targets = (arrays[f"{split}_{part}"] for part in ("inputs", "positions", "targets"))
        assert inputs.shape == (n, 64)
        assert inputs.dtype == np.int16
        keys, values = inputs[:, :8:2], inputs[:, 1:8:2]
        assert ((keys >= 1) & (keys < 4096)).all()
        assert ((values >= 4096) & (values < 8192)).all()
        for row in range(n):
            answers = dict(zip(keys[row], values[row], strict=True))
            assert len(answers) == len(set(answers.values())) == 4
            asked = inputs[row, positions[row]]
            assert [answers[key] for key in asked] == targets[row].tolist()
            assert (np.diff(positions[row]) > 0).all()
        assert (positions % 2 == 0).all()
        assert (positions >= 8).all()


def test_queries_of_mqar_have_the_power_law():
    """The first of successive draws without replacement has the density itself: the key that comes first."""
    n = 40_000
    arrays = mqar(length=32, pairs=1, vocabulary=16, power=0.01, train=n, val=1, test=1)
    counts = np.bincount((arrays["train_positions"][:, 0] - 2) // 2, minlength=15) / n
    density = np.arange(1, 16) ** -0.99
    np.testing.assert_allclose(counts, density / density.sum(), atol=5 * 0.5 / np.sqrt(n))


@pytest.mark.parametrize("function", [copying, induction_heads, mqar])
def test_deterministic_and_independent_of_other_splits(function):
    one, more = function(**SPLITS), function(train=410, val=55, test=300)
    np.testing.assert_array_equal(more["test_inputs"], one["test_inputs"])
    other = function(seed=1, **SPLITS)
    assert (other["test_inputs"] != one["test_inputs"]).any(axis=1).mean() > 0.9
    assert not np.array_equal(one["train_inputs"][:300], one["test_inputs"])


@pytest.mark.parametrize(
    ("function", "params", "words"),
    [
        (copying, {"vocabulary": 3}, "vocabulary at least 4"),
        (induction_heads, {"length": 3}, "at least 4 tokens"),
        (mqar, {"length": 15, "pairs": 4}, "a length of at least 16"),
        (mqar, {"pairs": 4, "vocabulary": 8}, "a vocabulary of at least 10"),
    ],
)
def test_sizes_that_cannot_be(function, params, words):
    with pytest.raises(ValueError, match=words):
        function(**params)
