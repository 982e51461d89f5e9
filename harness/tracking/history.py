"""A results tree -> what its page shows: a series of values for each benchmark, its parameters and where it was run."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import BenchError
from harness.tracking import commits, tree
from harness.tracking.commits import Commit
from harness.tracking.records import BENCHMARKS, Benchmark, Record, read_tree

Point = tuple[int, float, float | None, float | None]  # which commit, the value, and the ends of its 99 % interval


@dataclass
class Series:
    """The values of one benchmark, with one combination of parameters, on one machine and environment.

    `regressions` are asv's: the commits before and after a step up, and the levels before and after it.
    """

    benchmark: str
    params: tree.Key
    where: Mapping[str, str]
    unit: str
    kind: str  # asv's: time, track, peakmemory, …
    points: list[Point] = field(default_factory=list)
    regressions: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class History:
    """All series of a results tree, and the commits that they are of, a parent before its children.

    `strangers` are commits with results that the repository does not have.
    """

    commits: list[Commit]
    series: list[Series]
    strangers: list[str]

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def read(results: Path, repository: Path) -> History:
    """Read a results tree. Raises BenchError where nothing is measured, ResultsError where a file is damaged."""
    stored = read_tree(results) if (results / BENCHMARKS).is_file() else None
    if stored is None or not stored.records:
        raise BenchError(f"{results} has no measurements; `bench asv run` makes some")
    found, strangers = _in_order(repository, {record.commit for record in stored.records})
    place = {commit.hash: number for number, commit in enumerate(found)}
    series: dict[Any, Series] = {}
    for record in sorted(stored.records, key=lambda record: place.get(record.commit, -1)):
        if record.commit in place:
            _collect(record, stored.benchmarks, place[record.commit], series)
    return History(found, [series[key] for key in sorted(series)], strangers)


def mark(history: History, published: Path, benchmarks: Mapping[str, Any]) -> int:
    """Add to series the regressions that `asv publish` has found, and return how many there are.

    Args:
        published: the folder that asv has written to.
        benchmarks: asv's list, whose parameters its indices count.
    """
    index = json.loads((published / "index.json").read_text(encoding="utf-8"))
    places = {commit.hash: number for number, commit in enumerate(history.commits)}
    numbers = {int(revision): places.get(hash) for revision, hash in index["revision_to_hash"].items()}
    count = 0
    regressions = json.loads((published / "regressions.json").read_text(encoding="utf-8"))["regressions"]
    for _, path, where, combination, _, _, jumps in regressions:
        name = Path(path).name.removesuffix(".json")
        key = tree.combinations(benchmarks[name])[combination or 0]
        for one in (one for one in history.series if (one.benchmark, one.params) == (name, key)):
            if all(one.where.get(name, "") == (value or "") for name, value in where.items() if name != "branch"):
                found = [_jump(numbers, *jump) for jump in jumps if all(map(math.isfinite, jump[2:]))]
                one.regressions += found
                count += len(found)
    return count


def _jump(
    numbers: Mapping[int, int | None], before: int | None, after: int, level: float, new: float
) -> dict[str, Any]:
    return {"before": None if before is None else numbers[before], "after": numbers[after], "from": level, "to": new}


def _collect(record: Record, benchmarks: Mapping[str, Benchmark], place: int, series: dict[Any, Series]) -> None:
    """Add the values of a record to series, those of the benchmarks as they are now versioned."""
    where = {"machine": record.machine, **record.params}
    for name in record.series.keys() & benchmarks.keys():
        benchmark, found = benchmarks[name], record.series[name]
        if found.version not in (None, benchmark.version):
            continue
        known = set(benchmark.cells)
        for key, cell in found.cells.items():
            if key not in known or cell.value is None or math.isnan(cell.value):  # failed, or skipped
                continue
            identity = (name, key, tuple(sorted(where.items())))
            one = series.setdefault(identity, Series(name, key, where, benchmark.unit, benchmark.kind))
            ends = (cell.low, cell.high) if _is_interval(cell.low, cell.high) else (None, None)
            one.points.append((place, cell.value, *ends))


def _is_interval(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and math.isfinite(low) and math.isfinite(high)


def _in_order(repository: Path, hashes: Iterable[str]) -> tuple[list[Commit], list[str]]:
    """Return commits, a parent before its children, and the hashes that the repository does not have."""
    known, strangers = list[str](), list[str]()
    for hash in sorted(hashes):
        try:
            commits.git(repository, "cat-file", "-e", f"{hash}^{{commit}}")
            known.append(hash)
        except BenchError:
            strangers.append(hash)
    if not known:
        raise BenchError(f"{repository} has none of the {len(strangers)} commits that are measured: is it another one?")
    return list(_topological(repository, known)), strangers


def _topological(repository: Path, hashes: list[str]) -> Iterator[Commit]:
    wanted = set(hashes)
    for line in commits.git(repository, "log", "--topo-order", "--reverse", "--format=%H %ct %s", *hashes).splitlines():
        if line[:40] in wanted:
            yield commits.read(line)
