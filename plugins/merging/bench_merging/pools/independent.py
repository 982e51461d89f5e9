"""Pools of two models trained independently, from different initialisations: what permutation methods are for.

Both are trained from scratch, with AdamW, on ten classes of glyphs with one frozen head, the identity: features are
class scores, so that the output axis is shared. "same": both on all ten classes, with different orders of the data;
"halves": the first on classes 0-4, the second on 5-9, which are their tasks. The base is the first one's
initialisation, and has no meaning for the second.
"""

from typing import Literal

import numpy as np
import torch

from bench_merging.network import CNN, MLP
from bench_merging.pools.procedural import examples, on_one_thread, splits_of
from bench_merging.pools.training import Split, Tuning, numpy_state, tune

CLASSES = 10


def untrained(architecture: Literal["mlp", "cnn"], width: int) -> MLP | CNN:
    """Return a trunk with a feature for each class."""
    return MLP(256, [width, width], CLASSES) if architecture == "mlp" else CNN(16, [width // 8, width // 4], CLASSES)


def independent_pool(
    *,
    classes: Literal["same", "halves"] = "same",
    architecture: Literal["mlp", "cnn"] = "mlp",
    width: int = 256,
    steps: int = 800,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return a pool of two models; the layout is that of `procedural.procedural_pool`."""
    with on_one_thread():
        splits = splits_of("glyph", seed)
        arrays: dict[str, np.ndarray] = {}
        for k in range(2):
            torch.manual_seed(seed * 10 + k)
            trunk = untrained(architecture, width)
            if k == 0:
                arrays |= numpy_state(trunk.state_dict(), "base")
            head = torch.eye(CLASSES) if classes == "same" else torch.eye(CLASSES)[:, 5 * k : 5 * k + 5].contiguous()
            own = {name: split if classes == "same" else _half(split, k) for name, split in splits.items()}
            tune(trunk, [(own["train"], head)], Tuning("adamw", 1e-3, steps), seed=seed * 10 + k)
            arrays |= numpy_state(trunk.state_dict(), f"expert.{k}") | {f"head.{k}": head.numpy()}
            for split, part in own.items():
                arrays |= examples(split, k, part)
    return arrays


def _half(split: Split, k: int) -> Split:
    inputs, labels = split
    mine = labels // 5 == k
    return inputs[mine], labels[mine] - 5 * k
