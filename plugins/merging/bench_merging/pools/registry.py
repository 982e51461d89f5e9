"""The pools by name: which data set makes them, with which parameters, and the trunk that their weights are of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from bench_merging.adapters import Adapted
from bench_merging.pools.independent import untrained
from bench_merging.pools.procedural import trunk_of
from bench_merging.pools.tokens import untrained as untrained_on_tokens


@dataclass(frozen=True)
class Kind:
    """A pool, but for its seed."""

    dataset: str
    params: Mapping[str, Any]
    trunk: Callable[[], nn.Module]


def _procedural(**params: Any) -> Kind:
    size = params.get("architecture", "mlp"), params.get("width", 128), params.get("features", 64)
    rank = params.get("adapter_rank", 0)
    return Kind("procedural-pool", params, lambda: Adapted(trunk_of(*size), rank) if rank else trunk_of(*size))


def _independent(**params: Any) -> Kind:
    size = params.get("architecture", "mlp"), params.get("width", 256)
    return Kind("independent-pool", params, lambda: untrained(*size))


POOLS = {
    "procedural": _procedural(),
    "procedural-adamw": _procedural(optimiser="adamw"),
    "procedural-cnn": _procedural(architecture="cnn", tasks=5, base_classes=15, base_steps=600, steps=200),
    "procedural-residual": _procedural(
        architecture="residual", tasks=3, width=64, base_classes=15, base_steps=600, steps=200
    ),
    "procedural-lora": _procedural(adapter_rank=4),
    "black-box": _procedural(adapter_rank=4, targets=2, distractors=4),
    "tokens": Kind("token-pool", {}, lambda: untrained_on_tokens(128)),
    "handwriting": Kind("handwriting-pool", {}, lambda: trunk_of("mlp", 128, 64)),
    "images": Kind("images-pool", {}, lambda: trunk_of("mlp", 128, 64)),
    "corrupted": Kind("corrupted-pool", {}, lambda: trunk_of("mlp", 128, 64)),
    "shuffled": _procedural(control="shuffled"),
    "two-bases": _procedural(control="two-bases"),
    "independent": _independent(),
    "independent-cnn": _independent(architecture="cnn"),
    "independent-halves": _independent(classes="halves"),
    "independent-narrow": _independent(width=64),
    "tiny-pair": _independent(width=32, steps=100),
    "tiny-layered": _procedural(
        architecture="residual", tasks=2, width=24, features=16, base_classes=5, base_steps=100, steps=60
    ),
    "tiny": _procedural(tasks=3, width=32, features=16, base_classes=5, base_steps=300, steps=100),  # for tests
}
