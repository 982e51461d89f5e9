"""Arrays that runs leave beside their rows, for the sections of reports: ``_artefacts/<run>-<name>.npz``.

They are pictures' raw material and shape no number. A run's arrays depend on no more than its id does, so another
attempt replaces them with the same. A file is written whole or not at all, and before the run's rows are: a run that is
done has left all that it leaves. No pickle is ever read.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness import store
from harness.errors import ResultsError
from harness.text import NAME_RULE, is_name

MOST = 4 * 2**20  # bytes of one artefact

# What is raised for a file with any of its bytes changed: RuntimeError for what seems encrypted, or packed in an
# unknown way, MemoryError for an array that seems huge.
_DAMAGE = (OSError, EOFError, ValueError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)

Arrays = Mapping[str, np.ndarray[Any, Any]]


def path_of(folder: Path, run: str, name: str) -> Path:
    """Return where an artefact of a run lies in a results folder, if it is there."""
    return folder / store.ARTEFACTS / f"{run}-{name}.npz"


def write(path: Path, name: str, arrays: Mapping[str, Any]) -> None:
    """Write an artefact.

    Raises ValueError where a name is unfit, an array is not of numbers, or all together are more than `MOST` bytes.
    """
    converted = {key: np.asarray(array) for key, array in arrays.items()}
    if unfit := [key for key in (name, *converted) if not is_name(key)]:
        raise ValueError(f"an artefact's array cannot be called {unfit[0]!r}: {NAME_RULE}")
    if odd := [key for key, array in converted.items() if array.dtype.kind not in "biufc"]:
        raise ValueError(f"an artefact holds numbers, and '{odd[0]}' is of the type {converted[odd[0]].dtype}")
    if (size := sum(array.nbytes for array in converted.values())) > MOST:
        raise ValueError(f"the artefact '{name}' has {size} bytes, and {MOST} is the most: leave out some of it")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")  # two sessions may run the same run
    try:
        with open(aside, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **converted)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read(path: Path) -> Arrays | None:
    """Return an artefact, or None where there is none. Raises ResultsError where it is damaged, or larger than any."""
    try:
        with zipfile.ZipFile(path) as file:
            if sum(member.file_size for member in file.infolist()) > MOST + 2**16:  # whoever made it, it is unpacked
                raise ResultsError(f"{path}: larger than any artefact; delete it")
            if damaged := file.testzip():
                raise ResultsError(f"{path}: damaged in {damaged}; delete it, and the report does without")
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        raise ResultsError(f"{path}: damaged ({error}); delete it, and the report does without") from error


def of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the artefacts in a results folder, each with its run."""
    for path in sorted((folder / store.ARTEFACTS).glob("*.npz")):
        if found := re.match(r"([0-9a-f]{1,12})-", path.name):
            yield found[1], path
