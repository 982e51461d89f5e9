"""Checkpoints in Hugging Face's layout: safetensors files, memory-mapped, alone or in shards; nothing is unpickled.

A safetensors file is the length of its header in 8 bytes, little-endian, the header in JSON (for each tensor its type,
its shape, and where its bytes begin and end after the header), and the bytes. A folder holds `model.safetensors`, or
`model.safetensors.index.json`, which names the shard of each tensor.
"""

import hashlib
import json
import math
import mmap
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench_merging.state import StateDict, WeightsError

TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in TYPES.items()}
_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"


class SafeTensors(Mapping[str, Tensor]):
    """One safetensors file. A tensor is a view of the file, read when it is used; writing to it changes no file.

    Raises WeightsError where the file is none, is cut off, or a tensor does not fit what the header says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path}: cannot be read: {error}") from error
        self._start, self._entries = _header(path, self._map)

    def __getitem__(self, name: str) -> Tensor:
        entry = self._entries[name]
        dtype, shape, (begin, end) = TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if begin == end:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(self._map, dtype=dtype, count=math.prod(shape), offset=self._start + begin)
        return flat.view(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _header(path: Path, data: mmap.mmap) -> tuple[int, dict[str, Any]]:
    """Return where the bytes of the tensors start, and the header's entries, all of them checked."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise WeightsError(f"{path}: is no safetensors file, or is cut off in its header")
    try:
        entries = dict(json.loads(data[8 : 8 + length]))
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{path}: has a header that is no JSON: {error}") from error
    entries.pop("__metadata__", None)
    for name, entry in entries.items():
        _check_entry(path, name, entry, len(data) - 8 - length)
    return 8 + length, entries


def _check_entry(path: Path, name: str, entry: Any, size: int) -> None:
    try:
        dtype, (begin, end) = TYPES.get(entry["dtype"]), entry["data_offsets"]
        wanted = None if dtype is None else math.prod(entry["shape"]) * dtype.itemsize
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: the header's entry of '{name}' is malformed") from error
    if wanted is None:
        raise WeightsError(f"{path}: '{name}' is of the type {entry['dtype']}, which is not known here")
    if not 0 <= begin <= end or end - begin != wanted:
        raise WeightsError(f"{path}: '{name}' takes {wanted} bytes, and its place is from {begin} to {end}")
    if end > size:
        raise WeightsError(f"{path}: is cut off: '{name}' ends at byte {end} of {size}")


class Checkpoint(Mapping[str, Tensor]):
    """The weights in a safetensors file, or in a folder that holds one or its shards; read tensor by tensor.

    Raises WeightsError where there is none, or a shard lacks a tensor that the index says it has.
    """

    def __init__(self, path: Path) -> None:
        self.files, self._place = _files(path)

    def __getitem__(self, name: str) -> Tensor:
        return self._place[name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)

    def sha256(self) -> str:
        """Return the sha256 of the file; of several shards, that of the list of theirs, one a line, by name."""
        digests = [_sha256(path, path.stat().st_mtime_ns) for path in self.files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _files(path: Path) -> tuple[list[Path], dict[str, SafeTensors]]:
    if path.is_dir() and not (path / _SINGLE).exists():
        return _shards(path)
    file = SafeTensors(path / _SINGLE if path.is_dir() else path)
    return [file.path], dict.fromkeys(file, file)


def _shards(folder: Path) -> tuple[list[Path], dict[str, SafeTensors]]:
    try:
        index = dict(json.loads((folder / _INDEX).read_text())["weight_map"])
    except FileNotFoundError:
        raise WeightsError(f"{folder}: holds neither {_SINGLE} nor {_INDEX}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{folder / _INDEX}: is no index of shards: {error!r}") from error
    for name, shard in index.items():
        if not isinstance(shard, str) or Path(shard).name != shard:
            raise WeightsError(f"{folder / _INDEX}: '{name}' is not in a file of its folder, but in {shard!r}")
    files = {shard: SafeTensors(folder / shard) for shard in sorted(set(index.values()))}
    for name, shard in index.items():
        if name not in files[shard]:
            raise WeightsError(f"{folder / shard}: lacks the tensor '{name}', which the index says it has")
    return [file.path for file in files.values()], {name: files[shard] for name, shard in index.items()}


@lru_cache(maxsize=256)  # runs that share a process read each file for it once
def _sha256(path: Path, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, model: StateDict) -> None:
    """Write a model as one safetensors file, one tensor after the other."""
    entries, end = {}, 0
    for name, tensor in model.items():
        begin, end = end, end + tensor.numel() * tensor.element_size()
        entries[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for tensor in model.values():
            file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
