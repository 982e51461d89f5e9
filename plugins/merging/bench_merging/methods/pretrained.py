"""The base model as it is: what a merge has to improve on."""

from collections.abc import Sequence

from bench_merging.access import Access
from bench_merging.state import StateDict, assemble


def pretrained(*, base: StateDict, experts: Sequence[StateDict], access: Access) -> dict:
    """Return the base."""
    return assemble(base, lambda name: base[name])
