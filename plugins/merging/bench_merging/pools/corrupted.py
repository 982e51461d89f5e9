"""A pool for patching robustness: a source task with clean and robust models, and a host of another task.

experts    the source on clean data, the source on data with each corruption, the host on clean data; in this order,
           which `methods.rws` goes by
    fog        the corruption that signatures carry over to the host here; those of noise do not
tasks      the data that each expert was tuned on
unseen     the host's test data with each of those corruptions, and the host's head: nothing was tuned on them
"""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench_merging.pools.procedural import base_of, examples, on_one_thread, splits_of
from bench_merging.pools.training import Tuning, head_of_features, numpy_state, tune


def fog(x: Tensor) -> Tensor:
    """Take contrast down to 15 % and make the image bright."""
    return 0.15 * x + 0.6


def noise(x: Tensor) -> Tensor:
    """Add Gaussian noise of standard deviation 1, the same on every call."""
    return x + torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


CORRUPTIONS: tuple[Callable[[Tensor], Tensor], ...] = (fog, noise)


def corrupted_pool(
    *, source: str = "blobs", host: str = "field", base_steps: int = 1500, steps: int = 400, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return a pool; the layout is that of `procedural.procedural_pool`."""
    with on_one_thread():
        base = base_of("mlp", 128, 64, 30, base_steps, seed)
        arrays = numpy_state(base.state_dict(), "base")
        clean = {name: splits_of(name, seed) for name in (source, host)}
        heads = {name: head_of_features(base, splits["train"]) for name, splits in clean.items()}
        roles = [(source, None), *((source, corrupt) for corrupt in CORRUPTIONS), (host, None)]
        for k, (task, corrupt) in enumerate(roles):
            splits = {n: (x if corrupt is None else corrupt(x), y) for n, (x, y) in clean[task].items()}
            expert = copy.deepcopy(base)
            tune(expert, [(splits["train"], heads[task])], Tuning(steps=steps), seed=seed * 100 + k)
            arrays |= numpy_state(expert.state_dict(), f"expert.{k}") | {f"head.{k}": heads[task].numpy()}
            for split, part in splits.items():
                arrays |= examples(split, k, part)
        inputs, labels = clean[host]["test"]
        for j, corrupt in enumerate(CORRUPTIONS):
            arrays |= {f"unseen.head.{j}": heads[host].numpy()} | examples("unseen", j, (corrupt(inputs), labels))
    return arrays
