"""Plain average of the experts, also "isotropic merge" and "uniform soup"; Wortsman et al. 2022, arXiv:2203.05482.

theta = (1/K) sum_i theta_i, tensor by tensor.
"""

from collections.abc import Sequence

from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, assemble


def average(*, base: StateDict, experts: Sequence[StateDict], access: Access) -> dict[str, Tensor]:
    """Return the mean of the experts."""
    return assemble(base, lambda name: mean(name, experts))


def mean(name: str, experts: Sequence[StateDict]) -> Tensor:
    """Return the mean of one tensor over the experts, float32."""
    total = experts[0][name].float().clone()
    for expert in experts[1:]:
        total += expert[name].float()
    return total / len(experts)
