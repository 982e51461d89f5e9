"""Plain average of the experts, also "isotropic merge" and "uniform soup"; Wortsman et al. 2022, arXiv:2203.05482.

theta = (1/K) sum_i theta_i, tensor by tensor.
"""

from collections.abc import Sequence
from functools import reduce

from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, by_blocks


def average(*, base: StateDict, experts: Sequence[StateDict], access: Access) -> dict[str, Tensor]:
    """Return the mean of the experts."""
    return assemble(base, lambda name: mean(name, experts), experts)


def mean(name: str, experts: Sequence[StateDict]) -> Tensor:
    """Return the mean of one tensor over the experts, float32."""
    return by_blocks(name, experts, _mean)


def _mean(parts: Sequence[Tensor], out: Tensor) -> None:
    reduce(Tensor.add_, parts[1:], out.copy_(parts[0])).div_(len(parts))
