"""Files from elsewhere, for the functions of data sets: fetched once, and believed only by their sha256.

They lie in ``<data folder>/_downloads``. Where there is no network, a file that was obtained otherwise is brought there
by `bench data import`, or by hand to the path that the error names; it is verified like any other.
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
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from harness.data import data_folder, locked
from harness.errors import DataError
from harness.spec import File
from harness.text import NAME_RULE, is_name

SILENCE = 60.0  # seconds without a byte after which a server is given up
PATIENCE = 24 * 3600.0  # seconds that a whole download may take
PIECE = 2**20

Progress = Callable[[int, int | None], None]  # called with the bytes that are here, and with all that there are to be


def located(name: str, sources: tuple[tuple[File, ...], ...]) -> dict[str, Path]:
    """Return the raw files of the data set `name`, by their names, in the first of the forms that is whole here.

    Nothing is fetched. Raises DataError, which says what to do, where no form is whole; and for a damaged file.
    """
    for form in sources:
        paths = {file.name: kept(name, file) for file in form}
        if all(path.exists() for path in paths.values()):
            for file in form:
                verify(name, file)
            return paths
    wanted = ", ".join(file.name for file in sources[0])
    ways = [f"`bench data import {name} PATH` takes a local copy"]
    if all(file.url for file in sources[0]):
        ways.insert(0, f"`bench data get {name}` fetches it")
    raise DataError(f"no {wanted} in {data_folder()}: {', '.join(ways)}")


def kept(name: str, file: File) -> Path:
    """Return where a raw file of the data set `name` lies, if it is here."""
    return data_folder() / "_downloads" / f"{file.sha256[:16] or name}-{file.name}"


def digest_file(path: Path) -> Path:
    """Return the file beside a raw file without a published sha256 that holds the one it had when it was imported."""
    return path.with_name(f"{path.name}.sha256")


def verify(name: str, file: File) -> None:
    """Raise DataError where a raw file that is here is damaged."""
    path = kept(name, file)
    try:
        sha256 = file.sha256 or digest_file(path).read_text().strip()
        _verify(path, sha256, path.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; delete it, and import it again") from error


def download(url: str, *, sha256: str, name: str = "", progress: Progress | None = None) -> Path:
    """Return the file with this digest, fetching it first where no earlier call has.

    It lies in ``<data folder>/_downloads/<sha256[:16]>-<name>``, where `name` is by default the last part of the URL's
    path. Processes that ask for it at the same time wait for the one that fetches it. What has come of a file when its
    transfer breaks off is kept, and the next call goes on from there where the server can. Raises DataError for a URL
    that is not of http or https, a file that cannot be fetched or stored, or one whose digest is another.
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
                    _fetch(url, sha256, path, progress or _silent)
        _verify(path, sha256, path.stat().st_mtime_ns)
    except OSError as error:
        raise DataError(f"{url} cannot be kept as {path}: {error}; set BENCH_DATA to another folder") from error
    return path


def _silent(received: int, size: int | None) -> None:
    pass


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


def _fetch(url: str, sha256: str, path: Path, progress: Progress) -> None:
    """Put what `url` gives at `path`, or raise DataError and leave what has come beside it, for the next call."""
    aside = path.with_name(f".{path.name}.part")
    if aside.is_symlink():  # to write there would be to write elsewhere
        aside.unlink()
    try:
        with open(aside, "a+b") as file:
            _complete(url, sha256, path, file, progress)
        aside.rename(path)
    finally:
        if aside.exists() and not aside.stat().st_size:
            aside.unlink()


def _complete(url: str, sha256: str, path: Path, file: Any, progress: Progress) -> None:
    """Append to `file` what it lacks of what `url` gives, or raise DataError; emptied where its digest is another."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")
    if digest.hexdigest() != sha256:  # of a process that died before the last step, the file may be whole
        for offset, piece in _pieces(url, path, file.tell(), progress):
            if not offset:
                file.truncate(0)
                digest = hashlib.sha256()
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != sha256:
        file.truncate(0)
        raise DataError(f"{url} gave a file with the sha256 {digest.hexdigest()}, not {sha256}; it is deleted")
    file.flush()
    os.fsync(file.fileno())


def _pieces(url: str, path: Path, begun: int, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Yield what a URL gives, piece by piece with its offset: from `begun` on where the server can, else from 0.

    Raises DataError, which names `path`, where that does not come to its end.
    """
    deadline = time.monotonic() + PATIENCE
    try:
        with _response(url, begun) as response:
            offset = begun if response.headers.get("Content-Range", "").startswith(f"bytes {begun}-") else 0
            size = None if response.length is None else offset + response.length
            while offset != size and (piece := response.read1(PIECE)):
                yield offset, piece
                offset += len(piece)
                progress(offset, size)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not at its end after {PATIENCE:.0f} s")
            if size is not None and offset < size:
                raise EOFError(f"it ended after {offset} of {size} bytes")
    except (OSError, EOFError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        why = str(error) or type(error).__name__
        raise DataError(
            f"{url} cannot be fetched: {why}; the file, obtained otherwise, may be put at {path}"
        ) from error


def _response(url: str, begun: int) -> Any:
    headers = {"User-Agent": "bench-harness"}  # some turn urllib's own away
    if begun:
        headers["Range"] = f"bytes={begun}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        return urllib.request.build_opener(_Redirects).open(request, timeout=SILENCE)
    except urllib.error.HTTPError as error:
        if not begun or error.code != 416:
            raise
        error.close()  # it has no such range: what has come is of another file
        return _response(url, 0)


@cache
def _verify(path: Path, sha256: str, changed_at: int) -> None:
    """Raise DataError where a file has another digest. It is read once in a process, and again when it has changed."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DataError(f"{path} has the sha256 {found}, not {sha256}; delete it, and it is fetched again")
