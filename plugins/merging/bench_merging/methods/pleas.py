"""PLeaS at the size of one model: match units, then fit every layer by least squares; Nasery et al. 2025,
arXiv:2407.02447.

    P        permutation of expert B's units, by weight matching (`matching="weights"`) or by the correlation of
             activations (`"activations"`, the paper's default)
    z, y     input and output of a layer of an original expert, on the inputs of both tasks
    W, b     least squares of ||(z_A + P z_B)/2 W^T + b - (y_A + P y_B)/2||^2, for every layer on its own
    ridge    1e-6 of the mean squared input, towards the average of the matched weights

Layers are linear maps and convolutions; all else is averaged after matching. The paper's larger models, in which some
units stay apart, have other shapes than the experts and are not here; nor is Adam in place of the closed form.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.access import Access
from bench_merging.methods.weight_matching import match, permuted
from bench_merging.methods.zipit import correlation, group_activations
from bench_merging.network import Network
from bench_merging.state import StateDict, assemble
from harness import Skip

RIDGE = 1e-6
Records = dict[str, tuple[Tensor, Tensor]]  # layer -> its input rows and output rows


def pleas(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    matching: Literal["activations", "weights", "none"] = "activations",
    examples: int = 256,
) -> dict[str, Tensor]:
    """Return the fitted merge of two experts.

    Raises:
        Skip: there are not exactly two experts.
    """
    if len(experts) != 2:
        raise Skip(f"pleas merges two experts, and here are {len(experts)}")
    network = access.network
    x = torch.cat([inputs[torch.randperm(len(inputs))[:examples]] for inputs in access.inputs])
    a, b = ({name: tensor.double() for name, tensor in expert.items()} for expert in experts)
    b = permuted(b, network.groups, _matched(network, a, b, x, matching))
    mean = {name: (a[name] + b[name]) / 2 for name in a}
    fitted = _fit(mean, records(network, a, x), records(network, b, x))
    return assemble(base, lambda name: fitted.get(name, mean[name]).float())


def _matched(network: Network, a: StateDict, b: StateDict, x: Tensor, matching: str) -> list[Tensor]:
    if matching == "weights":
        return match(a, b, network.groups, 100)
    pairs = zip(*(group_activations(network, state, x, network.groups) for state in (a, b)), strict=True)
    found = []
    for one, other in pairs:
        size = one.shape[1]
        similarity = correlation(torch.cat([one, other], dim=1))[:size, size:]
        columns = linear_sum_assignment(similarity.numpy(), maximize=True)[1]
        found.append(torch.from_numpy(columns) if matching == "activations" else torch.arange(size))
    return found


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


def _fit(mean: StateDict, a: Records, b: Records) -> dict[str, Tensor]:
    """Return the least-squares weights and biases of every layer, by the names of their tensors."""
    fitted = {}
    for name in a:
        z, y = ((one + other) / 2 for one, other in zip(a[name], b[name], strict=True))
        start = mean[f"{name}.weight"].flatten(1)
        bias = mean.get(f"{name}.bias")
        if bias is not None:
            z, start = torch.cat([z, torch.ones(len(z), 1).double()], 1), torch.cat([start, bias[:, None]], 1)
        gram = z.T @ z / len(z)
        ridge = RIDGE * gram.diag().mean() * torch.eye(len(gram)).double()
        best = torch.linalg.solve(gram + ridge, z.T @ y / len(z) + ridge @ start.T).T
        if bias is not None:
            best, fitted[f"{name}.bias"] = best[:, :-1], best[:, -1]
        fitted[f"{name}.weight"] = best.reshape(mean[f"{name}.weight"].shape)
    return fitted
