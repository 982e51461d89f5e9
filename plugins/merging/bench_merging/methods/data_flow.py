"""Evolutionary merging in data-flow space: which layers of the experts an input goes through; Akiba et al. 2025,
arXiv:2403.13187.

    slots    the layers of all K experts (M in all), laid out expert by expert, the whole `repeats` times: T in all
    I        (T,): a slot is on the path where I_t > 0, so that layers keep their order and may come again
    W        what a layer's input is multiplied by, W_ij where slot j follows slot i on the path
    search   I and W together by CMA-ES; at the start the path is that of the first expert, and W is 1
    fitness  mean validation accuracy

The embedding is that of the expert whose layer is first on the path, the head that of the one whose layer is last. The
weights stay as they are. The expert that is best on the validation data is laid out first, so that no result is worse
than every expert there. The paper has M = 64, r = 3, 100 generations of 128, and a small network in place of W where T
is large; what is searched in parameter space is the method `evolutionary`.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.search import cma_es
from bench_merging.network import Stack
from bench_merging.result import Reshaped
from bench_merging.state import StateDict, widened

START = 0.25  # |I| at the start
LIMIT = 2.0  # of I and W, by magnitude


def data_flow(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    repeats: int = 2,
    trials: int = 300,
    scaling: bool = True,
) -> Reshaped:
    """Return the network of the best path; every trial, and each expert once, costs one evaluation for each task.

    Raises:
        Skip: the architecture has no layers that can follow each other in any order.
        ValueError: see `limits.data_flow` and `limits.affordable`.
    """
    limits.data_flow(repeats=repeats, trials=trials)
    stack = access.network.stack
    limits.affordable((len(experts) + trials) * len(access.network.heads), access.budget)
    quality = [access.mean_accuracy(expert) for expert in experts]
    first = max(range(len(experts)), key=quality.__getitem__)
    ordered = [widened(experts[i]) for i in sorted(range(len(experts)), key=lambda i: i != first)]
    depth = len(stack.layers)
    slots = [(source, layer) for source in range(len(ordered)) for layer in range(depth)] * repeats
    pairs = len(slots) * (len(slots) - 1) // 2

    def candidate(point: Tensor) -> dict[str, Tensor]:
        path = [t for t in range(len(slots)) if point[t] > 0]
        scales = point[len(slots) :] if scaling else torch.ones(pairs)
        return routed(ordered, stack, slots, path, scales)

    start = torch.full((len(slots),), -START)
    start[:depth] = START
    start = torch.cat([start, torch.ones(pairs)]) if scaling else start

    best, _ = cma_es(
        lambda point: access.mean_accuracy(candidate(point)),
        start,
        sigma=1 / 6,
        evaluations=trials,
        low=-LIMIT,
        high=LIMIT,
    )
    dtype = base[stack.before[0]].dtype
    return Reshaped({name: tensor.to(dtype) for name, tensor in candidate(best).items()})


def routed(
    experts: Sequence[StateDict],
    stack: Stack,
    slots: Sequence[tuple[int, int]],
    path: Sequence[int],
    scales: Tensor,
) -> dict[str, Tensor]:
    """Return the network whose layers are the slots on a path, float32.

    Args:
        slots: for each slot the expert and the layer of it.
        path: numbers of slots, rising.
        scales: W_ij for i < j, row by row, (T (T - 1) / 2,); the first layer's is 1.
    """
    ends = [slots[path[0]][0], slots[path[-1]][0]] if path else [0, 0]
    found = {name: experts[ends[0]][name].clone() for name in stack.before}
    for place, t in enumerate(path):
        source, layer = slots[t]
        for name in stack.layers[layer]:
            found[stack.moved(name, place)] = experts[source][name].clone()
    found |= {name: experts[ends[1]][name].clone() for name in stack.after}
    upper = torch.triu_indices(len(slots), len(slots), offset=1)
    matrix = torch.ones(len(slots), len(slots))
    matrix[upper[0], upper[1]] = scales.float()
    own = [1.0, *(float(matrix[i, j]) for i, j in pairwise(path))][: len(path)]
    return found | {"scales": torch.tensor(own)}
