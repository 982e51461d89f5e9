"""Adding: the sum of two marked numbers of a sequence (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735).

In the form of Arjovsky, Shah & Bengio 2016 (arXiv:1511.06464): the numbers are uniform in [0, 1], one is marked in
each half. Answering 1 always has the mean squared error 1/6, the variance of the sum.
"""

import numpy as np

from bench_sequence import dataset_limits


def adding(
    *, length: int = 100, train: int = 10_000, val: int = 500, test: int = 1_000, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return *_inputs (n, length, 2) float32, numbers and marks, and *_targets (n, 1) float32, for each split.

    No split changes with the size of another. Raises ValueError for a length below 2.
    """
    dataset_limits.adding(length=length)
    arrays = {}
    for stream, (split, n) in enumerate({"train": train, "val": val, "test": test}.items()):
        rng = np.random.default_rng([seed, stream])
        inputs = np.zeros((n, length, 2), np.float32)
        inputs[:, :, 0] = rng.random((n, length), dtype=np.float32)
        rows, half = np.arange(n), length // 2
        inputs[rows, rng.integers(0, half, n), 1] = 1
        inputs[rows, rng.integers(half, length, n), 1] = 1
        arrays[f"{split}_inputs"] = inputs
        arrays[f"{split}_targets"] = inputs.prod(axis=2).sum(axis=1, keepdims=True)
    return arrays
