"""Pools of real images: handwriting (MNIST, EMNIST Letters, scikit-learn's digits), and the same with CIFAR-10.

    images     grey, 16 x 16, in [-1, 1]: 28 x 28 gets a margin of two pixels, then squares of 2 x 2 are averaged
    base       MLP 256-128-128-128-64, trained on the letters A to M in five poses, each of which is a class of its own
    tasks      MNIST; the letters N to S, dark on light; T to Z, turned by a quarter; digits; with CIFAR-10 also its
               animals, and its vehicles
    experts    the base tuned on one task each with SGD
    unseen     MNIST dark on light, and the letters T to Z upright

Training and validation images are of the official training files, test images of the test files; scikit-learn's digits
have none. Of CIFAR-10 here are the images after JPEG compression with quality 75.
"""

import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bench_merging.pools.assembly import Splits, assembled
from bench_merging.pools.procedural import PER_CLASS, on_one_thread, splits_of, trunk_of
from bench_merging.pools.sources import HANDWRITING, IMAGES
from bench_merging.pools.training import Tuning, pretrain
from harness.download import located

Array = np.ndarray
Labelled = tuple[Array, Array]  # images (n, 28, 28) or (n, 32, 32) uint8, labels (n,)
Corpus = Mapping[str, Labelled]  # "train", "test"

SEEN, SECOND, THIRD = range(13), range(13, 19), range(19, 26)  # letters, A is 0
ANIMALS, VEHICLES = (2, 3, 4, 5, 6, 7), (0, 1, 8, 9)
OF_PHOTOS = PER_CLASS | {"train": 500}  # images of a class
POSES: dict[str, Callable[[Array], Array]] = {
    "upright": lambda x: x,
    "negative": lambda x: -x,
    "turned": lambda x: np.rot90(x, axes=(1, 2)),
    "turned negative": lambda x: -np.rot90(x, axes=(1, 2)),
    "upside down": lambda x: x[:, ::-1],
}


def handwriting_pool(*, base_steps: int = 1500, steps: int = 400, seed: int = 0) -> dict[str, Array]:
    """Return a pool of four tasks; the layout is that of `procedural.procedural_pool`.

    Raises DataError where the files are not here.
    """
    files = located("handwriting-pool", HANDWRITING)
    with on_one_thread():
        digits, letters = _corpus(files, ""), _letters(files)
        return _pool(_tasks(digits, letters, seed), digits, letters, base_steps, steps, seed)


def images_pool(*, base_steps: int = 1500, steps: int = 400, seed: int = 0) -> dict[str, Array]:
    """Return a pool of six tasks, the last two of CIFAR-10; otherwise as `handwriting_pool`."""
    files = located("images-pool", IMAGES)
    with on_one_thread():
        digits, letters, photos = _corpus(files, ""), _letters(files), _photos(files)
        tasks = _tasks(digits, letters, seed)
        tasks += [_split(photos, classes, seed, per_class=OF_PHOTOS) for classes in (ANIMALS, VEHICLES)]
        return _pool(tasks, digits, letters, base_steps, steps, seed)


def _tasks(digits: Corpus, letters: Corpus, seed: int) -> list[Splits]:
    return [
        _split(digits, range(10), seed),
        _split(letters, SECOND, seed, "negative"),
        _split(letters, THIRD, seed, "turned"),
        splits_of("digits", seed),
    ]


def _pool(
    tasks: list[Splits], digits: Corpus, letters: Corpus, base_steps: int, steps: int, seed: int
) -> dict[str, Array]:
    unseen = [_split(digits, range(10), seed, "negative"), _split(letters, THIRD, seed)]
    tuning = Tuning(steps=steps, warmup=min(50, steps // 8))
    return assembled(_base(letters, base_steps, seed), tasks, unseen, tuning, seed)


def _base(letters: Corpus, steps: int, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    trunk = trunk_of("mlp", 128, 64)
    parts = [_split(letters, SEEN, seed, pose)["train"] for pose in POSES]
    labels = torch.cat([y + i * len(SEEN) for i, (_, y) in enumerate(parts)])
    pretrain(trunk, (torch.cat([x for x, _ in parts]), labels), steps=steps, seed=seed)
    return trunk


def _split(
    corpus: Corpus,
    classes: range | tuple[int, ...],
    seed: int,
    pose: str = "upright",
    per_class: Mapping[str, int] = PER_CLASS,
) -> Splits:
    """Return as many images of each class as there are to be, drawn by the seed, in this pose."""
    rng = np.random.default_rng([seed, 7])
    found: dict[str, tuple[list[Array], list[Array]]] = {split: ([], []) for split in per_class}
    for label, c in enumerate(classes):
        for source, splits in (("train", ("train", "val")), ("test", ("test",))):
            images, labels = corpus[source]
            members = rng.permutation(np.flatnonzero(labels == c))
            for split in splits:
                own, members = members[: per_class[split]], members[per_class[split] :]
                found[split][0].append(POSES[pose](_halved(images[own])))
                found[split][1].append(np.full(len(own), label))
    return {
        split: (torch.from_numpy(np.concatenate(x).copy()), torch.from_numpy(np.concatenate(y)))
        for split, (x, y) in found.items()
    }


def _corpus(files: Mapping[str, Path], prefix: str) -> dict[str, Labelled]:
    """Return the images and labels of MNIST, or of a set in its format."""
    names = {"train": "train", "test": "test" if prefix else "t10k"}
    stored = {split: f"{prefix}{name}-{{}}-ubyte.gz" for split, name in names.items()}
    return {
        split: (_read_idx(files[name.format("images-idx3")]), _read_idx(files[name.format("labels-idx1")]))
        for split, name in stored.items()
    }


def _letters(files: Mapping[str, Path]) -> dict[str, Labelled]:
    """Return EMNIST Letters, whose images lie with their axes swapped and whose labels begin with 1."""
    stored = _corpus(files, "emnist-letters-")
    return {split: (x.swapaxes(1, 2), y.astype(int) - 1) for split, (x, y) in stored.items()}


def _photos(files: Mapping[str, Path]) -> dict[str, Labelled]:
    """Return as many images of CIFAR-10 as are needed, grey by the luma of ITU-R 601-2, of both official files."""
    from PIL import Image  # here, for only these images need it

    found = {}
    for split, count in (("train", 8000), ("test", 4000)):
        stored = dict(np.load(files[f"{split}.npz"], allow_pickle=False))
        images = np.empty((count, 32, 32), np.uint8)
        for i in range(count):
            stream = stored["jpeg"][stored["offsets"][i] : stored["offsets"][i + 1]].tobytes()
            with Image.open(io.BytesIO(stream), formats=["JPEG"]) as image:
                images[i] = np.asarray(image.convert("L"))
        found[split] = images, stored["labels"][:count]
    return found


def _halved(images: Array) -> Array:
    """Return images (n, 28, 28) or (n, 32, 32) uint8 as (n, 16, 16) in [-1, 1]."""
    margin = (32 - images.shape[1]) // 2
    whole = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    return (whole.reshape(-1, 16, 2, 16, 2).mean((2, 4)) / 127.5 - 1).astype(np.float32)


def _read_idx(path: Path) -> Array:
    """Return the array in a gzipped IDX file of bytes. Raises ValueError for another format."""
    with gzip.open(path) as file:
        content = file.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is no IDX file of bytes")
    shape = np.frombuffer(content, ">i4", content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
