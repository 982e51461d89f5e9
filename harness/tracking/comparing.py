"""Two commits of a results tree: what has become worse, better, or cannot be told.

Where many benchmarks are tested at once, some look worse by chance: "worse" and "better" are by Holm's correction over
all of them, so that the chance of any false "worse" is 5 %. "Not worse" needs none: that nothing is worse is said only
where each benchmark has shown it by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import median

from harness.errors import ResultsError
from harness.stats import holm
from harness.tracking.changing import ALPHA, Tested, paired, unpaired, with_failures
from harness.tracking.records import Benchmark, Cell, Measured, Record, Tree

RATIOS = ("time", "memory", "peakmemory")  # asv's kinds of benchmark whose values are above 0


class NothingInCommonError(ResultsError):
    """Two commits have no results that could be compared."""


class Finding(StrEnum):
    """What has become of a number."""

    WORSE = "worse"
    BETTER = "better"
    NOT_WORSE = "not worse"
    UNCLEAR = "cannot be told"


@dataclass(frozen=True)
class Key:
    """A cell of a benchmark, where it was measured."""

    benchmark: str
    cell: Cell
    machine: str
    environment: str

    def __str__(self) -> str:
        return f"{self.benchmark}({', '.join(self.cell)})" if self.cell else self.benchmark


Side = Mapping[Key, tuple[str | None, Measured]]  # a commit's cells, with the version of their benchmark by then


@dataclass(frozen=True)
class Change:
    """What has become of one cell. `tested` and `p`, that of its being worse after Holm, are None without a test.

    `how` says what the test rests on, or why there is none. `needed` is about how many samples on each side would
    tell; None where the finding is clear, and where it would be millions.
    """

    key: Key
    unit: str
    before: float | None
    after: float | None
    finding: Finding
    how: str
    tested: Tested | None = None
    p: float | None = None
    needed: int | None = None


@dataclass(frozen=True)
class Comparison:
    """All that two commits have in common, changes for the worse first, and what they have not, as sentences."""

    a: str
    b: str
    margin: float
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]

    def of(self, finding: Finding) -> list[Change]:
        """Return the changes of one finding."""
        return [change for change in self.changes if change.finding is finding]

    @property
    def exit_code(self) -> int:
        """1 where something is worse, 2 where something cannot be told, 0 where nothing is worse."""
        return 1 if self.of(Finding.WORSE) else 2 if self.of(Finding.UNCLEAR) else 0


@dataclass(frozen=True)
class Pair:
    """What one cell measured at the two commits, and values of both that were taken in turns, if there are any."""

    key: Key
    benchmark: Benchmark
    before: Measured
    after: Measured
    turns: tuple[Sequence[float], Sequence[float]] | None = None


@dataclass(frozen=True)
class Common:
    """The cells that two commits have in common, and sentences about the others."""

    pairs: tuple[Pair, ...]
    left_out: tuple[str, ...] = field(default=())


def common(tree: Tree, a: str, b: str, patterns: Iterable[str] = (), machine: str = "") -> Common:
    """Return what the records of two commits, by their hashes, have in common.

    Args:
        patterns: regular expressions, of which one has to be found in ``name(parameters)``; none means everything.
        machine: only what was measured there.

    Raises ResultsError where an expression is none, NothingInCommonError where a commit has no results, or nothing is
    in common.
    """
    sides = [dict(_cells(tree, commit, machine)) for commit in (a, b)]
    for commit, found in zip((a, b), sides, strict=True):
        if not found:
            raise NothingInCommonError(f"nothing is measured at {commit[:8]}{f' on {machine}' if machine else ''}")
    return chosen(tree.benchmarks, sides, patterns, f"{a[:8]} and {b[:8]}")


def chosen(benchmarks: Mapping[str, Benchmark], sides: Sequence[Side], patterns: Iterable[str], names: str) -> Common:
    """Return what two sides have in common; each has, for its cells, the benchmark's version and what it measured.

    Raises ResultsError where an expression is none, NothingInCommonError where nothing is in common.
    """
    try:
        wanted = [re.compile(pattern) for pattern in patterns]
    except re.error as error:
        raise ResultsError(f"'{error.pattern!s}' is no regular expression: {error}") from None
    before, after = ({key: value for key, value in side.items() if _matches(key, wanted)} for side in sides)
    both = _common(benchmarks, before, after)
    if not both.pairs:
        why = "; ".join(both.left_out[:3]) or "no benchmark matches"
        raise NothingInCommonError(f"{names} have nothing in common: {why}")
    return both


def compare(a: str, b: str, found: Common, margin: float) -> Comparison:
    """Judge what two commits, as they are to be named, have in common; `margin` is 0.05 for 5 %."""
    changes = [_change(pair, margin) for pair in found.pairs]
    tested = {str(i): change.tested for i, change in enumerate(changes) if change.tested is not None}
    worse = holm({i: one.p_worse for i, one in tested.items()})
    better = holm({i: one.p_better for i, one in tested.items()})
    judged = [
        _judged(change, worse[str(i)], better[str(i)], len(tested)) if change.tested else change
        for i, change in enumerate(changes)
    ]
    order = [Finding.WORSE, Finding.UNCLEAR, Finding.BETTER, Finding.NOT_WORSE]
    return Comparison(a, b, margin, tuple(sorted(judged, key=lambda one: order.index(one.finding))), found.left_out)


def _cells(tree: Tree, commit: str, machine: str) -> Iterator[tuple[Key, tuple[str | None, Measured]]]:
    """Yield each cell measured at a commit, with the version of its benchmark by then."""
    for record in tree.records:
        if record.commit == commit and machine in ("", record.machine):
            yield from _of(record)


def _of(record: Record) -> Iterator[tuple[Key, tuple[str | None, Measured]]]:
    for name, series in record.series.items():
        for cell, measured in series.cells.items():
            yield Key(name, cell, record.machine, record.environment), (series.version, measured)


def _matches(key: Key, wanted: Sequence[re.Pattern[str]]) -> bool:
    return not wanted or any(pattern.search(str(key)) for pattern in wanted)


def _common(benchmarks: Mapping[str, Benchmark], before: Side, after: Side) -> Common:
    pairs, left_out = [], []
    for key in sorted({*before, *after}, key=str):
        if key not in before or key not in after:
            there = "second" if key in after else "first"
            left_out.append(f"{key} is measured at the {there} commit only")
            continue
        (version_a, a), (version_b, b) = before[key], after[key]
        if key.benchmark not in benchmarks:
            left_out.append(f"{key} is not in benchmarks.json any more")
        elif version_a != version_b:
            left_out.append(f"{key} measures something else by now: version {version_a} is {version_b}")
        elif _is_skipped(a) or _is_skipped(b):
            left_out.append(f"{key} is not measured at the {'first' if _is_skipped(a) else 'second'} commit")
        elif a.value is None and not a.seeds:
            left_out.append(f"{key} has no value at the first commit: it failed, or was not measured")
        else:
            pairs.append(Pair(key, benchmarks[key.benchmark], a, b))
    return Common(tuple(pairs), tuple(left_out))


def _is_skipped(measured: Measured) -> bool:
    return measured.value is not None and math.isnan(measured.value)


def _change(pair: Pair, margin: float) -> Change:
    """Return a change before it is known how many others there are."""
    before, after = pair.before, pair.after
    change = Change(pair.key, pair.benchmark.unit, before.value, after.value, Finding.UNCLEAR, "")
    is_ratio = pair.benchmark.kind in RATIOS
    if pair.turns is not None:
        change = replace(change, before=_median(pair.turns[0]), after=_median(pair.turns[1]))
        return _in_pairs(change, *pair.turns, margin, is_ratio, "measured in turns")
    if before.seeds and after.seeds:
        of_a, of_b = (dict(zip(one.seeds, one.samples, strict=True)) for one in (before, after))
        seeds = sorted(of_a.keys() & of_b.keys())
        a, b = ([math.inf if side[seed] is None else side[seed] or 0.0 for seed in seeds] for side in (of_a, of_b))
        return _in_pairs(change, a, b, margin, False, "paired by seed")
    if after.value is None:  # asv does not tell a failure from what was not asked for
        return replace(change, how="no value at the second commit: it failed, or was not measured")
    return _stored(change, pair, margin, is_ratio)


def _median(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else None


def _in_pairs(
    change: Change, a: Sequence[float], b: Sequence[float], margin: float, is_ratio: bool, how: str
) -> Change:
    """Test values that belong together; one that failed is infinitely bad."""
    if len(a) != len(b) or not a:
        return replace(change, how=f"{how}: nothing in common")
    failed = sum(map(math.isinf, a)), sum(map(math.isinf, b))
    if min(failed) == len(a):
        return replace(change, finding=Finding.NOT_WORSE, how="fails at both commits")
    if is_ratio and min(*a, *b) <= 0:
        return replace(change, how=f"{how}: a value is not above 0")
    tested = paired(a, b, margin, is_ratio=is_ratio)
    if any(failed):
        how, tested = f"{how}; {failed[0]} and {failed[1]} failed", with_failures(tested, *failed)
    return replace(change, tested=tested, how=how)


def _stored(change: Change, pair: Pair, margin: float, is_ratio: bool) -> Change:
    """Test the samples that each commit took by itself; where there are none, its one value."""
    a, b = (
        [value for value in one.samples if value is not None] or [one.value or 0.0] for one in (pair.before, pair.after)
    )
    if is_ratio and min(*a, *b) <= 0:
        return replace(change, how="stored samples: a value is not above 0")
    if a == b:  # the same to the last bit
        return replace(change, finding=Finding.NOT_WORSE, how="identical")
    return replace(change, tested=unpaired(a, b, margin, is_ratio=is_ratio), how="stored samples")


def _judged(change: Change, p_worse: float, p_better: float, tested: int) -> Change:
    """Return a change with its finding, by p-values after Holm over as many as were tested."""
    found = change.tested
    assert found is not None
    if p_worse < ALPHA:
        return replace(change, finding=Finding.WORSE, p=p_worse)
    if p_better < ALPHA:
        return replace(change, finding=Finding.BETTER, p=p_worse)
    if found.p_not_worse < ALPHA:
        return replace(change, finding=Finding.NOT_WORSE, p=p_worse)
    return replace(change, p=p_worse, needed=found.needed(ALPHA / tested))
