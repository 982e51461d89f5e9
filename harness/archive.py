"""Archives from elsewhere, unpacked so that nothing in them reaches beyond the folder that they are unpacked into."""

from __future__ import annotations

import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from harness.data import locked
from harness.errors import DataError

LARGEST = 200 * 2**30  # bytes that an archive may hold; one that claims more is taken for a bomb
LONGEST = 4096  # characters of a member's name, which no system's paths exceed

Place = tuple[str, ...]  # the parts of a path below the folder that is unpacked into


@dataclass(frozen=True)
class _Member:
    """A file or folder of an archive; `odd` says what it is where it is neither."""

    name: str
    size: int
    is_folder: bool
    odd: str
    open: Callable[[], IO[bytes] | None]


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip archive, or a tar archive however compressed, into `folder`, and return that.

    A folder that already holds anything is taken for the work of an earlier call. Processes that ask for it at the same
    time wait for the one that makes it. Names and contents are taken from the archive, modes and owners are not.

    Raises DataError for an archive that is damaged; and, before anything is written, for one with a member that would
    lie elsewhere, is a link or a device, or is written twice, or whose members are larger than LARGEST together.
    """
    try:
        if not _is_filled(folder):
            with locked(folder):
                if not _is_filled(folder):  # nobody else has unpacked it meanwhile
                    _unpack(archive, folder)
    except DataError:
        raise
    except Exception as error:  # what is damaged makes the libraries fail in many ways
        raise DataError(f"{archive} cannot be unpacked into {folder}: {type(error).__name__}: {error}") from error
    return folder


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _unpack(archive: Path, folder: Path) -> None:
    aside = folder.with_name(f".{folder.name}.part")
    with _members(archive) as members:
        placed = _placed(archive, members)
        shutil.rmtree(aside, ignore_errors=True)  # what a process that died has left
        aside.mkdir()
        try:
            for place, member in placed:
                _write(member, aside.joinpath(*place))
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _write(member: _Member, path: Path) -> None:
    if member.is_folder:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = member.open()
    assert content is not None  # that is for links
    with content, open(path, "xb") as file:
        shutil.copyfileobj(content, file)


@contextmanager
def _members(archive: Path) -> Iterator[Iterable[_Member]]:
    if tarfile.is_tarfile(archive):  # asked first: a tar archive that ends in a zip archive passes for both
        with tarfile.open(archive) as tar:
            yield _of_tar(tar)
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield _of_zip(file)
    else:
        raise DataError(f"{archive} is neither a tar nor a zip archive")


def _of_tar(tar: tarfile.TarFile) -> Iterator[_Member]:
    for info in tar:  # one by one: to pass over what a bomb holds takes long
        odd = _odd(plain=info.isreg() or info.isdir(), link=info.issym() or info.islnk())
        yield _Member(info.name, info.size, info.isdir(), odd, partial(tar.extractfile, info))
    # tarfile takes a damaged header for the end.
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("its end is missing")


def _of_zip(file: zipfile.ZipFile) -> Iterator[_Member]:
    for info in file.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
        odd = _odd(plain=kind in (0, stat.S_IFREG, stat.S_IFDIR), link=kind == stat.S_IFLNK)
        yield _Member(info.filename, info.file_size, info.is_dir(), odd, partial(file.open, info))


def _odd(*, plain: bool, link: bool) -> str:
    if plain:
        return ""
    return "a link" if link else "neither a file nor a folder"


def _placed(archive: Path, members: Iterable[_Member]) -> list[tuple[Place, _Member]]:
    """Return the members with their places. Raises DataError for the first that makes the archive untrustworthy."""
    placed, taken, total = [], dict[Place, bool](), 0
    for member in members:
        place = tuple(part for part in member.name.split("/") if part not in ("", "."))
        total += member.size
        why = _distrust(member, place, total) or _collision(member, place, taken)
        if why:
            raise DataError(f"{archive} is refused: its member {member.name[:LONGEST]!r} {why}")
        placed.append((place, member))
    return placed


def _distrust(member: _Member, place: Place, total: int) -> str:
    """Say what is wrong with a member by itself, if anything."""
    if member.odd:
        return f"is {member.odd}"
    if member.name.startswith("/") or ".." in place or re.search(r"^[A-Za-z]:|[\\\0]", member.name):
        return "does not name a place below the folder"
    if len(member.name) > LONGEST or not (place or member.is_folder):
        return "has no name that a file can have"
    if member.size < 0:
        return "has less than no content"
    if total > LARGEST:
        return f"brings the whole to {total} bytes, more than the {LARGEST} that are believed"
    return ""


def _collision(member: _Member, place: Place, taken: dict[Place, bool]) -> str:
    """Take a member's place and the folders above it; say what was in the way. In `taken`, a folder's place is true."""
    for depth in range(1, len(place)):
        if not taken.setdefault(place[:depth], True):
            return f"lies below '{'/'.join(place[:depth])}', which is a file"
    if place in taken and not (taken[place] and member.is_folder):
        return "would be written twice"
    taken[place] = member.is_folder
    return ""
