"""A pool of text-like tasks: sequences of tokens in which languages, topics and phrases have to be told apart.

tasks     ten classes of each family of `sequences`, which the base has never seen
base      a network on windows of embeddings (`text.Windows`), trained to tell 30 other classes of each family apart
experts   the base tuned on one task each with SGD
"""

import numpy as np
import torch
from torch import nn

from bench_merging.pools import sequences
from bench_merging.pools.assembly import Splits, assembled
from bench_merging.pools.procedural import PER_CLASS, on_one_thread
from bench_merging.pools.training import Tuning, pretrain
from bench_merging.text import Windows

HELD_OUT = ("bigram", "phrase")  # families of the tasks that no model of the pool has seen a class of
FIRST_HELD_OUT = 100  # the first of their ten classes


def untrained(width: int) -> Windows:
    """Return an untrained trunk for the sequences."""
    return Windows(sequences.VOCABULARY, 32, width, 64)


def token_pool(*, width: int = 128, base_steps: int = 1500, steps: int = 400, seed: int = 0) -> dict[str, np.ndarray]:
    """Return a pool; the layout is that of `procedural.procedural_pool`, with inputs (n, 24) int64."""
    with on_one_thread():
        tasks = [_splits(family, seed) for family in sequences.FAMILIES]
        unseen = [_splits(family, seed, FIRST_HELD_OUT) for family in HELD_OUT]
        tuning = Tuning(steps=steps, warmup=min(50, steps // 8))
        return assembled(_base(width, base_steps, seed), tasks, unseen, tuning, seed)


def _base(width: int, steps: int, seed: int) -> nn.Module:
    """Return a trunk trained on classes 10 to 39 of every family; the tasks have 0 to 9."""
    torch.manual_seed(seed)
    trunk = untrained(width)
    kinds = [(family, 10 + c) for family in sequences.FAMILIES for c in range(30)]
    inputs = np.concatenate([sequences.draw(family, label, 60, seed) for family, label in kinds])
    labels = torch.arange(len(kinds)).repeat_interleave(60)
    pretrain(trunk, (torch.from_numpy(inputs), labels), steps=steps, seed=seed)
    return trunk


def _splits(family: str, seed: int, first: int = 0) -> Splits:
    members = np.stack([sequences.draw(family, first + c, sum(PER_CLASS.values()), seed) for c in range(10)])
    bounds = np.cumsum([0, *PER_CLASS.values()])
    found = {}
    for split, start, end in zip(PER_CLASS, bounds, bounds[1:], strict=False):
        part = members[:, start:end].swapaxes(0, 1).reshape(-1, sequences.LENGTH)
        found[split] = torch.from_numpy(part.copy()), torch.arange(10).repeat(end - start)
    return found
