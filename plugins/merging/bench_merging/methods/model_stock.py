"""Model Stock: the point between base and mean that lies closest to the experts' centre; Jang et al. 2024,
arXiv:2403.19522.

For every tensor:

    delta_i   theta_i - theta_0
    cos phi   mean over pairs of the cosine between delta_i and delta_j
    t         K cos phi / (1 + (K - 1) cos phi), limited to [0, 1]
    theta     t mean_i(theta_i) + (1 - t) theta_0

Norms count as 1e-6 at least; mergekit limits their product instead, and not t. For fine-tunes of one task. Experts of
different tasks are near orthogonal, and the result stays near the base.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, by_blocks, updates
from harness import Skip

FLOOR = 1e-6  # of a norm


def model_stock(*, base: StateDict, experts: Sequence[StateDict], access: Access) -> dict[str, Tensor]:
    """Return the interpolation between base and mean of the experts, with a ratio for each tensor.

    Raises:
        Skip: there is one expert only.
    """
    if len(experts) < 2:
        raise Skip("model stock takes angles between experts, and here is one")

    models = [base, *experts]

    def value(name: str) -> Tensor:
        gram = torch.zeros(len(experts), len(experts), dtype=torch.float64)

        def centre(parts: Sequence[Tensor], out: Tensor) -> None:
            tau = updates(parts)
            gram.add_(tau @ tau.T)  # in the same reading: the weights may lie in files that memory cannot hold
            torch.mean(tau, 0, out=out)

        towards = by_blocks(name, models, centre)
        return towards.mul_(ratio(gram)).add_(base[name])

    return assemble(base, value, experts)


def ratio(gram: Tensor) -> float:
    """Return t, given the inner products of the task vectors, (K, K)."""
    count, norms = len(gram), gram.diagonal().sqrt().clamp(min=FLOOR)
    cosines = gram / norms.outer(norms)
    cosine = float((cosines.sum() - cosines.trace()) / (count * (count - 1)))
    divisor = 1 + (count - 1) * cosine
    return 0.0 if divisor <= 0 else min(1.0, max(0.0, count * cosine / divisor))
