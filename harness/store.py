"""Where results lie: ``results/<suite>/``, one row per measured value.

A session (one `bench run`) appends each finished run to ``_journal/<session>.jsonl`` and syncs it to disk; at its end
it leaves one ``<session>.parquet``, written aside and renamed. A journal whose session died is read as it is, and
published by the next session. Only Parquet files stand visibly in the folder, so that ``pandas.read_parquet(folder)``
is the whole table: pandas passes over names that begin with "_".
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import ResultsError

SCHEMA_VERSION = 1

_TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("suite", _TEXT),
        ("run", _TEXT),  # the run's id
        ("family", _TEXT),
        ("method", _TEXT),
        ("method_params", _TEXT),  # JSON, keys sorted, defaults included
        ("method_version", _TEXT),  # of the distribution that ships it
        ("task", _TEXT),
        ("task_params", _TEXT),
        ("task_version", _TEXT),
        ("seed", pa.int64()),
        ("split", _TEXT),  # null, as all up to unit, where a run ended before it measured anything
        ("step", pa.int64()),
        ("metric", _TEXT),
        ("value", pa.float64()),
        ("unit", _TEXT),
        ("status", _TEXT),  # done, failed, killed, diverged, skipped
        ("reason", _TEXT),
        ("attempt", pa.int64()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("seconds", pa.float64()),  # wall time of the whole run
        ("device", _TEXT),
        ("hardware", _TEXT),  # digest; in full in the file's metadata
        ("environment", _TEXT),  # likewise
        ("source", _TEXT),  # digest of the code of method, task, metrics and data sets
        ("task_source", _TEXT),  # likewise without the method
        ("libraries", _TEXT),  # JSON: the versions of those that this code imports
        ("data", _TEXT),  # name:digest of each data set read
        ("host", _TEXT),
        ("session", _TEXT),
        ("schema_version", pa.int64()),
    ]
)
VALUE_COLUMNS = ("split", "step", "metric", "value", "unit")

JOURNAL, LOGS, REPORT = "_journal", "_logs", "_report"


@dataclass(frozen=True)
class Session:
    """The journal of one `bench run`, locked for as long as the session lives."""

    folder: Path
    name: str
    file: io.FileIO

    def append(self, common: Mapping[str, Any], values: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Store a finished run: on disk when this returns. Returns its rows."""
        record = {"common": {**common, "session": self.name, "schema_version": SCHEMA_VERSION}, "values": list(values)}
        _append(self.file, record)
        return _rows(record)

    def close(self) -> Path | None:
        """Leave the session's Parquet file and return its path, or None when nothing was stored."""
        with self.file:
            return _publish(self.folder, Path(str(self.file.name)))


def open_session(folder: Path, header: Mapping[str, Any]) -> Session:
    """Begin a session in a results folder, making the folder where it is missing.

    `header` holds what the rows refer to by digest, and the suite; it goes into the metadata of the Parquet file.
    Raises ResultsError where the folder cannot be written.
    """
    try:
        for part in (JOURNAL, LOGS, REPORT):
            (folder / part).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # the Parquet file will have to be written here
        file = _locked_journal(folder / JOURNAL)
        _append(file, header)
        _sync(folder / JOURNAL)
    except (OSError, ResultsError) as error:
        raise ResultsError(
            f"results folder {folder} cannot be written: {error}; choose another with --results"
        ) from error
    return Session(folder, Path(str(file.name)).stem, file)


def _append(file: io.FileIO, record: Mapping[str, Any]) -> None:
    """Write a record as one line and have it on disk; where there is no room for it, leave the file as it was."""
    line, before = (json.dumps(record) + "\n").encode(), os.fstat(file.fileno()).st_size
    try:
        while line:  # the system may take a part only, and complain about the rest
            line = line[file.write(line) :]
        os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            file.truncate(before)
            file.seek(before)
        raise ResultsError(f"{file.name!s}: cannot be written: {error}") from error


def _locked_journal(folder: Path) -> io.FileIO:
    """Make a new journal and lock it."""
    while True:
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        file = io.FileIO(folder / f"{name}.jsonl", "x")  # unbuffered: nothing is left to write when it closes
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # another session took it for abandoned before it was locked, and removed it


def publish_abandoned(folder: Path) -> list[Path]:
    """Publish the journals of sessions that died, and return the Parquet files that came of them."""
    published = []
    for journal in sorted((folder / JOURNAL).glob("*.jsonl")):
        try:
            with open(journal, "r+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path = _publish(folder, journal)
        except (BlockingIOError, FileNotFoundError):
            continue  # its session lives, or another one has just published it
        published += [] if path is None else [path]
    return published


def read(folder: Path) -> pa.Table:
    """Return every row in a results folder, those of sessions that have not ended or died included, each once.

    Raises ResultsError where there is no such folder or a file in it is damaged.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such results folder")
    # Journals first: one that becomes a Parquet file in between is then seen twice rather than not at all.
    journals = {path.stem: _read_journal(path)[1] for path in sorted((folder / JOURNAL).glob("*.jsonl"))}
    files = {path.stem: path for path in sorted(folder.glob("*.parquet")) if path.name[0] not in "._"}
    tables = [_read_parquet(path)[1] for path in files.values()]
    rows = [row for name, found in journals.items() if name not in files for row in found]
    return pa.concat_tables([*tables, pa.Table.from_pylist(rows, schema=SCHEMA)])


def read_headers(folder: Path) -> list[dict[str, Any]]:
    """Return the headers of all sessions in a results folder, oldest first."""
    headers = {path.stem: _read_journal(path)[0] for path in (folder / JOURNAL).glob("*.jsonl")}
    headers |= {path.stem: _read_parquet(path)[0] for path in folder.glob("*.parquet") if path.name[0] not in "._"}
    return [headers[name] for name in sorted(headers)]


def _publish(folder: Path, journal: Path) -> Path | None:
    header, rows = _read_journal(journal)
    path = folder / f"{journal.stem}.parquet"
    if rows and not path.exists():
        table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({"bench": json.dumps(header)}))
        aside = folder / JOURNAL / f"{journal.stem}.parquet.tmp"
        try:
            pq.write_table(table, aside)
            with open(aside, "rb") as file:
                os.fsync(file.fileno())
            aside.rename(path)
            _sync(folder)
        except OSError as error:
            raise ResultsError(f"{path}: cannot be written: {error}; the rows are safe in {journal}") from error
    journal.unlink(missing_ok=True)
    return path if rows else None


def _read_journal(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}, []  # published since it was listed
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error}") from error
    header: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line break was cut off by a death
        try:
            record = json.loads(line)
            if number == 1:
                header = dict(record)
            else:
                rows += _rows(record)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ResultsError(f"{path}:{number}: damaged line: {type(error).__name__}: {error}") from error
    return header, rows


def _rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    common = dict(record["common"])
    common["started_at"] = datetime.fromisoformat(common["started_at"])
    values = record["values"] or [dict.fromkeys(VALUE_COLUMNS)]
    return [{**common, **value} for value in values]


def _read_parquet(path: Path) -> tuple[dict[str, Any], pa.Table]:
    """Return the header and the rows of a session's file."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        if b"bench" not in metadata:
            raise ResultsError(f"{path}: not written by bench: its metadata has no key 'bench'; move it away")
        table = pq.read_table(path, schema=SCHEMA, partitioning=None).replace_schema_metadata()
        return json.loads(metadata[b"bench"]), table
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ResultsError(f"{path}: damaged, or not a results file: {error}") from error


def _sync(folder: Path) -> None:
    """Have a folder's entries, such as a renamed file, on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
