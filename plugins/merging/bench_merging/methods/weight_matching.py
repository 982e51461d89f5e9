"""Git Re-Basin's weight matching: permute the units of experts until they match, then average; Ainsworth et al. 2023,
arXiv:2209.04836.

    groups    sets of interchangeable units, and the axes of tensors where they stand (`network.Axis`)
    P_g       permutation of group g of expert B
    A_g       sum over the group's axes of M_A M_B^T, (n, n): M is the tensor with that axis first, flattened, and B
              already permuted by all other groups; statistics of normalisation do not count, but move with their units
    step      P_g = the assignment that maximises <A_g, P_g>; the groups in random order, until a sweep changes nothing

More than two experts are matched as in the paper's MergeMany: each in turn to the mean of the others, until a round
changes nothing. All computed in float64.
"""

from collections.abc import Sequence

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.network import Axis, Groups
from bench_merging.state import StateDict, assemble, is_statistic

PROGRESS = 1e-12
Permutations = list[Tensor]


def weight_matching(
    *, base: StateDict, experts: Sequence[StateDict], access: Access, sweeps: int = 100
) -> dict[str, Tensor]:
    """Return the average of the experts after their units are matched.

    Raises ValueError: see `limits.weight_matching`.
    """
    limits.weight_matching(sweeps=sweeps)
    matched = match_all(experts, access.network.groups, sweeps)
    return assemble(base, lambda name: torch.stack([state[name] for state in matched]).mean(0))


def match_all(experts: Sequence[StateDict], groups: Groups, sweeps: int) -> list[dict[str, Tensor]]:
    """Return the experts, float64, with their units in matching order; the first keeps its own where there are two."""
    states = [{name: tensor.double() for name, tensor in expert.items()} for expert in experts]
    for _ in range(1 if len(states) == 2 else sweeps):
        changed = False
        for i in [1] if len(states) == 2 else torch.randperm(len(states)).tolist():
            others = [state for j, state in enumerate(states) if j != i]
            target = {name: torch.stack([state[name] for state in others]).mean(0) for name in states[i]}
            found = match(target, states[i], groups, sweeps)
            states[i] = permuted(states[i], groups, found)
            changed = changed or any(not torch.equal(p, torch.arange(len(p))) for p in found)
        if not changed:
            break
    return states


def match(a: StateDict, b: StateDict, groups: Groups, sweeps: int) -> Permutations:
    """Return the permutation of each group: unit i of a's group goes with unit p[i] of b's."""
    a, b = ({n: t.double() for n, t in state.items()} for state in (a, b))
    found = [torch.arange(units(a, group)) for group in groups]
    for _ in range(sweeps):
        progress = False
        for g in torch.randperm(len(groups)).tolist():
            similarity = _similarity(a, b, groups, found, g)
            _, columns = linear_sum_assignment(similarity.numpy(), maximize=True)
            rows, chosen = torch.arange(len(columns)), torch.from_numpy(columns)
            if similarity[rows, chosen].sum() > similarity[rows, found[g]].sum() + PROGRESS:
                found[g], progress = chosen, True
        if not progress:
            break
    return found


def units(state: StateDict, group: Sequence[Axis]) -> int:
    """Return how many units a group has."""
    return state[group[0].tensor].shape[group[0].axis] // group[0].repeat


def _similarity(a: StateDict, b: StateDict, groups: Groups, found: Permutations, g: int) -> Tensor:
    others = [(group, p) for i, (group, p) in enumerate(zip(groups, found, strict=True)) if i != g]
    total = torch.zeros(len(found[g]), len(found[g]), dtype=torch.float64)
    for axis in (axis for axis in groups[g] if not is_statistic(axis.tensor)):
        here = rows(a[axis.tensor], axis)
        tensor = b[axis.tensor]
        for group, p in others:
            for other in (other for other in group if other.tensor == axis.tensor):
                tensor = _reordered(tensor, other, p)
        total += here @ rows(tensor, axis).T
    return total


def similarities(a: StateDict, b: StateDict, groups: Groups, found: Permutations) -> list[Tensor]:
    """Return, for each group, the inner product of each unit of a with that of b which it is matched with, (n,)."""
    return [_similarity(a, b, groups, found, g)[torch.arange(len(p)), p] for g, p in enumerate(found)]


def rows(tensor: Tensor, axis: Axis) -> Tensor:
    """Return a tensor as one row for each unit of one of its axes, (n, rest)."""
    moved = tensor.movedim(axis.axis, 0)
    return moved.reshape(moved.shape[0] // axis.repeat, -1)


def _reordered(tensor: Tensor, axis: Axis, p: Tensor) -> Tensor:
    index = (p[:, None] * axis.repeat + torch.arange(axis.repeat)).flatten()
    return tensor.index_select(axis.axis, index)


def permuted(state: StateDict, groups: Groups, found: Permutations) -> dict[str, Tensor]:
    """Return a model whose unit i of each group is the model's unit p[i]: it computes the same."""
    changed: dict[str, Tensor] = dict(state)
    for group, p in zip(groups, found, strict=True):
        for axis in group:
            changed[axis.tensor] = _reordered(changed[axis.tensor], axis, p)
    return changed
