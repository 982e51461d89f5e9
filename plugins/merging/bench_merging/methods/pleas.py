"""PLeaS: match units, merge all or some of them, then fit every layer by least squares; Nasery et al. 2025,
arXiv:2407.02447.

    P        permutation of expert B's units, by weight matching (`matching="weights"`), by the distance of activations
             (`"activations"`, the default, here of what the consuming layer sees on all inputs; as released over all
             tensors of a group, on the last batch alone) or by their correlation (`"correlations"`)
    z, y     input and output of a layer of an original expert, on the inputs of both tasks, in the layout of
             `partial`: [(z_A + P z_B)/2 of merged units | z_A of its own | z_B of its own], y likewise
    W, b     least squares of ||z W^T + b - y||^2, for every layer on its own; nothing leads from units of one
             expert alone to those of the other
    ridge    1e-6 of the mean squared input, towards the partly merged weights

Layers are linear maps and convolutions; all else is as merged. `budget` is the cost in multiples of one expert's, from
1 (all units merged) to 2 (none): the matched units of least similarity stay apart. How many do in each group maximises
the sum of the shares, for which the paper has weights that are gains in accuracy, measured group by group. The released
code (SewoongLab/PLeaS-Merging) has Adam in place of the closed form; with all units apart it still merges one of each
group and adds the experts' outputs up, where here they are averaged; and for layers of unequal width its mask has the
wrong orientation.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.partial import Layout, group_of, layout, least_alike, mapped, shares, widened
from bench_merging.methods.weight_matching import match, permuted, similarities
from bench_merging.methods.zipit import correlation, group_activations
from bench_merging.network import Network
from bench_merging.normalisation import reestimated
from bench_merging.result import Reshaped
from bench_merging.state import StateDict, assemble
from harness import Skip

RIDGE = 1e-6
Records = dict[str, tuple[Tensor, Tensor]]  # layer -> its input rows and output rows


def pleas(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    matching: Literal["activations", "correlations", "weights", "none"] = "activations",
    examples: int = 256,
    budget: float = 1.0,
) -> dict[str, Tensor] | Reshaped:
    """Return the fitted merge of two experts; a wider model for a budget above 1.

    Raises:
        Skip: there are not exactly two experts, or the architecture has one width only and the budget is above 1.
        ValueError: see `limits.pleas`.
    """
    limits.pleas(budget=budget, examples=examples)
    if len(experts) != 2:
        raise Skip(f"pleas merges two experts, and here are {len(experts)}")
    network = access.network
    x = torch.cat([inputs[torch.randperm(len(inputs))[:examples]] for inputs in access.inputs])
    a, b = ({name: tensor.double() for name, tensor in expert.items()} for expert in experts)
    found, alike = _matched(network, a, b, x, matching)
    b = permuted(b, network.groups, found)
    seen = records(network, a, x), records(network, b, x)
    apart = _shares(network, seen[0], budget)
    layouts = [layout(least_alike(values, share)) for values, share in zip(alike, apart, strict=True)]
    start = widened(a, b, network.groups, layouts)
    fitted = _fit(start, *seen, network, layouts)
    merged = {name: fitted.get(name, tensor).float() for name, tensor in start.items()}
    if not any(here.apart for here in layouts):
        return reestimated(network, assemble(base, merged.__getitem__), access.inputs)
    network.features(merged, x[:1])  # raises where the architecture has one width only
    kept = {name: tensor.clone() for name, tensor in base.items() if not tensor.is_floating_point()}
    return Reshaped({name: merged[name].to(base[name].dtype) for name in merged if name not in kept} | kept)


def _matched(
    network: Network, a: StateDict, b: StateDict, x: Tensor, matching: str
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the permutation of each group of B's units, and how alike those are that it brings together."""
    if matching == "weights":
        found = match(a, b, network.groups, 100)
        return found, similarities(a, b, network.groups, found)
    pairs = zip(*(group_activations(network, state, x, network.groups) for state in (a, b)), strict=True)
    found, alike = [], []
    for one, other in pairs:
        size = one.shape[1]
        if matching == "correlations":
            similarity = correlation(torch.cat([one, other], dim=1))[:size, size:]
        else:
            similarity = -torch.cdist(one.T, other.T)
        columns = linear_sum_assignment(similarity.numpy(), maximize=True)[1]
        found.append(torch.arange(size) if matching == "none" else torch.from_numpy(columns))
        alike.append(similarity[torch.arange(size), found[-1]])
    return found, alike


def _shares(network: Network, seen: Records, budget: float) -> list[float]:
    """Return the share of units that stay apart, for each group."""
    if budget == 1:
        return [0.0] * len(network.groups)
    costs: dict[tuple[int | None, int | None], float] = {}
    for name, (z, y) in seen.items():
        ends = [group_of(network.groups, f"{name}.weight", incoming=incoming) for incoming in (False, True)]
        key = tuple(None if end is None else end[0] for end in ends)
        costs[key] = costs.get(key, 0.0) + z.numel() * y.shape[1]  # type: ignore[index, arg-type]
    return shares(costs, len(network.groups), budget)


def records(network: Network, state: StateDict, x: Tensor) -> Records:
    """Return what every linear layer and convolution of a model takes in and gives out, as rows, float64."""
    module, found = network.module({n: t.float() if t.is_floating_point() else t for n, t in state.items()}), {}

    def record(name: str, layer: nn.Module, given: Tensor, out: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            patches = functional.unfold(given, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
            found[name] = patches.transpose(1, 2).flatten(0, 1).double(), out.flatten(2).transpose(1, 2).flatten(0, 1)
        else:
            found[name] = given.flatten(0, -2).double(), out.flatten(0, -2)

    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.register_forward_hook(lambda layer, args, out, name=name: record(name, layer, args[0], out))
    with torch.no_grad():
        module(x)
    return {name: (z, y.double()) for name, (z, y) in found.items()}


def _fit(start: StateDict, a: Records, b: Records, network: Network, layouts: Sequence[Layout]) -> dict[str, Tensor]:
    """Return the least-squares weights and biases of every layer, by the names of their tensors."""
    fitted = {}
    for name in a:
        z, inputs = _laid_out(a[name][0], b[name][0], network, layouts, f"{name}.weight", incoming=False)
        y, outputs = _laid_out(a[name][1], b[name][1], network, layouts, f"{name}.weight", incoming=True)
        weight = start[f"{name}.weight"].flatten(1).clone()
        bias = start.get(f"{name}.bias")
        if bias is not None:
            z, weight = torch.cat([z, torch.ones(len(z), 1).double()], 1), torch.cat([weight, bias[:, None]], 1)
            inputs = torch.cat([inputs, torch.zeros(1).long()])
        for owner in outputs.unique().tolist():
            rows, columns = outputs == owner, (inputs == 0) | (inputs == owner) | (owner == 0)
            chosen = rows[:, None] & columns
            weight[chosen] = _solved(z[:, columns], y[:, rows], weight[rows][:, columns]).flatten()
        if bias is not None:
            weight, fitted[f"{name}.bias"] = weight[:, :-1], weight[:, -1]
        fitted[f"{name}.weight"] = weight.reshape(start[f"{name}.weight"].shape)
    return fitted


def _solved(z: Tensor, y: Tensor, start: Tensor) -> Tensor:
    """Return the least-squares map of inputs (n, i) to outputs (n, o), (o, i)."""
    gram = z.T @ z / len(z)
    ridge = RIDGE * gram.diag().mean() * torch.eye(len(gram)).double()
    return torch.linalg.solve(gram + ridge, z.T @ y / len(z) + ridge @ start.T).T


def _laid_out(
    a: Tensor, b: Tensor, network: Network, layouts: Sequence[Layout], tensor: str, *, incoming: bool
) -> tuple[Tensor, Tensor]:
    """Return both experts' rows in the new layout, and whose each column is: 0 for both, 1 for A, 2 for B."""
    found = group_of(network.groups, tensor, incoming=incoming)
    if found is None:
        return (a + b) / 2, torch.zeros(a.shape[1], dtype=torch.long)
    here = layouts[found[0]]
    repeat = a.shape[1] // here.give[0].shape[1]
    rows = sum(mapped(rows, 1, repeat, give) for rows, give in zip((a, b), here.give, strict=True))
    owners = torch.tensor([0] * here.merged + [1] * here.apart + [2] * here.apart)
    assert isinstance(rows, Tensor)
    return rows, owners.repeat_interleave(repeat)
