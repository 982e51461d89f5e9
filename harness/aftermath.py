"""What sessions have left: for tests that ask whether every finished run is there, once, and no process is.

What `stored` returns is all that the results folder of a suite holds; `survivors` are the processes of all sessions of
a `harness.testing.Bench`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from harness import store, upkeep

if TYPE_CHECKING:
    from harness.testing import Bench


@dataclass(frozen=True)
class Stored:
    """One stored attempt at a run of the method `fault`."""

    run: str
    attempt: int
    ending: str
    seed: int
    status: str
    reason: str
    session: str
    values: Mapping[tuple[str, int, str], float]  # by split, step and metric


def stored(folder: Path) -> list[Stored]:
    """Return the attempts in a results folder. Raises AssertionError where any is damaged, doubled or in pieces."""
    problems = upkeep.verify(folder).problems
    assert not problems, problems
    rows = sorted(store.read(folder).rows.to_pylist(), key=_key)
    found = [_joined(list(group)) for _, group in itertools.groupby(rows, key=_key)]
    numbers = [(one.run, one.attempt) for one in found]
    expected = [(run, n) for run, group in itertools.groupby(numbers, lambda number: number[0])
                for n in range(1, 1 + len(list(group)))]  # fmt: skip
    assert numbers == expected, f"attempts are missing: {numbers}"
    sizes = {len(one.values) for one in found if one.status == "done"}
    assert len(sizes) <= 1, f"finished runs lack values: they have {sizes}"
    return found


def _key(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["run"], row["attempt"]


def _joined(rows: list[dict[str, Any]]) -> Stored:
    values = {(row["split"], row["step"], row["metric"]): row["value"] for row in rows}
    assert len(values) == len(rows), f"doubled: {rows}"
    first = rows[0]
    for column in ("session", "status", "reason", "started_at"):
        assert {row[column] for row in rows} == {first[column]}, f"an attempt of several kinds: {rows}"
    return Stored(
        first["run"],
        first["attempt"],
        json.loads(first["method_params"])["ending"],
        first["seed"],
        first["status"],
        first["reason"],
        first["session"],
        {key: value for key, value in values.items() if key[0] is not None},
    )


def survivors(bench: Bench, within: float = 60.0) -> list[str]:
    """Return the processes that sessions of `bench` have left, and that have not ended `within` seconds."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not any(_processes(bench)), within)
    return [" ".join(process.cmdline()) for process in _processes(bench)]


def processes(bench: Bench) -> list[psutil.Process]:
    """Return the processes of all sessions of `bench`, those that runs have started and left included."""
    return list(_processes(bench))


def _processes(bench: Bench) -> Iterator[psutil.Process]:
    # What a process is given to tell it by, its children inherit, wherever they go.
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("BENCH_LOCKS") == str(bench.folder / "locks"):
                yield process


def wait_until(condition: Callable[[], object], seconds: float = 240.0) -> None:
    """Wait until a condition holds. Raises TimeoutError where that takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited for {seconds} s in vain")
        time.sleep(0.02)
