"""CIFAR-10 as sequences of pixels: Image of the Long Range Arena in grey, sequential CIFAR in colour.

Krizhevsky 2009. Of the 50,000 training images a tenth is held out. Grey is the luma of ITU-R 601-2, as Pillow and
torchvision compute it. `cifar10` reads the official binary files. `cifar10_jpeg` reads the same images, in the same
order, as they are after JPEG compression with quality 75: its results compare with one another, and with those on the
official pixels only roughly.
"""

import itertools
import tarfile

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
    return _sequences({"train": of_records(whole), "test": of_records(parts["test_batch.bin"])}, grey, train, test)


def cifar10_jpeg(*, grey: bool = True, train: int = 0, test: int = 0) -> dict[str, np.ndarray]:
    """Return what `cifar10` does, of the images after JPEG compression."""
    files = located("cifar10-jpeg", CIFAR10_JPEG)
    images = {split: _of_jpeg(np.load(files[f"{split}.npz"], allow_pickle=False)) for split in ("train", "test")}
    return _sequences(images, grey, train, test)


def of_records(content: bytes) -> Images:
    """Return the images of a file in the binary format: records of a label and 1024 values of each colour."""
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3072)
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), records[:, 0]


def _of_jpeg(file: dict[str, np.ndarray]) -> Images:
    import io

    from PIL import Image

    streams, offsets = file["jpeg"].tobytes(), file["offsets"]
    images = np.zeros((len(offsets) - 1, 32, 32, 3), np.uint8)
    for i, (begin, end) in enumerate(itertools.pairwise(offsets)):
        with Image.open(io.BytesIO(streams[begin:end]), formats=["JPEG"]) as image:
            images[i] = image
    return images, file["labels"]


def luma(images: np.ndarray) -> np.ndarray:
    """Return the grey values of colours: (..., 3) uint8 -> (..., 1) uint8."""
    weighted = images.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)[..., None]


def _sequences(images: dict[str, Images], grey: bool, train: int, test: int) -> dict[str, np.ndarray]:
    kept, held = held_out(len(images["train"][0]), VAL_SHARE, SPLIT_SEED)
    members = {"train": first(kept, train), "val": first(held, round(VAL_SHARE * train))}
    members["test"] = first(np.arange(len(images["test"][0])), test)
    arrays = {}
    for split, chosen in members.items():
        pixels, labels = (part[chosen] for part in images["test" if split == "test" else "train"])
        arrays[f"{split}_inputs"] = (luma(pixels) if grey else pixels).reshape(len(chosen), 1024, -1)
        arrays[f"{split}_targets"] = labels.astype(np.int64)
    return arrays
