"""What a method gives back where one model of the base's shapes does not do: one per task, or one of other shapes."""

from collections.abc import Callable
from dataclasses import dataclass

from bench_merging.state import StateDict


@dataclass(frozen=True)
class Routed:
    """One model per task, for which the task of an input has to be known when it is classified.

    `model(k)` makes task k's model when it is asked for. `extra_parameters` is what has to be stored beyond one model,
    in units of one float32 parameter.
    """

    model: Callable[[int], StateDict]
    extra_parameters: float


@dataclass(frozen=True)
class Reshaped:
    """One model of the base's architecture, but of other widths or of another depth."""

    state: StateDict
