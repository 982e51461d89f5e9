"""Git Re-Basin's straight-through matching: permutations that make the loss at the midpoint small; Ainsworth et al.
2023, arXiv:2209.04836, algorithm 3.

    w        free weights, which start at expert A's
    pi       permutations that match expert B's units to w, by weight matching
    mid      (theta_A + pi(theta_B)) / 2
    step     Adam on w with the gradient of the loss at mid, as if pi(theta_B) were w

The result is the midpoint with the smallest loss of those met, each on its own batch of both tasks.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.coefficients import gradient
from bench_merging.methods.weight_matching import match, permuted
from bench_merging.state import StateDict, assemble, floating, widened
from harness import Skip

SWEEPS = 20  # of a matching; it starts anew in every step


def straight_through(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    steps: int = 60,
    lr: float = 0.003,
    batch_size: int = 128,
) -> dict[str, Tensor]:
    """Return the best midpoint of two experts.

    Raises:
        Skip: there are not exactly two experts.
        ValueError: see `limits.straight_through`.
    """
    limits.straight_through(steps=steps, lr=lr, batch_size=batch_size)
    if len(experts) != 2:
        raise Skip(f"straight-through matching merges two experts, and here are {len(experts)}")
    names, groups = floating(base), access.network.groups
    a, b = (widened(expert) for expert in experts)
    free = {name: a[name].clone() for name in names}
    optimiser = torch.optim.Adam(list(free.values()), lr=lr)
    best, least = None, float("inf")
    for _ in range(steps):
        found = match({**a, **free}, b, groups, SWEEPS)
        placed = permuted(b, groups, found)
        middle = {n: (a[n] + tensor) / 2 for n, tensor in placed.items() if tensor.is_floating_point()}
        value, slopes = gradient({**a, **middle}, names, lambda model: _loss(access, model, batch_size))
        if value < least:
            best, least = {name: tensor.detach().clone() for name, tensor in middle.items()}, value
        for name in names:
            free[name].grad = slopes[name] / 2
        optimiser.step()
    assert best is not None
    return assemble(base, lambda name: best[name])


def _loss(access: Access, model: StateDict, batch_size: int) -> Tensor:
    """Return the mean over tasks of the cross-entropy on a batch of each."""
    losses = []
    for task, (x, labels) in enumerate(access.examples):
        index = torch.randint(len(labels), (batch_size,))
        losses.append(functional.cross_entropy(access.network.logits(model, x[index], task), labels[index]))
    return torch.stack(losses).mean()
