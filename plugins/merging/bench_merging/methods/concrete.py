"""Concrete subspace learning: one soft mask for all task vectors, from unlabelled inputs; Tang et al. 2023,
arXiv:2312.06173.

    x        logits of the mask, one for each parameter; start at 0
    m        sigmoid((x + log u - log(1 - u)) / T), u uniform, T = 0.5: a relaxed Bernoulli variable; then divided by
             its mean over the tensor, so that updates keep their size
    theta    theta_0 + sum_k lambda_k^l m tau_k
    loss     sum_k of the mean entropy of the predictions on a batch of task k; Adam on x

`then="nothing"` keeps lambda at `scale` (Concrete task arithmetic). `then="adamerging"` is the bi-level form: in every
step lambda starts anew, takes one step of Adam with learning rate 1 under the mask, and the mask's step is taken with
that lambda (the released script draws a second mask for it); afterwards the mask is frozen and AdaMerging learns
lambda for each tensor. FusionBench resets lambda after the merge, so that the inner step is taken at the last step's.
The mask at the end is a sample, as in the released code (FusionBench, `continuous`), which takes 2,000 steps at rate
1e-3.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.adamerging import descend_entropy, entropy_loss
from bench_merging.methods.coefficients import Coefficients, gradient
from bench_merging.state import StateDict, assemble, floating, task_vectors

TEMPERATURE = 0.5
TINY = 1e-6  # keeps log(u) finite


def concrete(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    then: Literal["nothing", "adamerging"] = "nothing",
    steps: int = 150,
    lr: float = 0.01,
    batch_size: int = 16,
    scale: float = 0.3,
) -> dict[str, Tensor]:
    """Return the merge under the learnt mask. Raises ValueError: see `limits.concrete`."""
    limits.concrete(steps=steps, lr=lr, batch_size=batch_size, scale=scale)
    names = floating(base)
    vectors = {name: task_vectors(name, base, experts) for name in names}
    merge = Coefficients(base, vectors, per_tensor=True, start=scale, seen=experts)
    logits = {name: torch.zeros_like(tensor[0], requires_grad=True) for name, tensor in vectors.items()}
    outer = torch.optim.Adam(list(logits.values()), lr=lr)
    inner = torch.optim.Adam([merge.values], lr=1.0)
    for _ in range(steps):
        mask = {name: sample(logits[name]) for name in names}
        if then == "adamerging":
            merge.vectors = {name: mask[name].detach() * vectors[name] for name in names}
            merge.values.fill_(scale)
            merge.descend(inner, entropy_loss(access, batch_size))
        _descend(outer, merge, vectors, mask, access, batch_size)
    mask = {name: sample(logits[name]).detach() for name in names}
    merge.vectors = {name: mask[name] * vectors[name] for name in names}
    merge.values.fill_(scale)
    if then == "adamerging":
        descend_entropy(merge, access, steps, lr, batch_size, clamp=False)
    merged = merge.merged()
    return assemble(base, lambda name: merged[name])


def sample(logits: Tensor) -> Tensor:
    """Return a mask with mean 1, of the shape of its logits and differentiable in them."""
    u = torch.rand_like(logits).clamp(TINY, 1 - TINY)
    mask = ((logits + u.log() - (1 - u).log()) / TEMPERATURE).sigmoid()
    return mask / mask.mean()


def _descend(
    optimiser: torch.optim.Optimizer,
    merge: Coefficients,
    vectors: dict[str, Tensor],
    mask: dict[str, Tensor],
    access: Access,
    batch_size: int,
) -> None:
    """Take a step in the mask: d loss / d m = d loss / d theta * sum_k lambda_k tau_k."""
    columns = merge.values.detach().clone()
    merge.vectors = {name: mask[name].detach() * vectors[name] for name in vectors}
    _, slopes = gradient(merge.merged(columns), merge.names, entropy_loss(access, batch_size))
    optimiser.zero_grad(set_to_none=True)
    parts = []
    for i, name in enumerate(merge.names):
        update = torch.einsum("k,k...->...", columns[:, i], vectors[name])
        parts.append((mask[name] * slopes[name] * update).sum())
    torch.stack(parts).sum().backward()
    optimiser.step()
