"""Multi-task training from the base on the training data of all tasks: no merge, but what one model can reach.

Every step takes a batch of each task; the loss is the mean over tasks of the cross-entropy with the frozen heads, and
the optimiser that of the pools' experts (SGD with momentum 0.9, cosine decay, gradients clipped at norm 1).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.pools.training import Tuning, tune
from bench_merging.state import StateDict, assemble


def multitask(
    *, base: StateDict, experts: Sequence[StateDict], access: Access, steps: int = 400, lr: float = 0.05
) -> dict[str, Tensor]:
    """Return the base tuned on all tasks at once. Raises ValueError: see `limits.multitask`."""
    limits.multitask(steps=steps, lr=lr)
    trunk = access.network.module(base)
    tasks = list(zip(access.examples, access.network.heads, strict=True))
    tuning = Tuning(lr=lr, steps=steps, warmup=min(50, steps // 8))
    tune(trunk, tasks, tuning, seed=int(torch.randint(2**31, ())), classify=access.network.classify)
    trained = trunk.state_dict()
    return assemble(base, lambda name: trained[name])
