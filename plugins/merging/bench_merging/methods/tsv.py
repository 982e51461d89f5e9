"""TSV-M: merge the leading singular vectors of the task vectors, whitened; Gargiulo et al. 2025, arXiv:2412.00081.

For every matrix (m, n), with r = min(m, n) and K experts:

    Delta_i = U_i S_i V_i^T   task vector; its first r_i = floor(r / K) triplets are kept
    U, V                      those of all experts side by side, (m, K r_i) and (n, K r_i); S their singular values
    U_perp                    P Q^T of U = P D Q^T: the nearest matrix with orthonormal columns; V_perp likewise
    theta                     theta_0 + scale * U_perp S V_perp^T

All other tensors, and matrices with r < K, get scale * the mean of the task vectors.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.state import StateDict, add, task_vectors


def tsv_m(*, base: StateDict, experts: Sequence[StateDict], access: Access, scale: float = 1.0) -> dict[str, Tensor]:
    """Return the base with the merged singular vectors added. Raises ValueError: see `limits.scaled`."""
    limits.scaled(scale=scale)

    def delta(name: str) -> Tensor:
        tau = task_vectors(name, base, experts)
        is_mergeable = tau.dim() == 3 and min(tau.shape[1:]) >= len(tau)
        return scale * (merged_update(tau) if is_mergeable else tau.mean(0))

    return add(base, delta, experts)


def merged_update(tau: Tensor) -> Tensor:
    """Return U_perp S V_perp^T of task vectors (K, m, n)."""
    kept = min(tau.shape[1:]) // len(tau)
    u, s, vt = torch.linalg.svd(tau, full_matrices=False)
    left = u[:, :, :kept].permute(1, 0, 2).flatten(1)  # (m, K kept), in the order of the experts
    right = vt[:, :kept].flatten(0, 1)  # (K kept, n)
    return (whitened(left) * s[:, :kept].flatten()) @ whitened(right)


def whitened(x: Tensor) -> Tensor:
    """Return the nearest matrix with orthonormal columns (or rows, where there are fewer of them)."""
    p, _, qt = torch.linalg.svd(x, full_matrices=False)
    return p @ qt
