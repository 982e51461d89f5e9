"""A pool of one base and an expert for each task, as arrays."""

import copy
from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from bench_merging.pools.procedural import examples
from bench_merging.pools.training import Split, Tuning, head_of_features, numpy_state, tune

Splits = Mapping[str, Split]  # "train", "val", "test" -> inputs and labels


def assembled(
    base: nn.Module, tasks: Sequence[Splits], unseen: Sequence[Splits], tuning: Tuning, seed: int
) -> dict[str, np.ndarray]:
    """Return the pool of a base; the layout is that of `procedural.procedural_pool`.

    Heads are made of the base's features. Of the tasks in `unseen`, which get no expert, the test data is kept.
    """
    arrays = numpy_state(base.state_dict(), "base")
    for k, splits in enumerate(tasks):
        head, expert = head_of_features(base, splits["train"]), copy.deepcopy(base)
        tune(expert, [(splits["train"], head)], tuning, seed=seed * 100 + k)
        arrays |= numpy_state(expert.state_dict(), f"expert.{k}") | {f"head.{k}": head.numpy()}
        for split, part in splits.items():
            arrays |= examples(split, k, part)
    for j, splits in enumerate(unseen):
        arrays |= {f"unseen.head.{j}": head_of_features(base, splits["train"]).numpy()}
        arrays |= examples("unseen", j, splits["test"])
    return arrays
