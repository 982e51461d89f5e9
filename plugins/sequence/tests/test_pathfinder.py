"""Pathfinder: the rules of the generator hold in what is drawn; labels are balanced and mean what they say."""

import numpy as np
import pytest

from bench_sequence.datasets import pathfinder as module
from bench_sequence.datasets.pathfinder import GEOMETRIES, Geometry, Pencil, draw, pathfinder


@pytest.fixture(scope="module")
def pencil():
    return Pencil(GEOMETRIES[32], 1)


@pytest.fixture(scope="module")
def pairs(pencil):
    return module._targets(pencil, 60, np.random.default_rng(0))


def test_templates(pencil):
    """A paddle is as long as it has to be, its mask covers it, and both fade within the window."""
    assert pencil.lines.shape == pencil.masks.shape == (360 + len(pencil.candidates), 9, 9)
    right = pencil.lines[180]  # 0 degrees: from the middle to the right
    assert right[4, 4:7].min() > 0.3
    assert right[4, :3].max() < 0.05
    assert (pencil.masks[:, 4, 4] > 0.99).all()
    assert (pencil.masks >= np.minimum(pencil.lines / 1.5, 0.9) - 0.05).all()
    radius = np.hypot(*pencil.candidates.T)
    assert ((radius >= 2) & (radius < 3 + np.sqrt(2))).all()  # 3, rounded down


def test_weights_fall_with_the_angle_and_end_at_a_right_angle(pencil):
    turned = pencil.angles[360:]
    straight = pencil.weights[180]  # a contour that goes to the right
    np.testing.assert_allclose(straight, np.maximum(np.cos(np.minimum(abs(turned), np.pi / 2)), 0) ** 2, atol=1e-12)


def test_contours_are_whole_and_bend_as_they_may(pencil, pairs):
    origins, ends, paddles, _ = pairs
    for snake in range(2):
        assert len(paddles[snake]) == 14
        np.testing.assert_array_equal(paddles[snake][0][1], origins[snake])
        np.testing.assert_array_equal(paddles[snake][-1][1], ends[snake])
        for (before, _), (after, place) in zip(paddles[snake][:-1], paddles[snake][1:], strict=True):
            bend = abs(np.angle(np.exp(1j * (pencil.angles[after] - pencil.angles[before]))))
            assert (bend < np.pi / 2).all()
            assert ((place >= 0) & (place < 32)).all()


def test_the_two_origins_are_a_seed_distance_apart(pairs):
    origins = pairs[0]
    assert (abs(np.hypot(*(origins[0] - origins[1]).T) - 7) < 1).all()


def test_no_paddle_lies_on_another(pencil, pairs):
    """Grow the masks again, one contour's paddles after the other's, and meet no sum of 1.8."""
    *_, paddles, _ = pairs
    canvas = module.Canvas(60, pencil)
    rows = np.arange(60)
    for i in range(1, 14):
        for snake in range(2):
            assert not canvas.collides(rows, *paddles[snake][i]).any()
            canvas.claim(rows, *paddles[snake][i - 1])


def test_images_and_labels():
    images, labels = draw(GEOMETRIES[32], 300, np.random.default_rng(1))
    assert images.shape == (300, 32, 32)
    assert images.dtype == np.uint8
    assert (images.min(axis=(1, 2)) == 0).all()
    assert (images.max(axis=(1, 2)) == 255).all()
    assert labels.mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(300))
    assert len({image.tobytes() for image in images}) == 300
    ink = (images > 64).mean(axis=(1, 2))
    assert ink.mean() == pytest.approx(0.17, abs=0.02)
    difference = ink[labels == 1].mean() - ink[labels == 0].mean()
    assert abs(difference) < 5 * ink.std() * np.sqrt(4 / 300)  # the amount of ink tells nothing


def test_markers_are_at_the_ends_that_the_label_names(pencil, monkeypatch):
    seen = []
    original = Pencil.discs
    monkeypatch.setattr(Pencil, "discs", lambda self, tips: seen.append(tips) or original(self, tips))
    labels = np.array([0, 1] * 10)
    grown = []
    targets = module._targets
    monkeypatch.setattr(module, "_targets", lambda *a: grown.append(targets(*a)) or grown[-1])
    images = module._images(pencil, labels, np.random.default_rng(2))
    (origins, ends, *_), (first, second) = grown[0], seen
    for i, label in enumerate(labels):
        begins = [k for k in range(2) if (origins[k, i] == first[i]).all()]
        finishes = [k for k in range(2) if (ends[k, i] == second[i]).all()]
        assert (begins == finishes) == bool(label)
        for y, x in (first[i], second[i]):
            assert images[i, y, x] > 128


def test_larger_images_with_short_contours():
    """The full contours of 64 and 128 pixels take long to find; short ones go through the same code."""
    for size in (64, 128):
        images, _ = draw(Geometry(**{**vars(GEOMETRIES[size]), "contour": 4}), 3, np.random.default_rng(0))
        assert images.shape == (3, size, size)
        assert 0.01 < (images > 64).mean() < 0.2


def test_splits():
    arrays = pathfinder(train=8, val=3, test=5)
    assert [arrays[f"{split}_inputs"].shape for split in ("train", "val", "test")] == [
        (8, 1024, 1),
        (3, 1024, 1),
        (5, 1024, 1),
    ]
    np.testing.assert_array_equal(pathfinder(train=1, val=3, test=5)["test_inputs"], arrays["test_inputs"])


@pytest.mark.parametrize("params", [{"size": 48}, {"contour": 2}])
def test_sizes_without_parameters(params):
    with pytest.raises(ValueError, match="size must be one of"):
        pathfinder(**params)
