"""Pools of real checkpoints, described by a file. No weights are believed but by their sha256.

    kind: clip-vision
    base: {path: clip-vit-base-patch32, sha256: 3f0a…}
    experts:
      - task: mnist
        path: clip-vit-base-patch32_mnist     # a folder in Hugging Face's layout, or a safetensors file
        sha256: 81bd…
        head: heads/mnist.npy                 # text embeddings of the classes, (C, d)
        data: data/mnist                      # <split>_inputs.npy, (n, 3, side, side), and <split>_targets.npy

Paths are relative to the file. Inputs are images as the tower wants them, normalised; `val` and `test` are needed,
`train` by methods that see training data. Merged are the floating tensors that the tower has; integer buffers
(position ids), text towers and logit scales stay out. bfloat16 and float16 are computed on in float32.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn

from bench_merging.checkpoints import Checkpoint
from bench_merging.clip import CLIPVision
from bench_merging.network import Network
from bench_merging.pool import Examples, Pool
from bench_merging.state import WeightsError, validate

KINDS = {"clip-vision": CLIPVision}


class Trunk(Mapping[str, Tensor]):
    """The tensors of a checkpoint that a module has, read when they are used."""

    def __init__(self, checkpoint: Checkpoint, names: set[str]) -> None:
        self._checkpoint, self._names = checkpoint, [name for name in checkpoint if name in names]

    def __getitem__(self, name: str) -> Tensor:
        return self._checkpoint[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_folder(path: Path) -> Pool:
    """Return the pool that a file describes. Raises WeightsError, which names the file and what in it is wrong."""
    described = _described(path)
    trunk = _trunk(path, described)
    names = {name for name, _ in trunk.named_parameters()}
    base = _weights(path, described["base"], names)
    if missing := names - set(base):
        raise WeightsError(f"{path.parent / described['base']['path']}: lacks the tensor '{min(missing)}'")
    experts = [_weights(path, expert, names) for expert in described["experts"]]
    validate(base, experts, [str(path.parent / expert["path"]) for expert in described["experts"]])
    heads = [_head(path.parent / expert["head"]) for expert in described["experts"]]
    folders = [path.parent / expert["data"] for expert in described["experts"]]
    splits = {split: [_examples(folder, split) for folder in folders] for split in ("val", "test")}
    if all((folder / "train_inputs.npy").exists() for folder in folders):
        splits["train"] = [_examples(folder, "train") for folder in folders]
    return Pool(Network(trunk, heads), base, experts, splits, [], [])


def _described(path: Path) -> dict[str, Any]:
    try:
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = [described["base"], *described["experts"]]
        wanted = [("path", "sha256"), *[("path", "sha256", "head", "data")] * (len(entries) - 1)]
        for entry, keys in zip(entries, wanted, strict=True):
            for key in keys:
                if not isinstance(entry[key], str):
                    raise WeightsError(f"{path}: '{key}' has to be text, not {entry[key]!r}")
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: is no description of a pool: {error!r}") from error
    if described.get("kind") not in KINDS:
        raise WeightsError(f"{path}: 'kind' has to be one of {', '.join(KINDS)}, not {described.get('kind')!r}")
    return dict(described)


def _trunk(path: Path, described: Mapping[str, Any]) -> nn.Module:
    config = path.parent / described["base"]["path"] / "config.json"
    try:
        return KINDS[described["kind"]](json.loads(config.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{config}: describes no {described['kind']} model: {error!r}") from error


def _weights(path: Path, entry: Mapping[str, str], names: set[str]) -> Trunk:
    checkpoint = Checkpoint(path.parent / entry["path"])
    if (found := checkpoint.sha256()) != entry["sha256"]:
        raise WeightsError(
            f"{path.parent / entry['path']}: is another checkpoint than {path.name} says: its sha256 is {found}"
        )
    return Trunk(checkpoint, names)


def _array(path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: is no array that can be read: {error}") from error


def _head(path: Path) -> Tensor:
    return nn.functional.normalize(_array(path).float()).T.contiguous()


def _examples(folder: Path, split: str) -> Examples:
    return _array(folder / f"{split}_inputs.npy").float(), _array(folder / f"{split}_targets.npy").long()
