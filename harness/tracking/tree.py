"""asv's results tree, as far as measuring adds to it: which values of a commit are there, and new ones beside them.

A file ``<machine>/<hash>-<environment>.json`` has, for each benchmark, columns; those of `_EACH` hold a value for each
combination of the benchmark's parameters, in the order of `itertools.product`. Unlike asv, which replaces a benchmark's
columns, `add` keeps what is there of other combinations, so that a method installed later joins the others.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import secrets
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import ResultsError

Key = tuple[str, ...]  # a combination of parameters, each as asv writes it: its repr
Benchmark = dict[str, Any]  # what asv finds out of a benchmark: name, params, version, …

COLUMNS = ("result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b", "stats_q_25",
           "stats_q_75", "stats_number", "stats_repeat", "samples", "profile")  # fmt: skip
_EACH = tuple(name for name in COLUMNS if name in ("result", "samples") or name.startswith("stats_"))


def combinations(benchmark: Mapping[str, Any]) -> list[Key]:
    """Return the combinations of a benchmark's parameters, in asv's order; the empty one where it has none."""
    return list(itertools.product(*benchmark["params"]))


def spelled(benchmark: Benchmark, key: Key) -> str:
    """Return how asv spells a benchmark with a combination of parameters."""
    return f"{benchmark['name']}({', '.join(key)})" if benchmark["params"] else str(benchmark["name"])


def read_json(path: Path) -> Any:
    """Read a file of the tree. Raises ResultsError where it is damaged, FileNotFoundError where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: damaged: {error}; delete it to measure its commit again") from None


def write_json(path: Path, content: Any) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ResultsError(f"{path}: cannot be written: {error}") from error


def measured(path: Path, benchmark: Benchmark) -> set[Key]:
    """Return the combinations of a benchmark, as it is now versioned, that a results file has a value of."""
    try:
        content = read_json(path)
    except FileNotFoundError:
        return set()
    found = row(content, benchmark["name"])
    if found.get("version") != benchmark["version"]:
        return set()
    return {key for key, cell in each(found).items() if "result" in cell}


def add(path: Path, content: Mapping[str, Any], name: str, asked: Collection[Key]) -> None:
    """Add a benchmark's columns, from what asv has just written (`content`), to a results file.

    Only the combinations that were `asked` for are taken: asv gives the others NaN, as it does what was skipped.
    Combinations of an earlier version of the benchmark go, as do those with more or fewer parameters; of this version
    those stay that were not measured again.
    What is no number, or infinite, which asv takes as it comes, counts as failed.
    """
    try:
        stored = read_json(path)
    except FileNotFoundError:
        stored = {**content, "result_columns": list(COLUMNS), "results": {}}
    stored["durations"] = {**stored.get("durations", {}), **content.get("durations", {})}
    new, old = row(content, name), row(stored, name)
    cells = {key: cell for key, cell in each(new).items() if key in asked and is_value(cell.get("result"))}
    params = new["params"]
    if old and old.get("version") == new.get("version") and len(old["params"]) == len(params):
        cells = each(old) | cells
        params = [union(*both) for both in zip(new["params"], old["params"], strict=True)] if cells else params
    columns = [new | {"params": params} | _columns(cells, params)]
    stored["result_columns"] = list(COLUMNS)
    stored["results"] = {other: _trimmed(row(stored, other)) for other in stored["results"]}
    stored["results"][name] = _trimmed(columns[0])
    write_json(path, stored)


def is_value(result: object) -> bool:
    """Tell whether a result is one that was measured: a number, or the NaN of what was skipped."""
    return isinstance(result, int | float) and not math.isinf(result)


def union(*lists: Iterable[str]) -> list[str]:
    """Return what any list holds, each once, in the order of the first, then of the others."""
    return list(dict.fromkeys(itertools.chain(*lists)))


def row(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a benchmark's columns by name; nothing where the file has none of it."""
    row = content["results"].get(name)
    return {} if row is None else dict(zip(content["result_columns"], row, strict=False))


def each(row: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    """Return, for each combination of a row's parameters, those of its columns that hold something."""
    keys = combinations(row) if row else []
    cells: dict[Key, dict[str, Any]] = {key: {} for key in keys}
    for column in _EACH:
        for key, value in zip(keys, row.get(column) or [], strict=False):
            if value is not None:
                cells[key][column] = value
    return {key: cell for key, cell in cells.items() if cell}


def _columns(cells: Mapping[Key, Mapping[str, Any]], params: list[list[str]]) -> dict[str, Any]:
    keys = list(itertools.product(*params))
    columns = {column: [cells.get(key, {}).get(column) for key in keys] for column in _EACH}
    return {
        column: values if any(value is not None for value in values) else None for column, values in columns.items()
    }


def _trimmed(row: Mapping[str, Any]) -> list[Any]:
    values = [row.get(column) for column in COLUMNS]
    while values and values[-1] is None:
        values.pop()
    return values
