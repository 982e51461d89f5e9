"""Data sets that others have published, from their files: PDEBench's HDF5, and FNO's .mat and .npz.

The files come by `bench data import` (`bench_pde.published_files` lists them); none of them is part of this
repository. PDEBench (Takamoto et al. 2022, arXiv:2210.07182) tests on the first tenth of a file that holds all samples
in one array, and on the last tenth of one with a group for each sample, and has no validation data; here the tenth next
to the test data is that. FNO (Li et al. 2021, arXiv:2010.08895) trains on the first samples and tests on the last; here
the samples before those are for validation.

    layout           arrays
    one array        tensor (n, t, x)
    a group each     0000/data (t, x, channels) or (t, x, y, channels), 0001/data, …
    a field each     density, Vx, Vy, pressure (n, t, x, y)
    steady           nu (n, x, y), tensor (n, 1, x, y)
    .mat             a and u (n, x); coeff and sol (n, x, y); u (n, x, y, t). Version 7.3 is HDF5 with axes reversed
    .npz             x (n, x, y), y (n, x, y)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from bench_pde import published_files
from harness.conditions import positive
from harness.download import located

Arrays = dict[str, np.ndarray]
GAS = ("density", "Vx", "Vy", "pressure")


def pdebench_fields(path: Path, space: int, time: int) -> np.ndarray:
    """Return fields (n, t, *grid, channels) of a layout that evolves: each `space`-th point and `time`-th frame.

    Raises ValueError where the file has none of them.
    """
    with _hdf5(path) as file:
        names = sorted(file)
        if set(GAS) <= set(names):
            fields = np.stack([_every(file[name], space, time) for name in GAS], -1)
        elif "tensor" in names and file["tensor"].ndim == 3:
            fields = _every(file["tensor"], space, time)[..., None]
        elif names and all(hasattr(file[name], "keys") and "data" in file[name] for name in names):
            axes = file[names[0]]["data"].ndim - 2
            index = (slice(None, None, time), *[slice(None, None, space)] * axes)
            fields = np.stack([file[name]["data"][index] for name in names])
        else:
            raise ValueError(f"{path.name} has none of PDEBench's layouts: it holds {', '.join(names) or 'nothing'}")
    return fields.astype(np.float32)


def mat(path: Path, *names: str) -> list[np.ndarray]:
    """Return arrays of a .mat file, of version 5 or 7.3, samples first. Raises ValueError where one is missing."""
    with path.open("rb") as opened:
        head = opened.read(10)
    if head.startswith((b"MATLAB 7.3", b"\x89HDF")):
        with _hdf5(path) as file:
            held: Mapping[str, Any] = {name: np.asarray(file[name]).T for name in names if name in file}
    else:
        held = scipy.io.loadmat(path, variable_names=names)
    if lacking := [name for name in names if name not in held]:
        raise ValueError(f"{path.name} holds no '{lacking[0]}'")
    return [np.asarray(held[name], np.float32) for name in names]


def pdebench(*, of: str, space: int = 1, time: int = 1, most: int = 0) -> Arrays:
    """Return *_fields, (n, t, *grid, channels), of the data set `of` of PDEBench; `most` samples of it if not 0.

    Raises:
        ValueError: space or time is not positive, or the file is too small to be split.
    """
    positive(space=space, time=time)
    (path,) = located(of, published_files.SOURCES[of]).values()
    fields = pdebench_fields(path, space, time)
    fields = fields[: most or None]
    return _split({"fields": fields}, test_first=of not in published_files.GROUPED)


def pdebench_darcy(*, space: int = 2, most: int = 0) -> Arrays:
    """Return *_inputs, a, and *_targets, u, (n, x, y, 1), of PDEBench's Darcy flow."""
    (path,) = located("pdebench-darcy", published_files.SOURCES["pdebench-darcy"]).values()
    with _hdf5(path) as file:
        index = (slice(None, most or None), slice(None, None, space), slice(None, None, space))
        inputs, targets = file["nu"][index], file["tensor"][:, 0][index]
    return _split({"inputs": inputs[..., None], "targets": targets[..., None]}, test_first=True)


def fno_burgers(*, space: int = 8, train: int = 1000, val: int = 100, test: int = 200) -> Arrays:
    """Return *_inputs, u(0), and *_targets, u(1), (n, x, 1), of FNO's Burgers data."""
    (path,) = located("fno-burgers", published_files.SOURCES["fno-burgers"]).values()
    a, u = mat(path, "a", "u")
    return _ends({"inputs": a[:, ::space, None], "targets": u[:, ::space, None]}, train, val, test)


def fno_darcy(*, space: int = 5, train: int = 1000, val: int = 24, test: int = 100) -> Arrays:
    """Return *_inputs, a, and *_targets, u, (n, x, y, 1): trained on the first file, tested on the second."""
    files = located("fno-darcy", published_files.SOURCES["fno-darcy"])
    parts = [mat(files[name], "coeff", "sol") for name in sorted(files)]  # …smooth1, …smooth2
    whole = [np.concatenate(arrays)[:, ::space, ::space, None] for arrays in zip(*parts, strict=True)]
    first = len(parts[0][0])
    if not (train + val <= first and test <= len(parts[1][0])):
        raise ValueError(f"the files hold {first} and {len(parts[1][0])} samples; take fewer")
    return _taken(
        dict(zip(("inputs", "targets"), whole, strict=True)),
        {"train": range(train), "val": range(first - val, first), "test": range(first, first + test)},
    )


def fno_navier_stokes(*, space: int = 1, train: int = 1000, val: int = 100, test: int = 200) -> Arrays:
    """Return *_fields, (n, t, x, y, 1), of FNO's vorticity with a viscosity of 1e-3."""
    (path,) = located("fno-navier-stokes", published_files.SOURCES["fno-navier-stokes"]).values()
    (u,) = mat(path, "u")
    return _ends({"fields": np.moveaxis(u, -1, 1)[:, :, ::space, ::space, None]}, train, val, test)


def neuraloperator_darcy(*, train: int = 900) -> Arrays:
    """Return *_inputs, a (0 or 1), and *_targets, u, (n, 16, 16, 1), of the small Darcy data of FNO's library.

    Of its 1,000 training samples those after the first `train` are for validation.
    """
    files = located("neuraloperator-darcy", published_files.SOURCES["neuraloperator-darcy"])
    arrays: Arrays = {}
    for split, name in (("train", "darcy_train_16.npz"), ("test", "darcy_test_16.npz")):
        with np.load(files[name], allow_pickle=False) as held:
            for part, key in (("inputs", "x"), ("targets", "y")):
                arrays[f"{split}_{part}"] = held[key].astype(np.float32)[..., None]
    for part in ("inputs", "targets"):
        arrays[f"val_{part}"] = arrays[f"train_{part}"][train:]
        arrays[f"train_{part}"] = arrays[f"train_{part}"][:train]
    if not len(arrays["val_inputs"]):
        raise ValueError(f"train must leave some samples for validation, got {train}")
    return arrays


def _hdf5(path: Path) -> Any:
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise RuntimeError(f"{path.name} is HDF5, which needs h5py: pip install 'bench-pde[hdf5]'") from error
    return h5py.File(path, "r")


def _every(array: Any, space: int, time: int) -> np.ndarray:
    return array[(slice(None), slice(None, None, time), *[slice(None, None, space)] * (array.ndim - 2))]


def _split(parts: Arrays, *, test_first: bool) -> Arrays:
    n = len(next(iter(parts.values())))
    tenth = n // 10
    if not tenth:
        raise ValueError(f"{n} samples cannot be split into ten parts")
    first, second, rest = range(tenth), range(tenth, 2 * tenth), range(2 * tenth, n)
    if test_first:
        return _taken(parts, {"train": rest, "val": second, "test": first})
    train, val, test = range(n - 2 * tenth), range(n - 2 * tenth, n - tenth), range(n - tenth, n)
    return _taken(parts, {"train": train, "val": val, "test": test})


def _ends(parts: Arrays, train: int, val: int, test: int) -> Arrays:
    n = len(next(iter(parts.values())))
    if train + val + test > n or min(train, val, test) < 1:
        raise ValueError(f"the file holds {n} samples: take fewer than {train} + {val} + {test}, and some of each")
    ends = {"train": range(train), "val": range(n - test - val, n - test), "test": range(n - test, n)}
    return _taken(parts, ends)


def _taken(parts: Arrays, chosen: Mapping[str, range]) -> Arrays:
    return {
        f"{split}_{part}": np.ascontiguousarray(array[r.start : r.stop], np.float32)
        for split, r in chosen.items()
        for part, array in parts.items()
    }
