"""A pool as methods and tasks see it: base, experts, network and data, read from the arrays of a data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bench_merging.network import Network
from bench_merging.state import StateDict, validate

Examples = tuple[Tensor, Tensor]  # inputs (n, *shape), labels (n,)


@dataclass(frozen=True)
class Pool:
    """Experts of one base; the first K have a task each, and where there are more, the others have none.

    `unseen` are tasks without an expert, with heads of their own.
    """

    network: Network
    base: StateDict
    experts: Sequence[StateDict]
    splits: Mapping[str, Sequence[Examples]]  # "train", "val", "test" -> the examples of each task
    unseen: Sequence[Examples]
    unseen_heads: Sequence[Tensor]

    @property
    def tasks(self) -> range:
        """The numbers of the tasks, 0 to K - 1."""
        return range(len(self.network.heads))


def read(arrays: Mapping[str, np.ndarray], trunk: nn.Module) -> Pool:
    """Return the pool that a data set holds (its layout: `pools.procedural.procedural_pool`).

    Raises WeightsError where an expert does not fit the base.
    """
    if frozen := _state(arrays, "frozen"):
        trunk.frozen = frozen  # type: ignore[assignment] # an Adapted
    heads, unseen_heads = _numbered(arrays, "head"), _numbered(arrays, "unseen.head")
    base = _state(arrays, "base")
    count = len({name.split(".")[1] for name in arrays if name.startswith("expert.")})
    experts = [_state(arrays, f"expert.{k}") for k in range(count)]
    validate(base, experts)
    return Pool(
        network=Network(trunk, heads),
        base=base,
        experts=experts,
        splits={split: _examples(arrays, split) for split in ("train", "val", "test")},
        unseen=_examples(arrays, "unseen"),
        unseen_heads=unseen_heads,
    )


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))  # a copy: the arrays are memory-mapped read-only


def _state(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Tensor]:
    start = prefix + "."
    return {name.removeprefix(start): _tensor(array) for name, array in arrays.items() if name.startswith(start)}


def _numbered(arrays: Mapping[str, np.ndarray], prefix: str) -> list[Tensor]:
    count = sum(name.startswith(prefix + ".") for name in arrays)
    return [_tensor(arrays[f"{prefix}.{k}"]) for k in range(count)]


def _examples(arrays: Mapping[str, np.ndarray], split: str) -> list[Examples]:
    return list(zip(_numbered(arrays, f"{split}.inputs"), _numbered(arrays, f"{split}.targets"), strict=True))
