"""How long steps and calls take, and how long one takes against another on a machine that is never quite quiet."""

from __future__ import annotations

import contextlib
import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from harness.conditions import FEWEST_ROUNDS, enough_rounds

WARM_UP_STEPS = 3  # the first steps allocate buffers and choose algorithms
SAMPLE_SECONDS = 0.02  # a sample takes at least so long, in as many calls as that needs: a few turns of the scheduler

Clock = Callable[[], float]
Call = Callable[[], object]


def synchronize(device: str | torch.device) -> None:
    """Wait until a GPU has done what it was asked to; elsewhere that is so already."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


class StepTimer:
    """Time the steps of a loop: ``with timer: step()``. Work between two steps is not counted.

    `state` and `load` carry the times over to another process, which has a warm-up of its own.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._warm_up: list[float] = []
        self._seconds: list[float] = []
        self._warm_up_left = WARM_UP_STEPS

    def __enter__(self) -> None:
        synchronize(self._device)
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        synchronize(self._device)
        (self._warm_up if self._warm_up_left else self._seconds).append(time.perf_counter() - self._start)
        self._warm_up_left = max(0, self._warm_up_left - 1)

    @property
    def seconds_per_step(self) -> float:
        """The median over the steps after warm-up, in seconds."""
        return statistics.median(self._seconds or self._warm_up)

    def state(self) -> dict[str, list[float]]:
        return {"warm_up": self._warm_up, "seconds": self._seconds}

    def load(self, state: dict[str, list[float]]) -> None:
        self._warm_up, self._seconds = state["warm_up"], state["seconds"]


@dataclass(frozen=True)
class Timing:
    """The seconds of one call, after warm-up: a sample from each round, shape (rounds,)."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third, interpolated between samples."""
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return first, third


@dataclass(frozen=True)
class Ratio:
    """The median of a ratio over rounds, and the ends of its 95 % interval."""

    median: float
    low: float
    high: float


def first_call(call: Call, device: str, clock: Clock = time.perf_counter) -> float:
    """Return the seconds of a call that is the first: it compiles, plans transforms and allocates."""
    return _seconds(call, 1, device, clock)


def interleaved(
    calls: Mapping[str, Call],
    device: str,
    *,
    rounds: int = 20,
    limit: float = math.inf,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> dict[str, Timing]:
    """Time calls in turns, so that what slows the machine down for a while slows all of them down.

    Each call is first warmed up. A round then takes a sample of each: the mean over as many calls in a row as take
    `SAMPLE_SECONDS`, the device synchronised before and after. The order is drawn anew for every second round; those
    between go through the one before backwards, so that a steady drift favours none. Python's garbage collector waits.

    Args:
        rounds: at least `FEWEST_ROUNDS`.
        limit: the seconds after which no more rounds begin, but for the fewest that an interval needs.
        seed: of the order.

    Raises ValueError for too few rounds.
    """
    enough_rounds(rounds)
    counts = {name: _warm_up(call, device, clock) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    drawn, start, order = random.Random(seed), clock(), list(calls)
    with _uncollected():
        for done in range(rounds):
            if done >= FEWEST_ROUNDS and clock() - start > limit:
                break
            order = drawn.sample(order, len(order)) if done % 2 == 0 else order[::-1]
            for name in order:
                samples[name].append(_seconds(calls[name], counts[name], device, clock) / counts[name])
    return {name: Timing(tuple(seconds)) for name, seconds in samples.items()}


def ratio(timing: Timing, reference: Timing) -> Ratio:
    """Return the ratio of two calls that were timed interleaved, from the ratios within rounds.

    The interval of the median is that between order statistics (the sign test inverted), which supposes no
    distribution: it holds the median in at least 95 % of cases where the rounds are independent. It tells nothing of
    other processes, in which memory lies differently: for that, seeds repeat the whole measurement.
    """
    ratios = sorted(a / b for a, b in zip(timing.samples, reference.samples, strict=True))
    enough_rounds(len(ratios))
    n, outside, k = len(ratios), 0.5 ** len(ratios), 0
    while outside <= 0.025:  # P(Binomial(n, 1/2) <= k)
        k += 1
        outside += math.comb(n, k) * 0.5**n
    return Ratio(statistics.median(ratios), ratios[k - 1], ratios[n - k])


def _warm_up(call: Call, device: str, clock: Clock) -> int:
    """Call a few times, and return how many calls make a sample."""
    seconds = min(_seconds(call, 1, device, clock) for _ in range(WARM_UP_STEPS))
    return max(1, math.ceil(SAMPLE_SECONDS / max(seconds, 1e-6)))


def _seconds(call: Call, count: int, device: str, clock: Clock) -> float:
    synchronize(device)
    start = clock()
    for _ in range(count):
        call()
    synchronize(device)
    return clock() - start


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
