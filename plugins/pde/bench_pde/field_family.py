"""The family of neural fields: functions that are fitted to one signal, such as an image."""

from types import MappingProxyType

from harness import Family

NEURAL_FIELD = Family(
    name="neural-field",
    contract=(
        "(*, signal: bench_pde.fields.signal.Signal, numbers: int, **params) -> nn.Module from points (n, d) in "
        "[-1, 1]^d to values (n, channels), both float32, each whatever the others are. The method may look at the "
        "whole signal to place what it is made of; its state_dict(), learned or not, has at most `numbers` numbers, "
        "and it makes use of at least half. The loss and the training are the task's; in param_groups() a field may "
        "ask for a lower learning rate of some parameters"
    ),
    given=frozenset({"signal", "numbers"}),
    traits=MappingProxyType({}),
    checks="bench_pde.field_checks",
    exercise="bench_pde.exercise:neural_field",
)
