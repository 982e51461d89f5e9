"""MNIST as sequences of pixels: sequential and permuted MNIST (Le, Jaitly & Hinton 2015, arXiv:1504.00941).

LeCun, Bottou, Bengio & Haffner 1998. Of the 60,000 training images a tenth is held out. Two permutations are in use:
that of numpy's RandomState(92916), and the reversal of the bits of a pixel's number, as in the S4 code.
"""

import gzip
from pathlib import Path
from typing import Literal

import numpy as np

from bench_sequence import dataset_limits
from bench_sequence.datasets.sources import MNIST
from bench_sequence.datasets.subsets import first, held_out
from harness.download import located

VAL_SHARE, SPLIT_SEED = 0.1, 42
PERMUTATION_SEED = 92916


def mnist(
    *, order: Literal["rows", "permuted", "bit-reversed"] = "rows", shrink: int = 1, train: int = 0, test: int = 0
) -> dict[str, np.ndarray]:
    """Return images pixel by pixel; `train` and `test` take so many at random, 0 takes all.

    With `shrink`, squares of so many pixels are averaged first: 2 makes 14 x 14 pixels.

    Returns, for each split of n images of L pixels:
        *_inputs: grey values, (n, L, 1) uint8.
        *_targets: digit, (n,) int64.

    Raises ValueError where `shrink` does not divide 28.
    """
    dataset_limits.mnist(shrink=shrink)
    files = located("mnist", MNIST)
    images = {s: read_idx(files[f"{name}-images-idx3-ubyte.gz"]) for s, name in (("train", "train"), ("test", "t10k"))}
    labels = {s: read_idx(files[f"{name}-labels-idx1-ubyte.gz"]) for s, name in (("train", "train"), ("test", "t10k"))}
    kept, held = held_out(len(labels["train"]), VAL_SHARE, SPLIT_SEED)
    members = {"train": first(kept, train), "val": first(held, round(VAL_SHARE * train))}
    members["test"] = first(np.arange(len(labels["test"])), test)
    arrays = {}
    for split, chosen in members.items():
        source = "test" if split == "test" else "train"
        pixels = _shrunk(images[source][chosen], shrink).reshape(len(chosen), -1)
        arrays[f"{split}_inputs"] = pixels[:, _order(order, pixels.shape[1])][:, :, None]
        arrays[f"{split}_targets"] = labels[source][chosen].astype(np.int64)
    return arrays


def read_idx(path: Path) -> np.ndarray:
    """Return the array in a gzipped IDX file of bytes. Raises ValueError for another format."""
    with gzip.open(path) as file:
        content = file.read()
    kind, dimensions = content[2], content[3]
    if content[:2] != b"\0\0" or kind != 8:
        raise ValueError(f"{path} is no IDX file of bytes")
    shape = np.frombuffer(content, ">i4", dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _shrunk(images: np.ndarray, by: int) -> np.ndarray:
    n, side = len(images), images.shape[1] // by
    return np.rint(images.reshape(n, side, by, side, by).mean(axis=(2, 4))).astype(np.uint8)


def _order(order: str, pixels: int) -> np.ndarray:
    """Return which pixel comes when, (pixels,)."""
    if order == "permuted":
        return np.random.RandomState(PERMUTATION_SEED).permutation(pixels)
    if order == "bit-reversed":
        bits = (pixels - 1).bit_length()
        reversed_ = np.array([int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits)])
        return reversed_[reversed_ < pixels]
    return np.arange(pixels)
