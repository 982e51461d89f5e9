"""Results folders checked, compacted and united. Nothing that is valid is ever deleted before it stands elsewhere."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harness import artefacts, journal, logs, schema, store
from harness.errors import ResultsError
from harness.store import File


@dataclass(frozen=True)
class Finding:
    """What `verify` found: a line for each file that is sound, and one for each problem."""

    lines: list[str]
    problems: list[str]


def verify(folder: Path) -> Finding:
    """Read every file of a results folder. Raises ResultsError where there is no such folder."""
    stored = store.read(folder)
    files, _ = store.read_files(folder)
    lines = [f"{file.path}: {file.rows.num_rows} rows of {_sessions(len(file.headers))}" for file in files]
    for path in store.journals(folder):
        with contextlib.suppress(FileNotFoundError):  # published since it was listed
            state = "is running" if journal.is_alive(path) else "died, and the next `bench run` publishes it"
            lines.append(f"{path}: {len(journal.read(path).records)} attempts of a session that {state}")
    kept = sorted((folder / store.JOURNAL).glob("*.damaged"))
    problems = [
        *stored.damages,
        *(f"{path}: has damaged lines; the others are published, so delete it once you have looked" for path in kept),
        *_doubled(stored.rows),
        *_damaged_artefacts(folder),
    ]
    checkpoints = [path.stat().st_size for path in (folder / store.CHECKPOINTS).glob("*.pt")]
    if checkpoints:
        lines.append(f"{folder / store.CHECKPOINTS}: {len(checkpoints)} runs to be taken up again")
    return Finding(lines, problems)


def _damaged_artefacts(folder: Path) -> Iterator[str]:
    for _, path in artefacts.of(folder):
        try:
            artefacts.read(path)
        except ResultsError as error:
            yield str(error)


def _sessions(count: int) -> str:
    return f"{count} session" + "s" * (count > 1)


def _doubled(rows: pa.Table) -> list[str]:
    """Name the attempts that more than one session has stored."""
    counts = rows.group_by(["run", "attempt"]).aggregate([("session", "count_distinct")])
    double = counts.filter(pc.greater(counts["session_count_distinct"], 1)).to_pylist()
    return [
        f"run {row['run']}, attempt {row['attempt']}: two sessions have stored it; the first counts" for row in double
    ]


def compact(folder: Path) -> str:
    """Merge the Parquet files of a folder into one, those of sessions that died included, and say what was done.

    The whole is on disk before a part is removed, and readers know parts whose whole stands beside them; what a death
    in between leaves, the next call removes. A damaged file stays as it is. Raises ResultsError where there is no such
    folder or it cannot be written.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such results folder")
    with _changing(folder):
        store.publish_abandoned(folder)
        found, damages = store.read_files(folder)
        if len(parts := store.once(found)) > 1:
            path = _write(folder, pa.concat_tables([part.rows for part in parts]), _headers(parts))
            found.append(store.read_file(path))  # read back: only what can be read replaces the others
        whole = store.once(found)
        kept = {file.path for file in whole}
        superfluous = [file.path for file in found if file.path not in kept]
        for path in superfluous:
            path.unlink(missing_ok=True)
    left = "".join(f"; left alone: {damage}" for damage in damages)
    if not superfluous:
        return f"{folder}: nothing to merge{left}"
    return f"{whole[0].path}: {whole[0].rows.num_rows} rows of {_sessions(len(whole[0].headers))}{left}"


@contextlib.contextmanager
def _changing(folder: Path) -> Iterator[None]:
    """Be the only one that merges files in a folder, while the body runs; wait for another one.

    Where the disk knows no locks, two may merge at once: `store.once` then has both keep the same files. Raises
    ResultsError for whatever the disk refuses.
    """
    try:
        (folder / store.JOURNAL).mkdir(parents=True, exist_ok=True)
        with open(folder / store.JOURNAL / "upkeep.lock", "a") as file:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX)
            for left in (folder / store.JOURNAL).glob("*-sessions-*.tmp"):  # by one that died
                left.unlink(missing_ok=True)
            yield
    except OSError as error:
        raise ResultsError(f"{folder} cannot be changed: {error}; nothing is lost") from error


def _write(folder: Path, rows: pa.Table, headers: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write rows of several sessions as one file."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{len(headers)}-sessions-{secrets.token_hex(4)}.parquet"
    store.write_file(folder / name, rows, headers)
    return folder / name


def _headers(files: Iterable[File]) -> dict[str, dict[str, Any]]:
    return {session: header for file in files for session, header in file.headers.items()}


def merge(target: Path, source: Path) -> str:
    """Add to the results in `target` those in `source`, another folder of the same suite, and say what was done.

    Sessions that `target` has already are left out, and so are runs that it has done; attempts at the others are
    numbered on from its own. Logs and artefacts come along. `source` stays as it is. Raises ResultsError where a folder
    cannot be read or written, a session in it is running, or the two are of different suites.
    """
    if target.resolve() == source.resolve():
        raise ResultsError(f"{source}: cannot be merged with itself")
    theirs = _read_at_rest(source)
    if theirs.damages:
        raise ResultsError(f"{theirs.damages[0]}; merge would leave out what it holds: repair or move it away first")
    if not theirs.rows.num_rows:
        raise ResultsError(f"{source}: holds no results; name the results folder of one suite, such as results/ssm")
    odd = [run for run in pc.unique(theirs.rows["run"]).to_pylist() if not logs.is_run(run)]
    if odd:  # it becomes part of the names of files
        raise ResultsError(f"{source}: holds a run {odd[0]!r}, which is not the id of a run")
    with _changing(target):
        return _merge(target, source, theirs)


def _merge(target: Path, source: Path, theirs: store.Stored) -> str:
    ours = _read_at_rest(target)
    suites = {str(row) for rows in (ours.rows, theirs.rows) for row in pc.unique(rows["suite"])}
    if len(suites) > 1:
        raise ResultsError(f"{source} and {target} hold different suites: {', '.join(sorted(suites))}")
    rows = theirs.rows.to_pylist()
    new, numbers = _renumbered(ours.rows.to_pylist(), rows)
    if not new:
        return f"{target}: has all of {source} already"
    (target / store.LOGS).mkdir(exist_ok=True)
    for (run, before), after in numbers.items():
        log = logs.log_path(source, run, before)
        if log.is_file() and not log.is_symlink():  # one that leads elsewhere is not what a run has printed
            shutil.copyfile(log, logs.log_path(target, run, after))
    _copy_artefacts(source, target, {run for run, _ in numbers})
    known = _headers(store.read_files(source)[0])
    known |= {path.stem: journal.read(path).header for path in store.journals(source)}
    headers = {session: known.get(session, {}) for session in sorted({row["session"] for row in new})}
    path = _write(target, pa.Table.from_pylist(new, schema=schema.SCHEMA), headers)
    left_out = len({(row["run"], row["attempt"]) for row in rows}) - len(numbers)
    added = f"{len(numbers)} attempt" + "s" * (len(numbers) != 1)
    return f"{path}: {added} added; {left_out} left out, since {target} has them or has done their runs"


def _copy_artefacts(source: Path, target: Path, runs: set[str]) -> None:
    for run, path in artefacts.of(source):
        if run in runs and not path.is_symlink():
            (target / store.ARTEFACTS).mkdir(exist_ok=True)
            shutil.copyfile(path, target / store.ARTEFACTS / path.name)


def _read_at_rest(folder: Path) -> store.Stored:
    """Read a results folder. Raises ResultsError while a session in it runs: it may end any run in the meantime."""
    for path in store.journals(folder):
        if journal.is_alive(path):
            raise ResultsError(f"{path}: its session is running; merge when it has ended")
    return store.read(folder)


def _renumbered(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[tuple[str, int], int]]:
    """Return the rows of `theirs` that are new to `ours`, and for each attempt among them its number there."""
    sessions, done = {row["session"] for row in ours}, {row["run"] for row in ours if row["status"] == "done"}
    last: dict[str, int] = {}
    for row in ours:
        last[row["run"]] = max(last.get(row["run"], 0), row["attempt"])
    rows = [row for row in theirs if row["session"] not in sessions and row["run"] not in done]
    numbers: dict[tuple[str, int], int] = {}
    for run, attempt in sorted({(row["run"], row["attempt"]) for row in rows}):
        last[run] = numbers[run, attempt] = last.get(run, 0) + 1
    return [row | {"attempt": numbers[row["run"], row["attempt"]]} for row in rows], numbers
