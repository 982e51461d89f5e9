"""Splits drawn from a set that comes without one, and smaller sets drawn from larger ones."""

import numpy as np


def held_out(n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of 0 .. n - 1 for training, and those held out: round(share n), drawn by this seed."""
    order = np.random.RandomState(seed).permutation(n)
    count = round(share * n)
    return np.sort(order[count:]), np.sort(order[:count])


def first(indices: np.ndarray, limit: int, seed: int = 0) -> np.ndarray:
    """Return `limit` of the indices at random, ascending; all where limit is 0.

    A smaller limit takes a part of what a larger one takes. Raises ValueError where there are not so many.
    """
    if limit > len(indices):
        raise ValueError(f"{limit} examples are asked for, of the {len(indices)} that there are")
    if not limit:
        return indices
    return np.sort(np.random.RandomState(seed).permutation(indices)[:limit])
