"""The family of feed-forward layers that are more in training than at inference."""

from types import MappingProxyType

from harness import Family

FEED_FORWARD = Family(
    name="feed-forward",
    contract=(
        "(*, width: int, hidden: int, **params) -> nn.Module on (batch, length, width), same shape out. In evaluation "
        "mode it is one layer fc2(gelu(fc1(x))) with `hidden` units, which it gives back as averaged(); in training "
        "mode it may be several. It is called once for each step of the optimiser, and what training changes is in its "
        "state_dict()"
    ),
    given=frozenset({"width", "hidden"}),
    traits=MappingProxyType({"one-layer": "in training, too, it is the layer that it is at inference"}),
    checks="bench_merging.feedforward_checks",
    exercise="bench_merging.feedforward_checks:exercise",
)
