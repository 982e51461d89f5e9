"""Task arithmetic: add the sum of the task vectors; Ilharco et al. 2023, arXiv:2212.04089.

    tau_i    theta_i - theta_0, the task vector of expert i
    theta    theta_0 + scale * sum_i tau_i

The paper chooses `scale` on validation data (method `tuned`); 0.3 is what later papers use for eight tasks without.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, by_blocks


def task_arithmetic(
    *, base: StateDict, experts: Sequence[StateDict], access: Access, scale: float = 0.3
) -> dict[str, Tensor]:
    """Return the base with the scaled sum of the task vectors added. Raises ValueError: see `limits.scaled`."""
    limits.scaled(scale=scale)

    def merge(parts: Sequence[Tensor], out: Tensor) -> None:
        _sum(parts, out).mul_(scale).add_(parts[0])

    return assemble(base, lambda name: by_blocks(name, [base, *experts], merge), experts)


def summed(name: str, base: StateDict, experts: Sequence[StateDict]) -> Tensor:
    """Return sum_i tau_i of one tensor, float32."""
    return by_blocks(name, [base, *experts], _sum)


def _sum(parts: Sequence[Tensor], out: Tensor) -> Tensor:
    origin, first, *others = parts
    torch.sub(first, origin, out=out)
    for other in others:
        out += other - origin
    return out
