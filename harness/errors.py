"""Every error that the harness raises on purpose.

BenchError                something the user can put right; the CLI prints it in one line and exits with 2
├── CatalogError          plugins contradict each other (one name declared twice)
├── SuiteError            a suite cannot be read or means nothing; carries file and line
├── ResultsError          a results folder cannot be read or written
├── DataError             a data set is missing, damaged or cannot be prepared
└── DeviceError           the asked-for device does not exist here
Diverged                  the loss or a metric of a run is not finite any more; becomes a row with the reason
Skip                      a method or task says that this pairing makes no sense; becomes a row with the reason
Stopped                   the run was asked to stop, and has saved where it was
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from harness.text import one_line


class BenchError(Exception):
    """Something the user can put right. `str()` is one line that a terminal can show, whatever names it quotes."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class CatalogError(BenchError):
    """Plugins contradict each other."""


class SuiteError(BenchError):
    """A suite cannot be read or means nothing; `str()` begins with ``file:line:`` where they are known."""

    def __init__(self, message: str, *, path: Path | str | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)


class ResultsError(BenchError):
    """A results folder cannot be read or written."""


class DataError(BenchError):
    """A data set is missing, damaged or cannot be prepared."""


class DeviceError(BenchError):
    """The asked-for device does not exist here."""


class Diverged(Exception):  # noqa: N818 - an ending of a run, not a fault of the program
    """Raised when a run's loss or a metric is no longer finite; the run becomes `diverged`."""


class Skip(Exception):  # noqa: N818 - a request, not an error
    """Raised by a method or a task whose pairing makes no sense; the run becomes `skipped` with this reason."""


class Stopped(BaseException):
    """Raised where a run that was asked to stop has saved where it was; no `except Exception` of a task holds it up."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of `known`, or lists them all when none is near.

    The hint begins with "; " so that it can end a message; it is empty when nothing is known.
    """
    names = sorted(set(known))
    lowered = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{lowered[near[0]]}'?"
    return f"; known: {', '.join(names)}" if names else ""
