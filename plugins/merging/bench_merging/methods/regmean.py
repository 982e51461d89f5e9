"""RegMean: every linear layer by regression onto what the experts' layers give; Jin et al. 2023, arXiv:2212.09849.

    X_i     inputs of the layer in expert i on its own task, (n, in)
    G_i     X_i^T X_i / n, (in, in)
    G~_i    alpha G_i + (1 - alpha) diag(G_i)
    W       (sum_i W_i G~_i) (sum_i G~_i)^-1, (out, in): with alpha = 1 the least squares of sum_i ||X_i (W - W_i)^T||^2

All other tensors are averaged, biases among them, as in the released code (bloomberg/dataless-model-merging). Solved in
float64 with a ridge of 1e-7 of the mean diagonal, for inputs that are always zero.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.average import mean
from bench_merging.network import Network
from bench_merging.normalisation import reestimated
from bench_merging.state import StateDict, assemble

RIDGE = 1e-7


def regmean(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    alpha: float = 0.9,
    examples: int = 256,
) -> dict[str, Tensor]:
    """Return the regression mean of the experts.

    Raises:
        ValueError: see `limits.regmean`.
    """
    limits.regmean(alpha=alpha, examples=examples)
    found = []
    for x, expert in zip(access.inputs, experts, strict=True):
        found.append(grams(access.network, expert, x[torch.randperm(len(x))[:examples]]))

    def value(name: str) -> Tensor:
        if name not in found[0]:
            return mean(name, experts)
        return solve([expert[name] for expert in experts], [shrunk(g[name], alpha) for g in found])

    return reestimated(access.network, assemble(base, value, experts), access.inputs)


def grams(network: Network, state: StateDict, x: Tensor) -> dict[str, Tensor]:
    """Return X^T X / n, (in, in) float64, of every linear layer, by the name of its weight, less the padding."""
    module, found = network.module(state), dict[str, Tensor]()
    is_text = ~module.padding(x) if hasattr(module, "padding") else None  # type: ignore[operator]

    def record(name: str, inputs: Tensor) -> None:
        padded = is_text is not None and inputs.shape[:-1] == is_text.shape
        rows = (inputs[is_text] if padded else inputs.flatten(0, -2)).double()
        found[name] = rows.T @ rows / len(rows)

    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_pre_hook(lambda _, args, name=name: record(f"{name}.weight", args[0]))
    with torch.no_grad():
        module(x)
    return found


def shrunk(gram: Tensor, alpha: float) -> Tensor:
    """Return the Gram matrix with its entries off the diagonal times alpha."""
    return alpha * gram + (1 - alpha) * gram.diag().diag()


def solve(weights: Sequence[Tensor], found: Sequence[Tensor]) -> Tensor:
    """Return (sum_i W_i G_i) (sum_i G_i)^-1 of weights (out, in) and Gram matrices (in, in)."""
    total = torch.stack(list(found)).sum(0)
    ridge = RIDGE * total.diag().mean().clamp(min=torch.finfo(torch.float64).tiny)
    # Where the inputs tell nothing, the ridge pulls to the plain mean.
    average = torch.stack([w.double() for w in weights]).mean(0)
    product = torch.stack([w.double() @ g for w, g in zip(weights, found, strict=True)]).sum(0) + ridge * average
    return torch.linalg.solve(total + ridge * torch.eye(len(total), dtype=torch.float64), product.T).T.float()
