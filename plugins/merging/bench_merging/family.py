"""The families of mergers, one for each level of what a method may see: levels never meet in one leaderboard."""

from types import MappingProxyType

from bench_merging.levels import LEVELS
from harness import Family

_TRAITS = {
    "order-invariant": "the order of the experts does not matter, up to rounding",
    "idempotent": "experts that are all equal give that expert back",
    "midpoint": "of two experts, the result is half-way between the first and the second with its units permuted",
    "one-model": "the result is a single model; others are given back as one per task (bench_merging.result.Routed)",
}

MERGERS = {
    level: Family(
        name=f"merging-{level}",
        contract=(
            "(*, base: StateDict, experts: Sequence[StateDict], access: Access, **params) -> StateDict | Routed; "
            f"`access` holds the architecture and, beyond it, {sees}. Names, shapes and types of the base are kept, "
            "inputs are not changed, integer buffers are the base's, and what is random is drawn from torch's global "
            "generator"
        ),
        given=frozenset({"base", "experts", "access"}),
        traits=MappingProxyType(_TRAITS),
        checks="bench_merging.checks",
        exercise="bench_merging.checks:exercise",
    )
    for level, sees in LEVELS.items()
}
