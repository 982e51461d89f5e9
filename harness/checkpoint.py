"""The file in which a run keeps what it needs to be taken up again: written whole or not at all, never executed.

A state is nested dicts, lists and tuples of tensors, numbers, text and None: what torch reads without unpickling
objects. Nothing that goes wrong with the file fails the run; a line on standard error, the run's log, says what did.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any


class Checkpoint:
    """The checkpoint of one run.

    Attributes:
        stop: set, from a signal handler say, to ask the run to save where it is and to end.
        used: whether the task has offered a state, without which `stop` is never seen.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        """Keep states in `path`, `seconds` apart; with 0, every state that is offered."""
        self.path = path
        self.seconds = seconds
        self.stop = False
        self.used = False
        self._last = time.monotonic()

    def due(self) -> bool:
        """Tell whether a state is to be saved now: a stop is asked for, or the last save has been over for long."""
        return self.stop or time.monotonic() - self._last >= self.seconds

    def save(self, state: Any) -> None:
        """Put `state` in the place of what was saved before, which stays where the write fails."""
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}")  # two sessions may run the same run
        try:
            _write(part, state)
            part.replace(self.path)
        except Exception as error:
            with contextlib.suppress(OSError):
                part.unlink()
            # Of a full disk torch says only that a position in its file is not the one it expected.
            cause = error.__context__ if isinstance(error.__context__, OSError) else error
            _say(f"no checkpoint was saved: {_described(cause)}")
        self._last = time.monotonic()  # from the end of a save, so that slow ones leave time to work

    def load(self) -> Any | None:
        """Return the saved state, its tensors on the CPU; None where there is none or it cannot be read."""
        import torch

        self._sweep()
        try:
            with zipfile.ZipFile(self.path) as file:
                if damaged := file.testzip():  # torch checks no sums
                    raise zipfile.BadZipFile(f"the record {damaged} is damaged")
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception as error:
            _say(f"the run begins anew, for {self.path} cannot be read: {_described(error)}")
            return None

    def remove(self) -> None:
        """Remove what was saved."""
        self._sweep()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _sweep(self) -> None:
        """Remove what processes that died while saving have left; a living one loses one save by it."""
        for part in self.path.parent.glob(f"{self.path.name}.*"):
            with contextlib.suppress(OSError):
                part.unlink()


def _write(path: Path, state: Any) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def _described(error: BaseException) -> str:
    """Return an error in one line; torch explains at length how to make it unpickle."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)
