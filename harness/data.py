"""The one way in for data: prepared once, cached by content, memory-mapped and shared by all runs.

A data set's function returns arrays; they lie as .npy files in ``<data folder>/<name>/<key>/``, where the key is a
digest of the function's code, its parameters and the libraries that it imports. The data folder is $BENCH_DATA, or
``bench/data`` in the user's cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import source
from harness.errors import DataError
from harness.spec import JSON
from harness.text import NAME_RULE, is_name


@dataclass(frozen=True)
class Prepared:
    """The arrays of a data set, read-only and memory-mapped, and the digest of their content."""

    arrays: Mapping[str, np.ndarray[Any, Any]]
    digest: str


def data_folder() -> Path:
    """Return where prepared data lies."""
    if folder := os.environ.get("BENCH_DATA"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bench" / "data"


def load(name: str, target: str, params: Mapping[str, JSON]) -> Prepared:
    """Return a data set, preparing it first where no earlier run has.

    Runs that ask for the same data at the same time wait for the one that prepares it. Raises DataError where
    `name` is unfit for a folder, `params` names an unknown parameter, the data cannot be made, or the data folder
    cannot be written.
    """
    if not is_name(name):
        raise DataError(f"data set {name!r}: {NAME_RULE}")
    known = source.parameters(target)
    if unknown := sorted(set(params) - set(known)):
        raise DataError(f"data set '{name}' has no parameter '{unknown[0]}'")
    if needed := [key for key, parameter in known.items() if parameter.required and key not in params]:
        raise DataError(f"data set '{name}' needs the parameter '{needed[0]}'")
    whole = {key: params.get(key, parameter.default) for key, parameter in known.items()}
    facts = [name, whole, source.digest(target), source.libraries(target)]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    folder = data_folder() / name / key
    if not (folder / "about.json").exists():
        _prepare_once(folder, name, target, whole)
    return _read(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time make the file or folder `path`; the others wait here. Its parent is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare_once(folder: Path, name: str, target: str, params: Mapping[str, JSON]) -> None:
    try:
        with locked(folder):
            if not (folder / "about.json").exists():
                _prepare(folder, name, target, params)
    except OSError as error:
        raise DataError(
            f"data set '{name}' cannot be stored in {folder}: {error}; set BENCH_DATA to another folder"
        ) from error


def _prepare(folder: Path, name: str, target: str, params: Mapping[str, JSON]) -> None:
    arrays = _made(name, target, params)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for key, array in arrays.items():
            np.save(aside / f"{key}.npy", array, allow_pickle=False)
        about = {"name": name, "params": params, "arrays": sorted(arrays), "digest": content_digest(arrays)}
        (aside / "about.json").write_text(json.dumps(about, indent=1))
        if folder.exists():  # left half-made by something other than this function
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _made(name: str, target: str, params: Mapping[str, JSON]) -> dict[str, np.ndarray[Any, Any]]:
    """Return what the data set's function makes. Raises DataError where it fails or makes something else."""
    module, _, attribute = target.partition(":")
    try:
        arrays: Any = getattr(importlib.import_module(module), attribute)(**params)
    except DataError as error:
        raise DataError(f"data set '{name}' cannot be made: {error}") from error
    except Exception as error:
        raise DataError(f"data set '{name}' cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(arrays, dict):
        raise DataError(f"data set '{name}' cannot be made: its function returned no dict of arrays")
    for key, array in arrays.items():
        if not is_name(key):
            raise DataError(f"data set '{name}' cannot be made: an array is called {key!r}, and {NAME_RULE}")
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise DataError(f"data set '{name}' cannot be made: '{key}' is no numpy array of numbers or texts")
    return arrays


def _read(folder: Path) -> Prepared:
    try:
        about = json.loads((folder / "about.json").read_text())
        # Unlike numpy.load, this opens neither pickles nor archives of arrays.
        arrays = {key: np.lib.format.open_memmap(folder / f"{key}.npy", mode="r") for key in about["arrays"]}
        return Prepared(arrays, str(about["digest"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder} is damaged ({error}); delete it, and it is prepared again") from error


def content_digest(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Return a digest of named arrays: names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
