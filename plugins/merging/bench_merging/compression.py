"""The family of compressions: one network made narrower from its weights alone."""

from types import MappingProxyType

from harness import Family

COMPRESSION = Family(
    name="compression",
    contract=(
        "(*, model: StateDict, network: Network, **params) -> Reshaped: a model of the same architecture that is at "
        "most as wide in every group of `network.groups`, and takes and gives what the model does. The model is not "
        "changed, and what is random is drawn from torch's global generator"
    ),
    given=frozenset({"model", "network"}),
    traits=MappingProxyType({"threshold": "with ratio=0 a model whose units all differ comes back as it is"}),
    checks="bench_merging.compression_checks",
    exercise="bench_merging.compression_checks:exercise",
)
