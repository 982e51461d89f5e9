"""Two commits measured in turns, so that what slows the machine down for a while slows both.

Each commit has a work tree and an environment of its own. A turn is one start of asv, and so of a process for each
cell, with few repetitions; what counts is the turn's median. Which commit goes first is drawn anew each time.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Collection, Sequence
from pathlib import Path

from harness.errors import BenchError
from harness.tracking import identity, tree
from harness.tracking.commits import Commit
from harness.tracking.comparing import Common, Key, Pair, chosen
from harness.tracking.program import Asv
from harness.tracking.records import Benchmark, Measured, record_of
from harness.tracking.running import Tell, alone
from harness.tracking.settings import Settings
from harness.tracking.worktree import WorkTree

BRIEFLY = ("rounds=1", "repeat=(1,5,0.5)", "warmup_time=0.1")  # of one turn
TO_COME = Measured(0.0)  # in place of what a cell has measured, before it has


def in_turns(
    settings: Settings,
    pair: tuple[Commit, Commit],
    patterns: Sequence[str],
    turns: int,
    settled: Collection[Key],
    *,
    tell: Tell,
    warn: Tell,
) -> Common:
    """Measure what two commits have in common, so many times each.

    Args:
        patterns: regular expressions, of which one has to be found in ``name(parameters)``; none means everything.
        settled: what need not be measured again.

    Raises BenchError where a commit cannot be measured, and where another session measures here.
    """
    with alone(settings.work):
        sides = [
            _Side(settings, settings.work / "turns" / name, commit, warn)
            for name, commit in zip(("first", "second"), pair, strict=True)
        ]
        found = _in_common(sides, patterns)
        todo = [one for one in found.pairs if one.key not in settled]
        order = random.Random(0)
        for turn in range(turns if todo else 0):
            for side in order.sample(sides, 2):
                side.measure([_spelled(one) for one in todo])
            tell(f"  turn {turn + 1} of {turns}: {len(todo)} values at each commit")
    return _without_skips([_with_values(one, sides) for one in todo], found.left_out)


class _Side:
    """One of the two commits: its benchmarks, and the values that each turn has added to its cells."""

    def __init__(self, settings: Settings, folder: Path, commit: Commit, warn: Tell) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        work_tree, machine = WorkTree(settings.repository, folder), identity.machine()
        self._asv, self._commit = Asv(dataclasses.replace(settings, work=folder), work_tree, machine), commit
        self._asv.end_strays()
        for line in work_tree.use(commit):
            warn(f"{commit.hash[:8]} {line}")
        self._machine = machine["machine"]
        self.benchmarks = {one["name"]: one for one in self._asv.discover(commit)}
        self.values: dict[Key, list[float]] = {}

    def cells(self) -> dict[Key, tuple[str, Measured]]:
        """Return the cells that there are, with nothing measured yet."""
        return {
            Key(name, cell, self._machine, identity.environment_name()): (str(one["version"]), TO_COME)
            for name, one in self.benchmarks.items()
            for cell in tree.combinations(one)
        }

    def measure(self, spelled: Sequence[str]) -> None:
        """Add a value to each cell named; one that fails adds infinity."""
        content, said = self._asv.run(self._commit, spelled, BRIEFLY)
        if content is None:
            last = said.strip().splitlines()[-1:] or ["nothing"]
            raise BenchError(f"asv has measured nothing at {self._commit}; it said: {last[0].strip()}")
        for name, series in record_of(content).series.items():
            for cell, measured in series.cells.items():
                key = Key(name, cell, self._machine, identity.environment_name())
                self.values.setdefault(key, []).append(math.inf if measured.value is None else measured.value)


def _in_common(sides: Sequence[_Side], patterns: Sequence[str]) -> Common:
    known = {
        name: Benchmark(name, one["type"], one["unit"], tuple(one["param_names"]), tuple(map(tuple, one["params"])))
        for side in sides
        for name, one in side.benchmarks.items()
    }
    return chosen(known, [side.cells() for side in sides], patterns, "the two commits")


def _with_values(pair: Pair, sides: Sequence[_Side]) -> Pair:
    before, after = (side.values.get(pair.key, []) for side in sides)
    return dataclasses.replace(pair, turns=(before, after))


def _without_skips(pairs: Sequence[Pair], left_out: Sequence[str]) -> Common:
    """Leave out the cells that a benchmark says are not to be measured."""
    skipped = {one.key for one in pairs if any(map(math.isnan, [*one.turns[0], *one.turns[1]] if one.turns else []))}
    told = [f"{key} is not to be measured" for key in sorted(skipped, key=str)]
    return Common(tuple(one for one in pairs if one.key not in skipped), (*left_out, *told))


def _spelled(pair: Pair) -> str:
    return str(pair.key)
