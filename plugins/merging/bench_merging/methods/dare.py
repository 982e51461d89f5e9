"""DARE: drop entries of the task vectors at random and rescale the rest; Yu et al. 2024, arXiv:2311.03099.

    m_i      Bernoulli(drop), independent for every entry, tensor and expert
    tau~_i   (1 - m_i) tau_i / (1 - drop), whose expectation is tau_i
    theta    theta_0 + scale * sum_i tau~_i: task arithmetic on what is left

Each (expert, tensor) has a random stream of its own, so that the result does not depend on the order of the tensors.
"""

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, add, task_vectors


def dare(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    drop: float = 0.5,
    scale: float = 0.3,
    rescale: bool = True,
) -> dict[str, Tensor]:
    """Return task arithmetic on task vectors of which a share `drop` is dropped.

    Raises:
        ValueError: `drop` is not in [0, 1].
    """
    if not 0 <= drop <= 1:
        raise ValueError(f"drop must be in [0, 1], got {drop}")
    seed = int(torch.randint(2**62, ()))
    factor = 1 / (1 - drop) if rescale and drop < 1 else 1.0

    def delta(name: str) -> Tensor:
        tau = task_vectors(name, base, experts)
        kept = torch.stack([_kept(tau[i], drop, seed, i, name) for i in range(len(experts))])
        return scale * factor * torch.where(kept, tau, 0).sum(0)

    return add(base, delta)


def _kept(tau: Tensor, drop: float, seed: int, expert: int, name: str) -> Tensor:
    stream = (seed ^ (zlib.crc32(name.encode()) << 16) ^ expert) % 2**63
    return torch.rand(tau.shape, generator=torch.Generator().manual_seed(stream)) >= drop
