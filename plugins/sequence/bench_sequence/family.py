"""The family of sequence mixers: layers that carry information along a sequence."""

from types import MappingProxyType

from harness import Family

SEQUENCE_MIXER = Family(
    name="sequence-mixer",
    contract=(
        "(*, d_model: int, l_max: int, causal: bool, **params) -> nn.Module on (batch, length, d_model), "
        "same shape out; optional step(x, state=None) -> (y, state) on (batch, d_model); optional "
        "forward(x, state=None, *, rate=1.0, return_state=False), giving (y, state) where that is set; optional "
        "param_groups() -> [{'params', 'max_lr', 'weight_decay'}] for parameters with optimiser settings of their own; "
        "raises Skip for a value of causal that it has no form for"
    ),
    given=frozenset({"d_model", "l_max", "causal"}),
    traits=MappingProxyType(
        {
            "causal": "built with causal=True, no output depends on a later input",
            "bidirectional": "built with causal=False, every output can depend on every input",
            "stepwise": "has step(); feeding a causal layer one position at a time gives its parallel output",
            "stateful": "a causal layer's forward() takes the state before a sequence and returns the one after it; "
            "step() takes and returns the same",
            "rate": "forward() takes rate=, how many times as far apart in time its inputs are as in training",
            "any-length": "accepts sequences shorter and longer than l_max",
            "bfloat16": "its bfloat16 output is within a few per cent of its float32 output",
            "linear": "the layer is a linear map of its input sequence",
        }
    ),
    checks="bench_sequence.checks",
    exercise="bench_sequence.exercise:exercise",
)
