"""Iso-C: the sum of the task vectors with all its singular values made equal; Marczak et al. 2025, arXiv:2502.04959.

For every matrix, sum_i Delta_i = U S V^T, and theta = theta_0 + scale * mean(S) U V^T. All other tensors get scale
times the mean of the task vectors. The paper chooses `scale` on validation data (method `tuned`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.task_arithmetic import summed
from bench_merging.state import StateDict, add


def iso_c(*, base: StateDict, experts: Sequence[StateDict], access: Access, scale: float = 1.0) -> dict[str, Tensor]:
    """Return the base with the isotropic sum of the task vectors added. Raises ValueError: see `limits.scaled`."""
    limits.scaled(scale=scale)

    def delta(name: str) -> Tensor:
        total = summed(name, base, experts)
        return scale * (isotropic(total) if total.dim() == 2 else total / len(experts))

    return add(base, delta, experts)


def isotropic(update: Tensor) -> Tensor:
    """Return a matrix (m, n) with the same singular vectors, and all singular values their mean."""
    u, s, vt = torch.linalg.svd(update, full_matrices=False)
    return s.mean() * (u @ vt)
