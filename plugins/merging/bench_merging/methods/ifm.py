"""Iterative Feature Merging: one network made narrower by merging units that are alike; as released
(Ytchen981/Iterative-Feature-Merging).

    D_ij    squared distance of two units of a group over all tensors with two axes or more where they stand, those that
            produce them and those that consume them; of the weights as they are now
    sweep   every group merges its closest pair i, j if D_ij <= ratio * max D, and otherwise rests; sweeps go on until
            none merges, and for a group at most `most` times its first width
    merge   what produces i and j is summed, biases and affine parameters of norms too; what consumes them becomes its
            mean, weighted by the counts c_i and c_j of units that have gone into them; so do the statistics of batch
            normalisation, which the released code adds up; either way the network's function is not kept

A unit of count c gives c times what each of its members gave, which for ReLU is what they gave together if they were
equal: positive factors go through it. Two units that are exactly equal are merged, where the released code stops with a
failed assertion; it also leaves the first stage of a residual network as it is, which no network here has.

`random-merging` and `unit-pruning` are controls, of the widths that this method has for the same `ratio`: pairs drawn
at random; and units left out whose norm over the tensors that produce them is smallest.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.methods.weight_matching import rows, units
from bench_merging.network import Axis, Groups, Network
from bench_merging.result import Reshaped
from bench_merging.state import StateDict, is_statistic

Group = Sequence[Axis]
Pair = tuple[int, int]
Choose = Callable[[Mapping[str, Tensor], Group], Pair | None]  # weights, group -> what to merge next


def ifm(*, model: StateDict, network: Network, ratio: float = 0.1, most: float = 1.0) -> Reshaped:
    """Return the network with units merged.

    Raises:
        ValueError: see `limits.ifm`.
    """
    limits.ifm(ratio=ratio, most=most)
    sweeps = [most * units(model, group) for group in network.groups]
    return _typed(merged(model, network.groups, lambda state, group: closest(state, group, ratio), sweeps), model)


def random_merging(*, model: StateDict, network: Network, ratio: float = 0.1) -> Reshaped:
    """Return the network with as many merges as `ifm` makes, of pairs drawn at random."""
    widths = _widths(model, network, ratio)
    sweeps = [units(model, group) - width for group, width in zip(network.groups, widths, strict=True)]

    def choose(state: Mapping[str, Tensor], group: Group) -> Pair:
        i, j = sorted(torch.randperm(units(state, group))[:2].tolist())
        return i, j

    return _typed(merged(model, network.groups, choose, sweeps), model)


def unit_pruning(*, model: StateDict, network: Network, ratio: float = 0.1) -> Reshaped:
    """Return the network without its units of least norm, as narrow as that of `ifm`."""
    state = {name: tensor.double() for name, tensor in model.items()}
    widths = _widths(model, network, ratio)
    kept = [_largest(state, group, width) for group, width in zip(network.groups, widths, strict=True)]
    for group, chosen in zip(network.groups, kept, strict=True):
        for axis in group:
            state[axis.tensor] = _placed(rows(state[axis.tensor], axis)[chosen], state[axis.tensor], axis)
    return _typed(state, model)


def merged(model: StateDict, groups: Groups, choose: Choose, sweeps: Sequence[float]) -> dict[str, Tensor]:
    """Return the network, float64, after sweeps of one merge in every group; each takes part in its `sweeps`."""
    state = {name: tensor.double() for name, tensor in model.items()}
    counts = [torch.ones(units(state, group), dtype=torch.float64) for group in groups]
    sweep, progress = 0, True
    while progress:
        progress = False
        for g, group in enumerate(groups):
            pair = choose(state, group) if sweep < sweeps[g] and len(counts[g]) > 1 else None
            if pair is not None:
                counts[g], progress = join(state, group, counts[g], pair), True
        sweep += 1
    return state


def closest(state: Mapping[str, Tensor], group: Group, ratio: float) -> Pair | None:
    """Return the closest pair of units if they are close enough, with the smaller number first."""
    distance = distances(state, group)
    apart = distance.clone().fill_diagonal_(torch.inf)
    i, j = divmod(int(apart.argmin()), len(apart))
    return (min(i, j), max(i, j)) if float(apart[i, j]) <= ratio * float(distance.max()) else None


def distances(state: Mapping[str, Tensor], group: Group) -> Tensor:
    """Return D, (n, n)."""
    matrices = [rows(state[axis.tensor], axis) for axis in group if state[axis.tensor].dim() > 1]
    every = torch.cat(matrices, dim=1)
    return torch.cdist(every, every, compute_mode="donot_use_mm_for_euclid_dist").square()


def join(state: dict[str, Tensor], group: Group, counts: Tensor, pair: Pair) -> Tensor:
    """Merge two units, which become the last one; return the counts of what is left."""
    i, j = pair
    left = torch.tensor([k for k in range(len(counts)) if k not in pair], dtype=torch.long)
    share = counts[[i, j]] / counts[[i, j]].sum()
    for axis in group:
        every = rows(state[axis.tensor], axis)
        both = every[[i, j]]
        one = both.sum(0) if axis.incoming and not is_statistic(axis.tensor) else share @ both
        state[axis.tensor] = _placed(torch.cat([every[left], one[None]]), state[axis.tensor], axis)
    return torch.cat([counts[left], counts[[i, j]].sum()[None]])


def _placed(every: Tensor, tensor: Tensor, axis: Axis) -> Tensor:
    """Return a tensor with other units on one axis, given as rows (n, rest)."""
    rest = tensor.movedim(axis.axis, 0).shape[1:]
    return every.reshape(len(every) * axis.repeat, *rest).movedim(0, axis.axis).contiguous()


def _widths(model: StateDict, network: Network, ratio: float) -> list[int]:
    small = ifm(model=model, network=network, ratio=ratio).state
    return [units(small, group) for group in network.groups]


def _largest(state: StateDict, group: Group, width: int) -> Tensor:
    norms = torch.stack(
        [rows(state[a.tensor], a).square().sum(1) for a in group if a.incoming and not is_statistic(a.tensor)]
    ).sum(0)
    return norms.argsort(descending=True, stable=True)[:width].sort().values


def _typed(state: StateDict, model: StateDict) -> Reshaped:
    return Reshaped({name: state[name].to(tensor.dtype) for name, tensor in model.items()})
