"""CIFAR-10 as sequences of pixels: Image of the Long Range Arena in grey, sequential CIFAR in colour.

Krizhevsky 2009. Of the 50,000 training images a tenth is held out. Grey is the luma of ITU-R 601-2, as Pillow and
torchvision compute it. `cifar10` reads the official binary files. `cifar10_jpeg` reads the same images, in the same
order, as they are after JPEG compression with quality 75: its results compare with one another, and with those on the
official pixels only roughly.
"""

import tarfile
from collections.abc import Callable

import numpy as np

from bench_sequence.datasets.sources import CIFAR10, CIFAR10_JPEG
from bench_sequence.datasets.subsets import first, held_out
from harness.download import located

VAL_SHARE, SPLIT_SEED = 0.1, 42
Images = tuple[np.ndarray, np.ndarray]  # (n, 32, 32, 3) uint8 and (n,) labels


def cifar10(*, grey: bool = True, train: int = 0, test: int = 0) -> dict[str, np.ndarray]:
    """Return images pixel by pixel in reading order; `train` and `test` take so many at random, 0 takes all.

    Returns, for each split of n images:
        *_inputs: grey values or red, green and blue, (n, 1024, 1 or 3) uint8.
        *_targets: class 0..9, (n,) int64.
    """
    parts: dict[str, bytes] = {}
    with tarfile.open(located("cifar10", CIFAR10)["cifar-10-binary.tar.gz"]) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".bin") else None
            if content:
                parts[member.name.rpartition("/")[2]] = content.read()
    whole = b"".join(parts[f"data_batch_{i}.bin"] for i in range(1, 6))
    images = {"train": of_records(whole), "test": of_records(parts["test_batch.bin"])}
    labels = {split: y for split, (_, y) in images.items()}
    return _sequences(labels, lambda split, chosen: images[split][0][chosen], grey, train, test)


def cifar10_jpeg(*, grey: bool = True, train: int = 0, test: int = 0) -> dict[str, np.ndarray]:
    """Return what `cifar10` does, of the images after JPEG compression."""
    files = located("cifar10-jpeg", CIFAR10_JPEG)
    loaded = {split: dict(np.load(files[f"{split}.npz"], allow_pickle=False)) for split in ("train", "test")}
    labels = {split: arrays["labels"] for split, arrays in loaded.items()}
    return _sequences(labels, lambda split, chosen: decoded(loaded[split], chosen), grey, train, test)


def of_records(content: bytes) -> Images:
    """Return the images of a file in the binary format: records of a label and 1024 values of each colour."""
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3072)
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0]


def decoded(file: dict[str, np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """Return some of the images of a file of JPEG streams, (n, 32, 32, 3) uint8."""
    import io

    from PIL import Image

    images = np.zeros((len(chosen), 32, 32, 3), np.uint8)
    for row, i in enumerate(chosen):
        stream = file["jpeg"][file["offsets"][i] : file["offsets"][i + 1]].tobytes()
        with Image.open(io.BytesIO(stream), formats=["JPEG"]) as image:
            images[row] = image
    return images


def luma(images: np.ndarray) -> np.ndarray:
    """Return the grey values of colours: (..., 3) uint8 -> (..., 1) uint8."""
    weighted = images.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[..., None]


def _sequences(
    labels: dict[str, np.ndarray],
    images: Callable[[str, np.ndarray], np.ndarray],
    grey: bool,
    train: int,
    test: int,
) -> dict[str, np.ndarray]:
    """Split the images that `images(split, indices)` gives, and put their pixels in a row."""
    kept, held = held_out(len(labels["train"]), VAL_SHARE, SPLIT_SEED)
    members = {"train": first(kept, train), "val": first(held, round(VAL_SHARE * train))}
    members["test"] = first(np.arange(len(labels["test"])), test)
    arrays = {}
    for split, chosen in members.items():
        source = "test" if split == "test" else "train"
        pixels = images(source, chosen)
        arrays[f"{split}_inputs"] = (luma(pixels) if grey else pixels).reshape(len(chosen), 1024, -1)
        arrays[f"{split}_targets"] = labels[source][chosen].astype(np.int64)
    return arrays
