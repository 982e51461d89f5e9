"""The raw files of data sets: listed, fetched, imported, verified.

What a data set is made from lies in ``<data folder>/_downloads``, and what is made of it in ``<data folder>/<name>``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from harness.data import content_digest, data_folder, locked
from harness.download import Progress, digest_file, download, kept, verify
from harness.errors import DataError
from harness.spec import Dataset, File


def state(dataset: Dataset) -> str:
    """Return "generated" for a data set that needs no files, otherwise whether they are "here" or "missing"."""
    if not dataset.sources:
        return "generated"
    return "here" if any(_is_whole(dataset, form) for form in dataset.sources) else "missing"


def _is_whole(dataset: Dataset, form: tuple[File, ...]) -> bool:
    return all(kept(dataset.name, file).exists() for file in form)


def get(dataset: Dataset, progress: Callable[[str], Progress]) -> list[Path]:
    """Fetch the official files of a data set, unless it is here in some form, and return where they are.

    `progress(name)` is told how far the file of this name is. Raises DataError where nothing serves them, or as
    `download` does.
    """
    for form in dataset.sources:
        if _is_whole(dataset, form):
            return [kept(dataset.name, file) for file in form]
    official = dataset.sources[0] if dataset.sources else ()
    if lacking := [file.name for file in official if not (file.url and file.sha256)]:
        raise DataError(
            f"data set '{dataset.name}' cannot be fetched: no verified address serves {', '.join(lacking)}; "
            f"`bench data import {dataset.name} PATH` takes a local copy"
        )
    return [download(file.url, sha256=file.sha256, name=file.name, progress=progress(file.name)) for file in official]


def bring(dataset: Dataset, path: Path) -> list[Path]:
    """Copy a data set's files from `path`, a file or a folder, into the data folder, and return where they are.

    They are known by their sha256, whatever they are called; those without a published one by their name. Raises
    DataError where the data set is whole in none of its forms afterwards.
    """
    if not dataset.sources:
        raise DataError(f"data set '{dataset.name}' is generated: it needs no files")
    if not path.exists():
        raise DataError(f"{path} does not exist")
    try:
        found = list(_matches(dataset, path))
        for file, place in found:
            _keep(dataset, file, place)
    except OSError as error:
        raise DataError(f"data set '{dataset.name}' cannot be imported from {path}: {error}") from error
    if state(dataset) == "missing":
        had = (
            f"it holds {', '.join(file.name for file, _ in found)}" if found else "nothing there has the right content"
        )
        forms = " or ".join(" + ".join(file.name for file in form) for form in dataset.sources)
        raise DataError(f"data set '{dataset.name}' needs {forms}; {path} is not enough: {had}")
    return [kept(dataset.name, file) for file, _ in found]


def _matches(dataset: Dataset, path: Path) -> Iterator[tuple[File, Path]]:
    """Yield each of a data set's files that lies at or below `path`, with its place, once."""
    by_digest = {file.sha256: file for form in dataset.sources for file in form if file.sha256}
    by_name = {file.name: file for form in dataset.sources for file in form if not file.sha256}
    sizes = {file.size for file in by_digest.values()}
    for place in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not place.is_file():
            continue
        file = by_name.pop(place.name, None)
        if file is None and by_digest and (0 in sizes or place.stat().st_size in sizes):
            file = by_digest.pop(_sha256(place), None)
        if file is not None:
            yield file, place


def _keep(dataset: Dataset, file: File, place: Path) -> None:
    target = kept(dataset.name, file)
    with locked(target):
        if file.sha256 and target.exists():
            return
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as aside:
            try:
                with open(place, "rb") as content:
                    shutil.copyfileobj(content, aside)
                aside.close()
                if not file.sha256:
                    digest_file(target).write_text(_sha256(Path(aside.name)))
                    shutil.rmtree(data_folder() / dataset.name, ignore_errors=True)  # made of what was here before
                Path(aside.name).rename(target)
            finally:
                Path(aside.name).unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def raw(dataset: Dataset) -> dict[File, Path]:
    """Return the raw files of a data set that are here."""
    files = {file: kept(dataset.name, file) for form in dataset.sources for file in form}
    return {file: path for file, path in files.items() if path.exists()}


def folders(name: str) -> list[Path]:
    """Return where a data set's prepared forms lie."""
    return sorted(about.parent for about in (data_folder() / name).glob("*/about.json"))


def check(dataset: Dataset) -> Iterator[tuple[Path, str]]:
    """Read all that is here of a data set, and yield each file or folder with what is wrong with it, if anything."""
    for file, path in raw(dataset).items():
        try:
            verify(dataset.name, file)
            yield path, ""
        except DataError as error:
            yield path, str(error)
    for folder in folders(dataset.name):
        yield folder, _damage(folder)


def _damage(folder: Path) -> str:
    try:
        about = json.loads((folder / "about.json").read_text())
        arrays = {key: np.lib.format.open_memmap(folder / f"{key}.npy", mode="r") for key in about["arrays"]}
        whole = content_digest(arrays) == about["digest"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        return f"{folder} is damaged ({error}); delete it, and it is prepared again"
    return "" if whole else f"{folder} holds other values than when it was made; delete it, and it is prepared again"
