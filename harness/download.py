"""Files from elsewhere, for the functions of data sets: fetched once, and believed only by their sha256.

They lie in ``<data folder>/_downloads``. Where there is no network, a file that was obtained otherwise is put there by
hand, at the path that the error names; it is verified like any other.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from harness.data import data_folder, locked
from harness.errors import DataError
from harness.text import NAME_RULE, is_name

SILENCE = 60.0  # seconds without a byte after which a server is given up
PATIENCE = 24 * 3600.0  # seconds that a whole download may take
PIECE = 2**20


def download(url: str, *, sha256: str, name: str = "") -> Path:
    """Return the file with this digest, fetching it first where no earlier call has.

    It lies in ``<data folder>/_downloads/<sha256[:16]>-<name>``, where `name` is by default the last part of the URL's
    path. Processes that ask for it at the same time wait for the one that fetches it. Raises DataError for a URL that
    is not of http or https, a file that cannot be fetched or stored, or one whose digest is another.
    """
    address = _address(url)
    name = name or address.path.rpartition("/")[2]
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise DataError(f"{url}: {sha256!r} is no sha256, which is 64 digits of 0-9 and a-f")
    if not is_name(name):
        raise DataError(f"{url}: its file cannot be called {name!r}, since {NAME_RULE}; give another as `name`")
    path = data_folder() / "_downloads" / f"{sha256[:16]}-{name}"
    try:
        if not path.exists():
            with locked(path):
                if not path.exists():  # nobody else has fetched it meanwhile
                    _fetch(url, sha256, path)
        _verify(path, sha256, path.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(f"{url} cannot be kept as {path}: {error}; set BENCH_DATA to another folder") from error
    return path


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https alone, where urllib would go on to ftp."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        try:
            _address(newurl)
        except DataError as error:
            fp.close()
            raise DataError(f"{req.full_url} leads elsewhere: {error}") from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _address(url: str) -> urllib.parse.SplitResult:
    """Return the parts of a URL. Raises DataError for one that is not of http or https."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise DataError(f"{url!r} is no address: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise DataError(f"{url!r} cannot be fetched: it is no address of http or https")
    return parts


def _fetch(url: str, sha256: str, path: Path) -> None:
    """Put what `url` gives at `path`, or raise DataError and leave nothing."""
    aside = path.with_name(f".{path.name}.part")
    digest = hashlib.sha256()
    try:
        aside.unlink(missing_ok=True)  # what a process that died has left
        with open(aside, "xb") as file:
            for piece in _pieces(url, path):
                digest.update(piece)
                file.write(piece)
            if digest.hexdigest() != sha256:
                raise DataError(f"{url} gave a file with the sha256 {digest.hexdigest()}, not {sha256}; it is deleted")
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)


def _pieces(url: str, path: Path) -> Iterator[bytes]:
    """Yield what a URL gives. Raises DataError, which names `path`, where that does not come to its end."""
    deadline = time.monotonic() + PATIENCE
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "bench-harness"})  # some turn urllib's own away
        with urllib.request.build_opener(_Redirects).open(request, timeout=SILENCE) as response:
            received, size = 0, response.length
            while received != size and (piece := response.read1(PIECE)):
                received += len(piece)
                yield piece
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not at its end after {PATIENCE:.0f} s")
            if size is not None and received < size:
                raise EOFError(f"it ended after {received} of {size} bytes")
    except (OSError, EOFError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        why = str(error) or type(error).__name__
        raise DataError(
            f"{url} cannot be fetched: {why}; the file, obtained otherwise, may be put at {path}"
        ) from error


@cache
def _verify(path: Path, sha256: str, changed_at: int) -> None:
    """Raise DataError where a file has another digest. It is read once in a process, and again when it has changed."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DataError(f"{path} has the sha256 {found}, not {sha256}; delete it, and it is fetched again")
