"""Random initial states, drawn sample by sample, and the splits that they make up."""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np

from harness.preparing import tell

SPLITS = ("train", "val", "test")


def sample_generator(seed: int, split: str, index: int) -> np.random.Generator:
    """Return the generator of one sample: no other sample, and no size of a split, has a part in it."""
    return np.random.default_rng([seed, SPLITS.index(split), index])


def made_splits(
    sizes: Mapping[str, int],
    make: Callable[[list[np.random.Generator]], dict[str, np.ndarray]],
    seed: int,
    at_once: int,
) -> dict[str, np.ndarray]:
    """Return the arrays "<split>_<part>", where `make` returns the parts of a batch of samples, at most `at_once`.

    Raises ArithmeticError where a solver has left the finite numbers.
    """
    arrays, done = {}, 0
    try:
        for split in SPLITS:
            generators = [sample_generator(seed, split, i) for i in range(sizes[split])]
            batches = []
            for i in range(0, len(generators), at_once):
                batches.append(_finite(make(generators[i : i + at_once])))
                done += len(generators[i : i + at_once])
                tell(done, sum(sizes.values()))
            for part in batches[0]:
                arrays[f"{split}_{part}"] = np.concatenate([batch[part] for batch in batches]).astype(np.float32)
    finally:
        _Cores.close()
    return arrays


def _finite(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if odd := [part for part, array in arrays.items() if not np.isfinite(array).all()]:
        raise ArithmeticError(f"the solver has made '{odd[0]}' that are not finite: its step was unstable")
    return arrays


Item, Result = TypeVar("Item"), TypeVar("Result")


def on_all_cores(function: Callable[..., Result], items: Iterable[Item], **params: Any) -> list[Result]:
    """Return ``function(item, **params)`` for each item: in processes, one for each core that this one may use.

    The function has to be found by its module and name. Where there is one core, or little to do, it is called here.
    """
    items, cores = list(items), len(os.sched_getaffinity(0))
    if cores < 2 or (len(items) < 4 * cores and _Cores.pool is None):
        return [function(item, **params) for item in items]
    pool = _Cores.open(cores)
    return list(pool.map(partial(function, **params), items, chunksize=max(1, len(items) // (4 * cores))))


class _Cores:
    """The processes of `on_all_cores`, kept while a data set is made: to start them takes longer than some samples."""

    pool: ProcessPoolExecutor | None = None

    @classmethod
    def open(cls, cores: int) -> ProcessPoolExecutor:
        if cls.pool is None:
            cls.pool = ProcessPoolExecutor(cores, get_context("forkserver"))
        return cls.pool

    @classmethod
    def close(cls) -> None:
        if cls.pool is not None:
            cls.pool.shutdown(cancel_futures=True)
            cls.pool = None


@dataclass(frozen=True)
class SineSum:
    """The initial law of PDEBench (Takamoto et al. 2022, "init_multi"), periodic on [0, length].

    u(x) = Σ_i A_i sin(κ_i x + φ_i) over the modes i = 1..m with κ_i = 2π i n_i / length, n_i being how often mode i was
    drawn: a mode that is drawn twice doubles its frequency, one that is not drawn is a constant. With probability 0.1
    its absolute value is taken, then its sign is random, and with probability 0.1 it is cut to a window.

    PDEBench divides by the distance between the first and the last cell centre, which makes its data not quite
    periodic; here `length` is the period.

    Args:
        wavenumbers, amplitudes, phases: (m,).
        is_absolute, sign: as above.
        window: the two ends, in parts of `length`; None for none.
    """

    length: float
    wavenumbers: np.ndarray
    amplitudes: np.ndarray
    phases: np.ndarray
    is_absolute: bool
    sign: float
    window: tuple[float, float] | None

    @classmethod
    def draw(cls, rng: np.random.Generator, length: float = 1.0, modes: int = 4, draws: int = 2) -> "SineSum":
        """Draw one."""
        counts = np.bincount(rng.integers(1, modes + 1, draws), minlength=modes + 1)[1:]
        amplitudes, phases = rng.uniform(0, 1, modes), rng.uniform(0, 2 * np.pi, modes)
        is_absolute, sign = rng.random() < 0.1, rng.choice([-1.0, 1.0])
        has_window, window = rng.random() < 0.1, (rng.uniform(0.1, 0.45), rng.uniform(0.55, 0.9))
        wavenumbers = 2 * np.pi * np.arange(1, modes + 1) * counts / length
        return cls(length, wavenumbers, amplitudes, phases, is_absolute, sign, window if has_window else None)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return u(x) for positions of any shape, continued periodically."""
        x = np.mod(x, self.length)
        u = np.tensordot(self.amplitudes, np.sin(np.multiply.outer(self.wavenumbers, x).T + self.phases).T, axes=1)
        u = self.sign * (np.abs(u) if self.is_absolute else u)
        if self.window is not None:
            left, right = (x / self.length - end for end in self.window)
            u = u * 0.5 * (np.tanh(left / 0.01) - np.tanh(right / 0.01))
        return u


def cells(n: int, length: float = 1.0) -> np.ndarray:
    """Return the n cell centres of [0, length]."""
    return (np.arange(n) + 0.5) * length / n


def every(fields: np.ndarray, factor: int, axes: tuple[int, ...]) -> np.ndarray:
    """Return each `factor`-th point along `axes`."""
    index = [slice(None)] * fields.ndim
    for axis in axes:
        index[axis] = slice(None, None, factor)
    return fields[tuple(index)]
