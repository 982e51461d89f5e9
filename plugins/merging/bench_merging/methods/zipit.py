"""ZipIt: merge correlated features, also within one model; Stoica et al. 2024, arXiv:2305.03053.

At every group of units (`network.Axis`), the activations of all N experts on the inputs of all tasks stand side by
side, N n features, and are merged in pairs until n are left:

    c        correlation of two features over the inputs; a pair is the two with the largest c
    merge    i takes j in: its similarity to every other becomes the smaller of the two, times `alpha`
             (alpha <= 0: a merged feature is not merged again)
    budget   at most beta * floor(features to remove / N) merges of two features of one and the same model, for each; i
             stays its model's whatever it takes in. Where N > 2 leaves no pair that penalties and budgets allow, the
             largest c goes
    U        (N n, n), 1 where a feature has gone into a merged one;  M = U^T with rows divided by their sums
    weights  W* = sum_m M_m W_m U_m, M on the axis that produces the units, U on that which consumes them; an axis
             without a group, as that of the output, is averaged

The released code (gstoica27/ZipIt) allows one such merge where the budget is 0 from the start; else this is its
pairing. Activations are those that the consuming layer sees, after nonlinearity and pooling; along a residual stream,
the first of them, where the released graphs take the last.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.partial import mapped
from bench_merging.methods.weight_matching import units
from bench_merging.network import Axis, Groups, Network
from bench_merging.normalisation import reestimated
from bench_merging.state import StateDict, assemble


def zipit(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    alpha: float = 0.3,
    beta: float = 0.125,
    examples: int = 256,
) -> dict[str, Tensor]:
    """Return the zipped experts; correlations are those on `examples` inputs of every task.

    Raises ValueError: see `limits.zipit`.
    """
    limits.zipit(alpha=alpha, beta=beta, examples=examples)
    groups = access.network.groups
    x = torch.cat([inputs[torch.randperm(len(inputs))[:examples]] for inputs in access.inputs])
    activations = [group_activations(access.network, expert, x, groups) for expert in experts]
    zips = []
    for features in zip(*activations, strict=True):
        zips.append(pairing(correlation(torch.cat(features, dim=1)), len(experts), alpha, beta))
    merged = assemble(base, lambda name: zipped(name, experts, groups, zips).float())
    return reestimated(access.network, merged, access.inputs)


def group_activations(network: Network, state: StateDict, x: Tensor, groups: Groups) -> list[Tensor]:
    """Return for each group what its consuming layer sees, (samples, units), float64."""
    module = network.module({name: tensor.float() for name, tensor in state.items()})
    consumers = [next(axis for axis in group if not axis.incoming) for group in groups]
    seen: dict[str, Tensor] = {}
    for axis in consumers:
        layer = axis.tensor.rpartition(".")[0]
        module.get_submodule(layer).register_forward_pre_hook(
            lambda _, args, layer=layer: seen.__setitem__(layer, args[0])
        )
    with torch.no_grad():
        module(x)
    return [
        _by_unit(seen[axis.tensor.rpartition(".")[0]], units(state, g), axis)
        for g, axis in zip(groups, consumers, strict=True)
    ]


def _by_unit(activation: Tensor, count: int, axis: Axis) -> Tensor:
    return activation.reshape(len(activation), count, -1).movedim(1, 2).reshape(-1, count).double()


def correlation(features: Tensor) -> Tensor:
    """Return the correlation of features (samples, f), (f, f); 0 for a feature that is constant."""
    centred = features - features.mean(0)
    deviation = centred.norm(dim=0)
    unit = torch.where(deviation > 0, centred / deviation.clamp(min=1e-300), 0)
    return unit.T @ unit


def pairing(similarity: Tensor, models: int, alpha: float, beta: float) -> Tensor:
    """Return U, (N n, n) of 0 and 1, of a similarity of N n features."""
    total = len(similarity)
    each = total // models
    owner = torch.arange(total) // each
    group = torch.arange(total)
    free = similarity.clone().fill_diagonal_(-torch.inf)  # without penalties and budgets
    left = free.clone()
    budget = [int((total - each) // models * beta + 1e-4)] * models  # rounded as released
    for model in range(models):
        _spend(left, owner, model, budget, 0)
    for _ in range(total - each):
        at = int((left if left.max() > -torch.inf else free).argmax())
        i, j = sorted(divmod(at, total))
        same = int(owner[i]) if owner[i] == owner[j] else -1
        group[group == group[j]] = int(group[i])
        _join(left, i, j, alpha)
        _join(free, i, j, 1.0)
        if same >= 0:
            _spend(left, owner, same, budget, 1)
    return (group[:, None] == group.unique()).double()


def _join(left: Tensor, i: int, j: int, alpha: float) -> None:
    """Let feature i take feature j in."""
    smaller = torch.minimum(left[i], left[j])
    smaller = alpha * smaller if alpha > 0 else torch.full_like(smaller, -torch.inf)
    left[i], left[:, i] = smaller, smaller
    left[i, i] = -torch.inf
    left[j], left[:, j] = -torch.inf, -torch.inf


def _spend(left: Tensor, owner: Tensor, model: int, budget: list[int], count: int) -> None:
    """Take `count` off a model's budget; where none is left, no two of its features are merged with each other."""
    budget[model] -= count
    if budget[model] <= 0:
        own = owner == model
        left[own[:, None] & own] = -torch.inf


def zipped(name: str, experts: Sequence[StateDict], groups: Groups, zips: Sequence[Tensor]) -> Tensor:
    """Return W* of one tensor, float64."""
    axes = [(axis, u) for group, u in zip(groups, zips, strict=True) for axis in group if axis.tensor == name]
    total = None
    for m, expert in enumerate(experts):
        tensor = expert[name].double()
        for axis, u in axes:
            own = u.chunk(len(experts))[m]  # (n, n): a unit of this model -> the merged unit
            tensor = mapped(tensor, axis.axis, axis.repeat, (own / u.sum(0)).T if axis.incoming else own.T)
        total = tensor if total is None else total + tensor
    assert total is not None
    return total if any(axis.incoming for axis, _ in axes) else total / len(experts)
