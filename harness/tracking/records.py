"""asv's results on disk: benchmarks.json, machine.json, and a file for each commit and environment.

Written so that `asv publish`, `compare` and `show` of asv 0.6 take it for their own (result files and benchmarks of
version 2, machines of version 1); read from what they have written. asv itself is not needed. Beside what asv knows, a
result file may hold `seeds`: which seed each sample is of. asv passes over it.

Values are as asv means them: NaN is a cell that is not measured. None is a failure, but in what asv has written also a
cell that was not asked for. What is no number, or infinite, which asv takes as it comes, is a failure too.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ResultsError
from harness.tracking.tree import COLUMNS, is_value, read_json, write_json

BENCHMARKS, MACHINE = "benchmarks.json", "machine.json"

Cell = tuple[str, ...]  # a value for each parameter of a benchmark, as Python writes it: ("'s4d'", "64")


@dataclass(frozen=True)
class Benchmark:
    """What is measured: `kind` is asv's type (time, memory, peakmemory, track), `params` the values of each parameter.

    Results of another `version` are no part of its history. `code` is what the page shows as its source.
    """

    name: str
    kind: str
    unit: str = ""
    param_names: tuple[str, ...] = ()
    params: tuple[tuple[str, ...], ...] = ()
    version: str = "1"
    title: str = ""
    code: str = ""

    @property
    def cells(self) -> list[Cell]:
        """Every choice of parameters, in the order in which asv stores values; one, (), where there are none."""
        return list(itertools.product(*self.params))


@dataclass(frozen=True)
class Measured:
    """What one cell of a benchmark measured at a commit.

    `low` and `high` are the ends of the 99 % interval. `samples` may be empty, and where there are `seeds`, there is
    one for each sample. A sample of None is a run that failed.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    samples: tuple[float | None, ...] = ()
    seeds: tuple[int, ...] = ()


NOT_MEASURED = Measured(math.nan)


@dataclass(frozen=True)
class Series:
    """The cells of one benchmark at one commit, and the benchmark's version by then; cells not there: not measured."""

    version: str | None
    cells: Mapping[Cell, Measured]


@dataclass(frozen=True)
class Record:
    """What one commit measured on one machine in one environment.

    `date` is that of the commit, in milliseconds since 1970. Each of `params` is something to select graphs by; a
    change of one begins a new graph.
    """

    commit: str
    machine: str
    environment: str
    date: int
    series: Mapping[str, Series]
    params: Mapping[str, str] = field(default_factory=dict)
    python: str = ""

    @property
    def path(self) -> Path:
        """Where asv looks for it in a results tree."""
        name = self.environment
        if len(name) >= 128:  # as asv does, whose files must not be too long
            name = "env-" + hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        return Path(self.machine, f"{self.commit[:8]}-{name}.json")


@dataclass(frozen=True)
class Tree:
    """A results tree: benchmarks by name, facts about machines by name, and records."""

    benchmarks: Mapping[str, Benchmark]
    machines: Mapping[str, Mapping[str, str]]
    records: Sequence[Record]


def write_tree(folder: Path, tree: Tree) -> None:
    """Write a results tree. Raises ResultsError where the folder cannot be written."""
    described = {name: _described(benchmark) for name, benchmark in tree.benchmarks.items()}
    write_json(folder / BENCHMARKS, {"version": 2, **described})
    for machine, facts in tree.machines.items():
        write_json(folder / machine / MACHINE, {"version": 1, "machine": machine, **facts})
    for record in tree.records:
        write_json(folder / record.path, _plain(record, tree.benchmarks))


def read_tree(folder: Path, commits: Sequence[str] = ()) -> Tree:
    """Read a results tree: all of it, or the records of some commits.

    Raises ResultsError where there is none, or where a file is not as asv writes it.
    """
    if not (folder / BENCHMARKS).is_file():
        raise ResultsError(f"{folder} holds no results of asv: {BENCHMARKS} is missing; `bench asv run` measures some")
    benchmarks = {name: _benchmark(folder / BENCHMARKS, plain) for name, plain in _read(folder / BENCHMARKS, 2).items()}
    machines, records = {}, []
    for path in sorted(folder.glob(f"*/{MACHINE}")):
        facts = _read(path, 1)
        machines[path.parent.name] = {str(key): str(value) for key, value in facts.items() if key != "machine"}
        records += [_record(file) for file in _result_files(path.parent, commits)]
    return Tree(benchmarks, machines, records)


def _result_files(folder: Path, commits: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.glob("*.json")):
        if path.name != MACHINE and (not commits or any(path.name.startswith(f"{hash[:8]}-") for hash in commits)):
            yield path


def _described(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "type": benchmark.kind,
        "unit": benchmark.unit,
        "param_names": list(benchmark.param_names),
        "params": [list(values) for values in benchmark.params],
        "version": benchmark.version,
        "timeout": 60,
        "code": benchmark.code,
        **({"pretty_name": benchmark.title} if benchmark.title else {}),
    }


def _plain(record: Record, benchmarks: Mapping[str, Benchmark]) -> dict[str, Any]:
    rows, seeds = {}, {}
    for name, series in record.series.items():
        benchmark = benchmarks[name]
        found = [series.cells.get(cell, NOT_MEASURED) for cell in benchmark.cells]
        rows[name] = _row(benchmark, series, found, record.date)
        if any(one.seeds for one in found):
            seeds[name] = [list(one.seeds) for one in found]
    return {
        "version": 2,
        "commit_hash": record.commit,
        "env_name": record.environment,
        "date": record.date,
        "params": {"machine": record.machine, **record.params},
        "python": record.python,
        "requirements": {},
        "env_vars": {},
        "result_columns": list(COLUMNS),
        "results": rows,
        "durations": {},
        "seeds": seeds,
    }


def _row(benchmark: Benchmark, series: Series, found: Sequence[Measured], started_at: int) -> list[Any]:
    """Return the values of asv's columns, without the empty ones at the end."""
    quartiles = [_quartiles(one) for one in found]
    counts = [len(one.samples) or None for one in found]
    columns: dict[str, Any] = {
        "result": [_json(one.value) for one in found],
        "version": series.version,
        "started_at": started_at,
        "stats_ci_99_a": [_json(one.low) for one in found],
        "stats_ci_99_b": [_json(one.high) for one in found],
        "stats_q_25": [low for low, _ in quartiles],
        "stats_q_75": [high for _, high in quartiles],
        "stats_number": [None if count is None else 1 for count in counts],
        "stats_repeat": counts,
        "samples": [[_json(sample) for sample in one.samples] or None for one in found],
    }
    row = [columns.get(name) for name in COLUMNS]
    row = [None if isinstance(cells, list) and all(cell is None for cell in cells) else cells for cells in row]
    row[COLUMNS.index("params")] = [list(values) for values in benchmark.params]
    while row and row[-1] is None:
        row.pop()
    return row


def _quartiles(measured: Measured) -> tuple[float | None, float | None]:
    """Return the quartiles of what was measured well; none where asv would have no statistics either."""
    values = [sample for sample in measured.samples if sample is not None]
    if not values:
        return None, None
    low, high = np.quantile(values, [0.25, 0.75])
    return float(low), float(high)


def _json(value: float | None) -> float | None:
    """Return a value as browsers can read it too: an infinite one is a failure. NaN, which asv asks for, stays."""
    return None if value is None or math.isinf(value) else value


def _read(path: Path, version: int) -> dict[str, Any]:
    try:
        plain = read_json(path)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error
    if not isinstance(plain, dict) or plain.pop("version", None) != version:
        raise ResultsError(f'{path} is no such file of asv 0.6: it has to be an object with "version": {version}')
    return plain


def _benchmark(path: Path, plain: Any) -> Benchmark:
    try:
        return Benchmark(
            name=plain["name"],
            kind=plain["type"],
            unit=plain.get("unit", ""),
            param_names=tuple(plain.get("param_names", ())),
            params=tuple(tuple(values) for values in plain.get("params", ())),
            version=str(plain.get("version", "")),
            title=plain.get("pretty_name") or "",
            code=plain.get("code", ""),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ResultsError(f"{path}: a benchmark lacks what asv writes: {type(error).__name__}: {error}") from error


def _record(path: Path) -> Record:
    plain = _read(path, 2)
    try:
        return record_of(plain)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{path} is no result file of asv: {type(error).__name__}: {error}") from error


def record_of(plain: Mapping[str, Any]) -> Record:
    """Return what a result file of asv holds. Raises KeyError, TypeError or ValueError where it is none."""
    seeds = plain.get("seeds", {})
    rows = {name: dict(zip(plain["result_columns"], row, strict=False)) for name, row in plain["results"].items()}
    params = {str(key): str(value) for key, value in plain["params"].items()}
    return Record(
        commit=plain["commit_hash"],
        machine=params.pop("machine"),
        environment=plain["env_name"],
        date=int(plain["date"]),
        series={name: Series(row.get("version"), _cells(row, seeds.get(name))) for name, row in rows.items()},
        params=params,
        python=plain["python"],
    )


def _cells(row: Mapping[str, Any], seeds: Sequence[Sequence[int] | None] | None) -> dict[Cell, Measured]:
    """Return what each cell of a row measured.

    Raises ValueError where columns, or a cell's samples and seeds, differ in length, TypeError where no number is.
    """
    names = list(itertools.product(*(row.get("params") or ())))

    def column(name: str) -> Sequence[Any]:
        values: Sequence[Any] | None = row.get(name)
        return [None] * len(names) if values is None else values

    found = {}
    told = seeds if seeds is not None else [None] * len(names)
    columns = (column(name) for name in ("result", "stats_ci_99_a", "stats_ci_99_b", "samples"))
    for cell, value, low, high, samples, of_seeds in zip(names, *columns, told, strict=True):
        if of_seeds and len(of_seeds) != len(samples or ()):
            raise ValueError(f"{len(of_seeds)} seeds and {len(samples or ())} samples")
        taken = tuple(_number(sample) for sample in samples or ())
        value = value if is_value(value) else None
        found[cell] = Measured(value, _number(low), _number(high), taken, tuple(map(int, of_seeds or ())))
    return found


def _number(value: Any) -> float | None:
    if value is not None and not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return _json(value)
