"""The digits data set: shapes, a stratified split without overlap, the pixel order."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bench_sequence.datasets.digits import digits

SPLITS = {"train": 1197, "val": 300, "test": 300}


@pytest.fixture(scope="module")
def plain():
    return digits()


def test_shapes_types_and_range(plain):
    assert set(plain) == {f"{split}_{kind}" for split in SPLITS for kind in ("inputs", "targets")}
    for split, n in SPLITS.items():
        inputs, targets = plain[f"{split}_inputs"], plain[f"{split}_targets"]
        assert inputs.shape == (n, 64, 1)
        assert inputs.dtype == np.float32
        assert (inputs.min(), inputs.max()) == (0, 1)
        assert targets.shape == (n,)
        assert targets.dtype == np.int64


def test_the_splits_are_the_bundled_images_each_once_with_its_label(plain):
    bunch = load_digits()
    bundled = sorted(zip(map(tuple, bunch.data), bunch.target, strict=True))
    images = np.concatenate([plain[f"{split}_inputs"] for split in SPLITS])[:, :, 0] * 16
    targets = np.concatenate([plain[f"{split}_targets"] for split in SPLITS])
    assert sorted(zip(map(tuple, images), targets, strict=True)) == bundled
    assert len({image for image, _ in bundled}) == 1797  # so that no image can be in two splits


def test_every_split_has_the_digits_in_equal_shares(plain):
    whole = np.bincount(load_digits().target) / 1797
    for split, n in SPLITS.items():
        np.testing.assert_allclose(np.bincount(plain[f"{split}_targets"]), n * whole, atol=1.0)


def test_the_split_follows_its_seed(plain):
    again, other = digits(split_seed=0), digits(split_seed=1)
    for name, array in plain.items():
        np.testing.assert_array_equal(again[name], array)
    assert not np.array_equal(other["test_inputs"], plain["test_inputs"])


def test_permuted_is_one_fixed_reordering_of_the_pixels(plain):
    permuted, other_split = digits(permuted=True), digits(permuted=True, split_seed=1)
    images, shuffled = plain["train_inputs"][:, :, 0], permuted["train_inputs"][:, :, 0]
    np.testing.assert_array_equal(permuted["train_targets"], plain["train_targets"])
    assert not np.array_equal(images, shuffled)
    order = np.random.RandomState(92916).permutation(64)
    assert sorted(order) == list(range(64))
    np.testing.assert_array_equal(shuffled, images[:, order])
    np.testing.assert_array_equal(
        other_split["test_inputs"][:, :, 0], digits(split_seed=1)["test_inputs"][:, :, 0][:, order]
    )


def test_importing_the_module_does_not_import_scikit_learn():
    code = "import sys, bench_sequence.datasets.digits; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
