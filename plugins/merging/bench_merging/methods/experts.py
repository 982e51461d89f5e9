"""Every task's own expert: what a merge is measured against, at the price of storing them all."""

from collections.abc import Sequence

from bench_merging.access import Access
from bench_merging.result import Routed
from bench_merging.state import StateDict, assemble


def individual_experts(*, base: StateDict, experts: Sequence[StateDict], access: Access) -> Routed:
    """Return expert k for task k."""
    size = sum(base[name].numel() for name in base)
    return Routed(lambda task: assemble(experts[task], lambda name: experts[task][name]), (len(experts) - 1) * size)
