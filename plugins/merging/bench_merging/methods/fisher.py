"""Fisher-weighted averaging; Matena & Raffel 2022, arXiv:2111.09832.

    F_i     diagonal Fisher information of expert i on its task: the mean over examples x of
            sum_c p_i(c|x) (d log p_i(c|x) / d theta)^2, at theta_i; needs no labels
    a_i     1 / ||F_i|| over all tensors, with `normalise`, so that no expert outweighs the others; else 1
    theta   sum_i a_i F_i theta_i / sum_i a_i F_i, entry by entry, with F_i at least `floor`

`estimator="batch"` is that of MergeLM and FusionBench, for comparison with their tables: the square of the gradient,
summed over a batch of 32 examples, of sum_c sqrt(p_c) log p_c with the root held constant. Its cross terms do not
vanish, so that it is another quantity; and the floor is added, not the least value.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.network import Network
from bench_merging.normalisation import reestimated
from bench_merging.state import StateDict, assemble, floating

CHUNK = 16  # examples whose gradients, one per class, are held at a time
BATCH = 32


def fisher(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    examples: int = 256,
    normalise: bool = True,
    floor: float = 1e-6,
    estimator: Literal["per-example", "batch"] = "per-example",
) -> dict[str, Tensor]:
    """Return the average of the experts weighted by their Fisher information.

    Raises ValueError: see `limits.fisher`.
    """
    limits.fisher(examples=examples, floor=floor)
    estimate = diagonal if estimator == "per-example" else _batch_diagonal
    found = []
    for task, expert in enumerate(experts):
        x = access.inputs[task]
        chosen = x[torch.randperm(len(x))[:examples]]
        found.append(estimate(access.network, expert, chosen, task))
    scales = [1 / norm(f) if normalise else 1.0 for f in found]
    scales = [scale / sum(scales) for scale in scales]

    def value(name: str) -> Tensor:
        raised = [f[name] + floor if estimator == "batch" else f[name].clamp(min=floor) for f in found]
        weights = torch.stack([scale * f for scale, f in zip(scales, raised, strict=True)])
        return (weights * torch.stack([expert[name].float() for expert in experts])).sum(0) / weights.sum(0)

    return reestimated(access.network, assemble(base, value, experts), access.inputs)


def diagonal(network: Network, state: StateDict, x: Tensor, task: int) -> dict[str, Tensor]:
    """Return the diagonal Fisher information on inputs x, (n, *shape), for every floating tensor."""
    weights = {name: state[name].float() for name in floating(state)}
    rest = {name: state[name] for name in state if name not in weights}

    def log_probabilities(weights: dict[str, Tensor], one: Tensor) -> Tensor:
        return network.logits({**rest, **weights}, one[None], task)[0].log_softmax(-1)

    total = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    for part in x.split(CHUNK):
        p = network.logits({**rest, **weights}, part, task).softmax(-1)
        gradients = vmap(jacrev(log_probabilities), in_dims=(None, 0))(weights, part)
        for name, gradient in gradients.items():  # (n, C, *shape)
            total[name] += torch.einsum("nc,nc...->...", p, gradient.square())
    return {name: value / len(x) for name, value in total.items()}


def _batch_diagonal(network: Network, state: StateDict, x: Tensor, task: int) -> dict[str, Tensor]:
    weights = {name: state[name].float().clone().requires_grad_() for name in floating(state)}
    rest = {name: state[name] for name in state if name not in weights}
    total = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    for part in x.split(BATCH):
        log_p = network.logits({**rest, **weights}, part, task).log_softmax(-1)
        gradients = torch.autograd.grad((log_p.detach().exp().sqrt() * log_p).sum(), list(weights.values()))
        for name, gradient in zip(weights, gradients, strict=True):
            total[name] += gradient.square()
    return {name: value / len(x) for name, value in total.items()}


def norm(tensors: dict[str, Tensor]) -> float:
    """Return the L2 norm over all tensors."""
    return float(torch.stack([tensor.double().square().sum() for tensor in tensors.values()]).sum().sqrt())
