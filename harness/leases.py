"""Who does which run, where several sessions share a results folder.

A lease is a symbolic link ``_leases/<run>.<n>`` that points at a session's name: making it is atomic on every file
system, and it never stands half written. A lease counts while its session lives. To take over the run of a session
that died, make the link with the next number: of several that try, one succeeds. Who has made a link looks once more:
while others gave theirs up, two may have made different ones, and then both let go and try again later.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from harness import journal, store
from harness.errors import ResultsError
from harness.journal import Journal


@dataclass
class Leases:
    """The leases of one session."""

    folder: Path
    journal: Journal
    _links: dict[str, Path] = field(default_factory=dict)  # of the runs that this session holds

    def take(self, run: str) -> bool:
        """Lease a run; False where a session that lives has it. Raises ResultsError where that cannot be written."""
        links = self._found(run)
        if any(map(self._is_held, links)):
            return False
        link = self.folder / store.LEASES / f"{run}.{1 + _number(links[-1]) if links else 1}"
        try:
            os.symlink(self.journal.session, link)
        except FileExistsError:
            return False
        except OSError as error:
            raise ResultsError(f"{link}: a run cannot be leased: {error}") from error
        if any(self._is_held(other) for other in self._found(run) if other != link):
            link.unlink()
            return False
        self._links[run] = link
        return True

    def release(self, run: str) -> None:
        """Give up a run whose end is stored. That on one which has not ended dies with the session."""
        link = self._links.pop(run, None)
        if link is None:
            return
        # Our own comes last: until then nobody else makes one that lasts, so that what is dead now stays so.
        with contextlib.suppress(OSError):
            for other in self._found(run):
                if other != link and self._holder(other) and not self._is_held(other):
                    other.unlink()
            link.unlink()

    def _found(self, run: str) -> list[Path]:
        """Return the links of a run, the one with the highest number last."""
        folder = self.folder / store.LEASES
        try:
            names = [name for name in os.listdir(folder) if name.startswith(f"{run}.")]
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be read: {error}") from error
        return sorted((folder / name for name in names if name[len(run) + 1 :].isdecimal()), key=_number)

    def _is_held(self, link: Path) -> bool:
        session = self._holder(link)
        return bool(session) and journal.is_alive(self.folder / store.JOURNAL / f"{session}{journal.SUFFIX}")

    def _holder(self, link: Path) -> str:
        """Return the session that a link names; nothing where it was given up since it was listed, or is no link."""
        try:
            return os.readlink(link)
        except OSError:
            return ""


def _number(link: Path) -> int:
    return int(link.suffix[1:])
