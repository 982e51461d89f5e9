"""Task arithmetic: add the sum of the task vectors; Ilharco et al. 2023, arXiv:2212.04089.

    tau_i    theta_i - theta_0, the task vector of expert i
    theta    theta_0 + scale * sum_i tau_i

The paper chooses `scale` on validation data (method `tuned`); 0.3 is what later papers use for eight tasks without.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, add


def task_arithmetic(
    *, base: StateDict, experts: Sequence[StateDict], access: Access, scale: float = 0.3
) -> dict[str, Tensor]:
    """Return the base with the scaled sum of the task vectors added."""
    return add(base, lambda name: summed(name, base, experts).mul_(scale))


def summed(name: str, base: StateDict, experts: Sequence[StateDict]) -> Tensor:
    """Return sum_i tau_i of one tensor, float32; holds one expert's tensor at a time."""
    origin = base[name].float()
    total = experts[0][name].float() - origin
    update = torch.empty_like(total)  # one for all: memory that is new to the process costs more than the sum
    for expert in experts[1:]:
        total += torch.sub(expert[name].float(), origin, out=update)
    return total
