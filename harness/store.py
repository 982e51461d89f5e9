"""Where results lie: ``results/<suite>/``, one row per measured value.

A session (one `bench run`) appends each finished run to ``_journal/<session>.journal`` and syncs it to disk; at its
end it leaves one ``<session>.parquet``, written aside and renamed. A journal whose session died is read as it is, and
published by the next session. Only Parquet files stand visibly in the folder, so that ``pandas.read_parquet(folder)``
is the whole table: pandas passes over names that begin with "_". What is damaged is named and passed over, and never
deleted.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness import journal
from harness.errors import ResultsError
from harness.journal import Journal
from harness.schema import SCHEMA, SCHEMA_VERSION, as_rows, as_table, difference, is_readable, lacking, upgraded

JOURNAL, LOGS, REPORT, LEASES, CHECKPOINTS = "_journal", "_logs", "_report", "_leases", "_checkpoints"
ARTEFACTS = "_artefacts"


@dataclass(frozen=True)
class Session:
    """One `bench run` that stores what it finishes."""

    folder: Path
    journal: Journal

    def append(self, common: Mapping[str, Any], values: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Store a finished run: on disk when this returns. Returns its rows."""
        values, is_stored = list(values), False
        while not is_stored:
            ours = {"session": self.journal.session, "schema_version": SCHEMA_VERSION}
            record = {"common": {**common, **ours}, "values": values}
            is_stored = self.journal.append(record)
        return as_rows(record)

    def close(self) -> Path | None:
        """Leave the session's Parquet file and return its path, or None when nothing was stored."""
        try:
            return _publish(self.folder, self.journal.path)
        finally:
            self.journal.close()


def open_session(folder: Path, header: Mapping[str, Any]) -> Session:
    """Begin a session in a results folder, making the folder where it is missing.

    `header` holds what the rows refer to by digest, and the suite; it goes into the metadata of the Parquet file.
    Raises ResultsError where the folder cannot be written.
    """
    try:
        for part in (JOURNAL, LOGS, REPORT, LEASES, CHECKPOINTS):
            (folder / part).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # the Parquet file will have to be written here
        return Session(folder, Journal(folder / JOURNAL, header))
    except (OSError, ResultsError) as error:
        raise ResultsError(
            f"results folder {folder} cannot be written: {error}; choose another with --results"
        ) from error


def publish_abandoned(folder: Path) -> list[Path]:
    """Publish the journals of sessions that died, and return the Parquet files that came of them."""
    published = []
    for path in journals(folder):
        with journal.taken_over(path) as is_dead:
            published += [_publish(folder, path)] if is_dead else []
    return [path for path in published if path is not None]


@dataclass(frozen=True)
class Stored:
    """A results folder: every row that can be read, the headers of its sessions, and what cannot be read."""

    rows: pa.Table
    headers: list[dict[str, Any]]  # oldest session first
    damages: list[str]  # each names a file, and a line where it is one line


def read(folder: Path) -> Stored:
    """Read a results folder: each row once, those of sessions that have not ended or died included.

    Raises ResultsError where there is no such folder.
    """
    if not folder.is_dir():
        raise ResultsError(f"{folder}: no such results folder")
    # Journals first: one that becomes a Parquet file in between is then seen twice rather than not at all.
    contents = {}
    for path in journals(folder):
        with contextlib.suppress(FileNotFoundError):  # published since it was listed
            contents[path.stem] = journal.read(path)
    files, damages = read_files(folder)
    tables, headers = [SCHEMA.empty_table()], dict[str, dict[str, Any]]()
    for file in once(files):
        tables.append(file.rows)
        headers |= file.headers
    for session, found in contents.items():
        if session not in headers:
            table, strange = as_table(found.records, folder / JOURNAL / f"{session}{journal.SUFFIX}")
            tables.append(table)
            damages += [*found.damages, *strange]
            headers[session] = found.header
    return Stored(pa.concat_tables(tables), [headers[session] for session in sorted(headers)], damages)


@dataclass(frozen=True)
class File:
    """A Parquet file of one or more sessions."""

    path: Path
    headers: dict[str, dict[str, Any]]  # by session
    rows: pa.Table


def journals(folder: Path) -> list[Path]:
    """Return the journals in a results folder, oldest first."""
    return [folder / JOURNAL / name for name in _names(folder / JOURNAL, journal.SUFFIX)]


def files(folder: Path) -> list[Path]:
    """Return the Parquet files in a results folder, oldest first."""
    paths = [folder / name for name in _names(folder, ".parquet") if name[0] not in "._"]
    return [path for path in paths if path.exists()]


def _names(folder: Path, suffix: str) -> list[str]:
    """Return the names in a folder that end so, sorted: asked for each run, and faster than globbing."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(suffix))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_files(folder: Path) -> tuple[list[File], list[str]]:
    """Return the Parquet files that can be read, and what is wrong with the others. See `once` for how they overlap."""
    found, damages = list[File](), list[str]()
    for path in files(folder):
        try:
            found.append(read_file(path))
        except FileNotFoundError:  # compacted since it was listed: what holds its rows now may not have been listed
            return read_files(folder)
        except ResultsError as error:
            damages.append(str(error))
    return found, damages


def once(files: list[File]) -> list[File]:
    """Return files without the sessions that stand in a larger one too; those of which nothing is left are left out.

    Sessions stand twice where compacting was cut short before it removed the parts of a whole, and in folders that
    were copied into one another.
    """
    owners: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: (-len(file.headers), file.path)):
        owners |= dict.fromkeys(file.headers.keys() - owners.keys(), file.path)
    own = [{session for session in file.headers if owners[session] == file.path} for file in files]
    return [_only(file, sessions) for file, sessions in zip(files, own, strict=True) if sessions]


def _only(file: File, sessions: set[str]) -> File:
    if len(sessions) == len(file.headers):
        return file
    elsewhere = pa.array(sorted(file.headers.keys() - sessions), pa.string())
    rows = file.rows.filter(pc.invert(pc.is_in(file.rows["session"], elsewhere)))
    return File(file.path, {session: file.headers[session] for session in sorted(sessions)}, rows)


def read_file(path: Path) -> File:
    """Read a Parquet file. Raises ResultsError where any of it is damaged, or it is not what this program writes."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            found, metadata = file.schema_arrow, file.schema_arrow.metadata or {}
            if b"bench" not in metadata:
                raise ResultsError(f"{path}: not written by bench: its metadata has no key 'bench'; move it away")
            if not is_readable(found):
                raise ResultsError(f"{path}: its columns are not those of a results file{difference(found)}")
            headers, rows = json.loads(metadata[b"bench"]), upgraded(file.read().replace_schema_metadata())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise ResultsError(f"{path}: damaged, or not a results file: {error}") from error
    if isinstance(headers, dict) and "schema_version" in headers:
        headers = {path.stem: headers}  # before files held several sessions
    if fault := _fault(headers, rows):
        raise ResultsError(f"{path}: damaged, or not a results file: {fault}")
    return File(path, headers, rows)


def _fault(headers: Any, rows: pa.Table) -> str:
    """Say what no file of this program's has; nothing where there is no such thing."""
    if not isinstance(headers, dict) or not all(isinstance(header, dict) for header in headers.values()):
        return "its headers are no mappings"
    if rows.num_rows and not headers:
        return "it has no header"
    return lacking(rows)


def write_file(path: Path, rows: pa.Table, headers: Mapping[str, Mapping[str, Any]]) -> None:
    """Write a Parquet file so that it is there whole or not at all. Raises OSError."""
    aside = path.parent / JOURNAL / f"{path.name}.tmp"
    aside.parent.mkdir(exist_ok=True)  # a published folder has none
    pq.write_table(rows.replace_schema_metadata({"bench": json.dumps(headers)}), aside, write_page_checksum=True)
    with open(aside, "rb") as file:
        os.fsync(file.fileno())
    aside.rename(path)
    journal.sync(path.parent)


def _publish(folder: Path, path: Path) -> Path | None:
    """Turn a journal into a Parquet file. One with damaged or strange lines is kept under another name."""
    target = folder / f"{path.stem}.parquet"
    try:
        contents = journal.read(path)
    except FileNotFoundError:  # another machine took the session for dead, and published it
        return None
    rows, strange = as_table(contents.records, path)
    if rows.num_rows and not target.exists():
        try:
            write_file(target, rows, {path.stem: contents.header})
        except OSError as error:
            raise ResultsError(f"{target}: cannot be written: {error}; the rows are safe in {path}") from error
    if contents.damages or strange:
        path.rename(path.with_suffix(".damaged"))
    else:
        path.unlink(missing_ok=True)
    return target if rows.num_rows else None
