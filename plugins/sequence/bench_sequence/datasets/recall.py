"""Synthetic recall: what came earlier in a sequence of tokens has to be given back later.

copying, selective_copying
    Arjovsky, Shah & Bengio 2016 (arXiv:1511.06464) in the form of the S4 code, and its variant of Gu & Dao 2023
    (arXiv:2312.00752): `tokens` symbols, first in the sequence or at random places among blanks, are to be named in
    order at as many markers at its end. A model without memory is right once in (vocabulary - 2).
induction_heads
    Olsson et al. 2022 (arXiv:2209.11895) as posed by Fu et al. 2023 (arXiv:2212.14052): among random tokens, one
    special token is followed by some token; when it comes again, at the end, that token is to be named. A model
    without memory is right once in (vocabulary - 1).
mqar
    Arora et al. 2023 (arXiv:2312.04927): pairs of key and value, then the keys again in random order among random
    tokens, each to be answered with its value. A query's place has the density a x^(a-1), early ones being likelier.
    Keys are ids 1 .. vocabulary / 2 - 1, values the upper half, and within a sequence no key and no value comes twice.

Every function returns, for each split of n sequences:
    *_inputs: token ids, (n, L) uint8 or int16.
    *_positions: the places of which outputs are wanted, ascending, (n, k) int32.
    *_targets: token id wanted at each of these places, (n, k) int64.
No split changes with the size of another.
"""

from collections.abc import Callable, Iterator

import numpy as np

from bench_sequence import dataset_limits

BLANK = 0
Sequences = tuple[np.ndarray, np.ndarray, np.ndarray]  # inputs, positions, targets


def copying(
    *, length: int = 64, tokens: int = 10, vocabulary: int = 10, selective: bool = False,
    train: int = 10_000, val: int = 500, test: int = 1_000, seed: int = 0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Symbols 1 .. vocabulary - 2 among `length` blanks, then `tokens` markers: length + 2 * tokens in all.

    The S4 code has length=100, tokens=10, vocabulary=10, and an experiment with length=0, tokens=1024, vocabulary=64;
    Mamba has length=4096, tokens=16, vocabulary=16, selective.

    Raises ValueError where the vocabulary has no two symbols besides blank and marker.
    """
    dataset_limits.copying(length=length, tokens=tokens, vocabulary=vocabulary)

    def draw(n: int, rng: np.random.Generator) -> Sequences:
        symbols = rng.integers(1, vocabulary - 1, (n, tokens))
        inputs = np.full((n, length + 2 * tokens), BLANK)
        places = np.tile(np.arange(tokens), (n, 1))
        if selective:
            places = np.sort(_distinct(n, length + tokens, tokens, rng), axis=1)
        np.put_along_axis(inputs, places, symbols, axis=1)
        inputs[:, -tokens:] = vocabulary - 1
        return inputs, np.tile(np.arange(length + tokens, length + 2 * tokens), (n, 1)), symbols

    return _splits(draw, {"train": train, "val": val, "test": test}, vocabulary, seed)


def induction_heads(
    *, length: int = 64, test_length: int = 0, vocabulary: int = 20,
    train: int = 10_000, val: int = 500, test: int = 1_000, seed: int = 0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Random tokens 0 .. vocabulary - 2; the special one is vocabulary - 1. With `test_length`, test is that long.

    Safari has length=30, vocabulary=20; Mamba length=256, vocabulary=16 and test lengths from 2^6 to 2^20.

    Raises ValueError for sequences too short to hold special token, answer and question.
    """
    dataset_limits.induction_heads(length=length, test_length=test_length, vocabulary=vocabulary)

    def drawing(length: int) -> Callable[[int, np.random.Generator], Sequences]:
        def draw(n: int, rng: np.random.Generator) -> Sequences:
            inputs = rng.integers(0, vocabulary - 1, (n, length))
            place = rng.integers(0, length - 2, (n, 1))  # the answer lies between it and the last token
            np.put_along_axis(inputs, place, vocabulary - 1, axis=1)
            inputs[:, -1] = vocabulary - 1
            return inputs, np.full((n, 1), length - 1), np.take_along_axis(inputs, place + 1, axis=1)

        return draw

    arrays = _splits(drawing(length), {"train": train, "val": val}, vocabulary, seed)
    return arrays | _splits(drawing(test_length or length), {"test": test}, vocabulary, seed)


def mqar(
    *, length: int = 64, pairs: int = 4, vocabulary: int = 8192, power: float = 0.01,
    train: int = 20_000, val: int = 500, test: int = 1_000, seed: int = 0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """`pairs` keys and values, then `length` - 2 `pairs` tokens among which the keys come again, on even places.

    Zoology has (length, pairs) = (64, 4), (128, 8), (256, 16), (512, 64), power=0.01, train=100000, test=3000.

    Raises ValueError where there are too few places for the queries or too few tokens for the keys.
    """
    dataset_limits.mqar(length=length, pairs=pairs, vocabulary=vocabulary)
    places = (length - 2 * pairs) // 2
    density = np.arange(1, places + 1) ** (power - 1.0)

    def draw(n: int, rng: np.random.Generator) -> Sequences:
        keys = 1 + _distinct(n, vocabulary // 2 - 1, pairs, rng)
        values = vocabulary // 2 + _distinct(n, vocabulary - vocabulary // 2, pairs, rng)
        inputs = rng.integers(0, vocabulary, (n, length))
        inputs[:, : 2 * pairs : 2], inputs[:, 1 : 2 * pairs : 2] = keys, values
        queries = 2 * pairs + 2 * _distinct(n, places, pairs, rng, density)
        np.put_along_axis(inputs, queries, keys, axis=1)
        order = np.argsort(queries, axis=1)
        return inputs, np.take_along_axis(queries, order, 1), np.take_along_axis(values, order, 1)

    return _splits(draw, {"train": train, "val": val, "test": test}, vocabulary, seed)


def _distinct(
    n: int, among: int, count: int, rng: np.random.Generator, density: np.ndarray | None = None
) -> np.ndarray:
    """Return n rows of `count` different numbers below `among`, each row in the order of its draws, (n, count).

    Successive draws without replacement, in proportion to `density`, are the first of a race in which number i arrives
    after a time that is exponential with the rate density[i].
    """
    rows = []
    for block in _blocks(n, among):
        arrival = rng.standard_exponential((block, among), dtype=np.float32)
        if density is not None:
            arrival /= density.astype(np.float32)
        first = np.argpartition(arrival, count - 1, axis=1)[:, :count] if count < among else np.argsort(arrival, axis=1)
        order = np.argsort(np.take_along_axis(arrival, first, 1), axis=1)
        rows.append(np.take_along_axis(first, order, 1))
    return np.concatenate(rows) if rows else np.zeros((0, count), int)


def _blocks(n: int, width: int) -> Iterator[int]:
    """Yield sizes that sum to n, each small enough for a table of this width."""
    size = max(1, 2**24 // width)
    yield from (min(size, n - begin) for begin in range(0, n, size))


def _splits(
    draw: Callable[[int, np.random.Generator], Sequences], sizes: dict[str, int], vocabulary: int, seed: int
) -> dict[str, np.ndarray]:
    arrays = {}
    for split, n in sizes.items():
        inputs, positions, targets = draw(n, np.random.default_rng([seed, ("train", "val", "test").index(split)]))
        arrays[f"{split}_inputs"] = inputs.astype(np.uint8 if vocabulary <= 256 else np.int16)
        arrays[f"{split}_positions"] = positions.astype(np.int32)
        arrays[f"{split}_targets"] = targets.astype(np.int64)
    return arrays
