"""The pools by name: which data set makes them, with which parameters, and the trunk that their weights are of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from bench_merging.pools.procedural import trunk_of


@dataclass(frozen=True)
class Kind:
    """A pool, but for its seed."""

    dataset: str
    params: Mapping[str, Any]
    trunk: Callable[[], nn.Module]


def _procedural(**params: Any) -> Kind:
    size = params.get("architecture", "mlp"), params.get("width", 128), params.get("features", 64)
    return Kind("procedural-pool", params, lambda: trunk_of(*size))


POOLS = {
    "procedural": _procedural(),
    "procedural-adamw": _procedural(optimiser="adamw"),
    "procedural-cnn": _procedural(architecture="cnn"),
    "shuffled": _procedural(control="shuffled"),
    "two-bases": _procedural(control="two-bases"),
    "tiny": _procedural(tasks=3, width=32, features=16, base_classes=5, base_steps=300, steps=100),  # for tests
}
