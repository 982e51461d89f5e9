"""Evolutionary merging in parameter space: weights and densities found by CMA-ES; Akiba et al. 2025, arXiv:2403.13187.

    w, d     mixing weight and density of each expert, for the whole model or for each tensor; all start at 0.5
    tau~     w * task vector with a random share 1 - d of its entries dropped and the rest divided by d (DARE)
    gamma    sign of the sum of the tau~ (TIES: the weights count in the election; nothing is trimmed besides)
    theta    theta_0 + the sum of those tau~ whose sign is gamma
    fitness  mean validation accuracy; sigma starts at 1/6, population 4 + floor(3 ln n)

The random entries are drawn once, so that equal recipes have equal fitness. Weights are limited to [0, 1] and densities
to [0.05, 1]. The paper has 1,000 trials. The model's depth stays as it is: the search in data-flow space is not here.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.search import cma_es
from bench_merging.methods.ties import disjoint_merge
from bench_merging.state import StateDict, assemble, floating, task_vectors, widened

LEAST_DENSITY = 0.05


def evolutionary(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    granularity: Literal["model", "tensor"] = "model",
    trials: int = 600,
) -> dict[str, Tensor]:
    """Return the best recipe's merge; every trial costs one evaluation for each task.

    Raises ValueError: see `limits.evolutionary` and `limits.affordable`.
    """
    limits.evolutionary(trials=trials)
    limits.affordable(trials * len(access.network.heads), access.budget)
    names, origin = floating(base), widened(base)
    vectors = {name: task_vectors(name, base, experts) for name in names}
    noise = {name: torch.rand(tensor.shape) for name, tensor in vectors.items()}
    places = len(names) if granularity == "tensor" else 1
    shape = (2, len(experts), places)

    def candidate(point: Tensor) -> dict[str, Tensor]:
        weights, densities = point.view(shape).float().expand(-1, -1, len(names))

        def value(name: str) -> Tensor:
            i = names.index(name)
            return origin[name] + mixed(vectors[name], noise[name], weights[:, i], densities[:, i])

        return assemble(origin, value, experts)

    start = torch.full((2 * len(experts) * places,), 0.5)
    best, _ = cma_es(
        lambda point: access.mean_accuracy(candidate(point)), start, sigma=1 / 6, evaluations=trials, low=0, high=1
    )
    found = candidate(best)
    return assemble(base, lambda name: found[name])


def mixed(tau: Tensor, noise: Tensor, weights: Tensor, densities: Tensor) -> Tensor:
    """Return DARE-TIES of task vectors (K, *shape) with uniform noise of that shape; weights and densities are (K,)."""
    shape = (-1, *[1] * (tau.dim() - 1))
    kept = densities.clamp(LEAST_DENSITY, 1).view(shape)
    return disjoint_merge(torch.where(noise < kept, tau, 0) / kept * weights.view(shape), 1.0, "sum")
