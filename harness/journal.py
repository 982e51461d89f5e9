"""One session's append-only file: a line per finished run, on disk before anyone is told.

A line is a checksum and a JSON record. The file is locked and touched for as long as its session lives, so that others,
on this machine or on another one that shares the disk, can tell a session that lives from one that died.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import secrets
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import ResultsError

SUFFIX = ".journal"
BEAT = 10.0  # seconds between two signs of life
SILENCE = 90.0  # seconds without one after which a session on another machine counts as dead


class Journal:
    """The file of a session that lives. `header` is its first record."""

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        """Make a new journal in `folder`. Raises OSError or ResultsError where it cannot be written."""
        self._folder = folder
        self._header = {**header, "machine": machine()}
        self._closed = threading.Event()
        self._file = self._begin()
        threading.Thread(target=self._beat, daemon=True).start()

    @property
    def path(self) -> Path:
        return Path(str(self._file.name))

    @property
    def session(self) -> str:
        """The session's name: when it began, and a random part."""
        return self.path.stem

    def append(self, record: Mapping[str, Any]) -> bool:
        """Add a record, on disk when this returns. Raises ResultsError, with the file as it was, where that fails.

        Gives False, and nothing is added, where this session was taken for dead, after a long sleep of this machine,
        and published: it goes on in another file, and so under another name.
        """
        _append(self._file, record)
        if os.fstat(self._file.fileno()).st_nlink:
            return True
        self._file.close()
        try:
            self._file = self._begin()
        except OSError as error:
            raise ResultsError(f"{self._folder}: cannot be written: {error}") from error
        return False

    def close(self) -> None:
        """Let go of the file."""
        self._closed.set()
        self._file.close()

    def _begin(self) -> io.FileIO:
        while True:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}{SUFFIX}"
            file = io.FileIO(self._folder / name, "a+")  # unbuffered: nothing is left to write when it closes
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                break
            file.close()  # another session took it for abandoned before it was locked, and removed it
        _append(file, self._header)
        sync(self._folder)
        return file

    def _beat(self) -> None:
        while not self._closed.wait(BEAT):
            with contextlib.suppress(OSError, ValueError):  # a full disk is noticed elsewhere; the file may just close
                os.utime(self._file.fileno())


@dataclass(frozen=True)
class Contents:
    """What a journal holds: its header, its records, and a description of each line that cannot be read."""

    header: dict[str, Any]
    records: list[dict[str, Any]]
    damages: list[str]


def read(path: Path) -> Contents:
    """Read a journal, that of a living session too. Raises FileNotFoundError, or ResultsError for other failures."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line break was cut off by a death
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error}") from error
    header, records, damages = dict[str, Any](), [], []
    for number, line in enumerate(lines, start=1):
        record = parse(line)
        if record is not None and is_attempt(record):
            records.append(record)
        elif record is not None and number == 1:
            header = record
        else:
            damages.append(f"{path}:{number}: damaged line")
    return Contents(header, records, damages)


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, or None for a damaged one."""
    checksum, _, text = line.partition(b" ")
    if f"{zlib.crc32(text):08x}".encode() != checksum:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def is_attempt(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is of an attempt, and not a header."""
    return isinstance(record.get("common"), dict) and isinstance(record.get("values"), list)


@contextlib.contextmanager
def taken_over(path: Path) -> Iterator[bool]:
    """Hold the journal of a dead session while the body runs.

    Gives False where it lives, the file is gone, or it may not be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb+"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_dead = bool(os.fstat(file.fileno()).st_nlink) and not _beats(path)
        except OSError:
            is_dead = False
        yield is_dead


def is_alive(path: Path) -> bool:
    """Tell whether the session of a journal lives."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return _beats(path)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False


def machine() -> str:
    """Return what tells this machine, as booted, from all others: on it, a lock that can be taken is proof of death."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return os.uname().nodename


def sync(folder: Path) -> None:
    """Have a folder's entries, such as a renamed file, on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beats(path: Path) -> bool:
    """Tell whether a session of another machine, whose lock may not reach here, has lately given a sign of life."""
    with open(path, "rb") as file:
        header = parse(file.readline().rstrip(b"\n"))
    if header is not None and header.get("machine") == machine():
        return False
    return _now(path.parent) - path.stat().st_mtime < SILENCE


def _now(folder: Path) -> float:
    """Return the time by the clock of the disk that a folder is on, or by ours where it cannot be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def _append(file: io.FileIO, record: Mapping[str, Any]) -> None:
    """Write a record as one line and have it on disk; where there is no room for it, leave the file as it was."""
    # A plugin's message may hold half a character, as of a file name that is no text; Parquet would refuse it.
    text = json.dumps(record, ensure_ascii=False).encode(errors="replace")
    line, before = f"{zlib.crc32(text):08x} ".encode() + text + b"\n", os.fstat(file.fileno()).st_size
    try:
        while line:  # the system may take a part only, and complain about the rest
            line = line[file.write(line) :]
        os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            file.truncate(before)
        raise ResultsError(f"{file.name!s}: cannot be written: {error}") from error
