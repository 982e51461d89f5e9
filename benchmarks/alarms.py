"""False alarms and power of both ways in which regressions are looked for, at two levels of noise.

1. asv's step detection over a history of commits: alarms per history without any change; with a rise at two thirds of
   it, how often an alarm is at that very commit, and how often one is elsewhere.
2. `bench asv compare` on two commits, for 20 benchmarks at once: how often any is called worse that is not, and how
   often a rise of one of them is found. Once with samples that each commit took by itself, once in turns. Between the
   times at which the two commits are measured the machine may drift by as much as the noise of a sample.

    python benchmarks/alarms.py [--histories 200] [--comparisons 200]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from asv.step_detect import detect_regressions, detect_steps

from harness.tracking.comparing import Common, Finding, Key, Pair, compare
from harness.tracking.records import Benchmark, Measured

NOISES, MARGIN, BENCHMARKS, SAMPLES = (0.01, 0.03), 0.05, 20, 10
TIME = Benchmark("time", "time", "seconds")


def alarm_positions(values: Sequence[float], threshold: float) -> list[int]:
    """Return after which commits asv would alarm."""
    steps = detect_steps(list(values))
    jumps = detect_regressions(steps, threshold)[-1] or []
    return [after for _, after, _, _ in jumps]


def histories(rng: np.random.Generator, count: int, noise: float, commits: int, rise: float) -> str:
    """Return how often asv alarms at the commit of a rise, and elsewhere."""
    at, exact, elsewhere = 2 * commits // 3, 0, 0
    for _ in range(count):
        values = rng.normal(1, noise, commits) * np.where(np.arange(commits) >= at, 1 + rise, 1)
        found = alarm_positions(values, MARGIN)
        exact += rise > 0 and at in found
        elsewhere += any(position != at or rise == 0 for position in found)
    return f"{exact / count:8.2f} {elsewhere / count:10.3f}"


def sampled(rng: np.random.Generator, noise: float, drift: float, level: float, *, is_in_turns: bool) -> Pair:
    """Return what one benchmark measured at two commits, the second of them `level` times as slow."""
    if is_in_turns:  # each turn has a state of the machine of its own, which both commits see
        machine = np.exp(rng.normal(0, drift, SAMPLES))
        a, b = (machine * factor * np.exp(rng.normal(0, noise, SAMPLES)) for factor in (1.0, level))
        return Pair(KEYS[0], TIME, Measured(None), Measured(None), (a.tolist(), b.tolist()))
    a, b = (factor * np.exp(rng.normal(0, drift)) * np.exp(rng.normal(0, noise, SAMPLES)) for factor in (1.0, level))
    return Pair(KEYS[0], TIME, *(Measured(float(np.median(side)), samples=tuple(side.tolist())) for side in (a, b)))


KEYS = [Key(f"b{i:02}", (), "machine", "environment") for i in range(BENCHMARKS)]


def comparisons(
    rng: np.random.Generator, count: int, noise: float, drift: float, rise: float, *, is_in_turns: bool
) -> str:
    """Return how often any of 20 is called worse wrongly, a rise of the first is found, or it cannot be told."""
    wrong = found = unclear = 0
    for _ in range(count):
        pairs = [
            Pair(key, one.benchmark, one.before, one.after, one.turns)
            for i, key in enumerate(KEYS)
            for one in [sampled(rng, noise, drift, 1 + rise * (i == 0), is_in_turns=is_in_turns)]
        ]
        changes = compare("", "", Common(tuple(pairs)), MARGIN).changes
        worse = {change.key for change in changes if change.finding is Finding.WORSE}
        wrong += bool(worse - {KEYS[0]} if rise else worse)
        found += rise > 0 and KEYS[0] in worse
        unclear += next(change for change in changes if change.key == KEYS[0]).finding is Finding.UNCLEAR
    return f"{wrong / count:12.3f} {found / count:8.2f} {unclear / count:8.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--comparisons", type=int, default=200)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"asv's step detection, threshold {100 * MARGIN:g} %, {given.histories} histories each")
    print("noise commits   rise    exact  elsewhere")
    for noise in NOISES:
        for commits in (10, 30, 100):
            for rise in (0.0, 0.1, 1.0):
                told = histories(rng, given.histories, noise, commits, rise)
                print(f"{100 * noise:3g} % {commits:7d} {100 * rise:4g} % {told}", flush=True)
    print(f"\nbench asv compare, {BENCHMARKS} benchmarks with {SAMPLES} samples each, margin {100 * MARGIN:g} %,")
    print(f"Holm, {given.comparisons} comparisons each; rise of one benchmark; wrong: any other is called worse")
    print("samples  noise  drift   rise        wrong    found  unclear")
    for is_in_turns in (False, True):
        for noise in NOISES:
            for drift in (0.0, noise):
                for rise in (0.0, 0.1, 1.0):
                    told = comparisons(rng, given.comparisons, noise, drift, rise, is_in_turns=is_in_turns)
                    name = "turns " if is_in_turns else "stored"
                    print(f"{name}  {100 * noise:4g} % {100 * drift:4g} % {100 * rise:4g} % {told}", flush=True)


if __name__ == "__main__":
    main()
