"""What is scored beside a method: rules that it has to beat, and a classical solver that is as accurate."""

from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any

from torch import nn

from bench_pde.equal_error import SAMPLES, beside_classical
from bench_pde.equations.regridding import Solver
from harness import Context, Outputs
from harness.train import Examples


def beside(
    model: nn.Module, baselines: dict[str, Solver], classical: str, params: dict[str, Any], test: Examples,
    context: Context,
) -> Iterator[Outputs]:  # fmt: skip
    """Yield the predictions of baselines, and how they and the model stand beside a classical solver, if there is one.

    Args:
        baselines: from the inputs to the targets of `test`, like the model.
        classical: "module:function" of `bench_pde.equations`, which makes the settings of a solver of `params`. It is
            in the module of the data set, or one that this imports, so that its code counts in the id of a run.
    """
    test = test.to(context.device)
    (inputs,) = test.inputs
    predictions = {name: baseline(inputs) for name, baseline in baselines.items()}
    yield Outputs(split="test", step=0, target=test.targets, **predictions)
    if not classical:
        return
    settings = resolve_name(f"bench_pde.equations.{classical}")(**params)
    learned = {"beside": model.eval(), **{f"{name}_beside": baseline for name, baseline in baselines.items()}}
    some = slice(0, SAMPLES)
    found = beside_classical(learned, settings, inputs[some], test.targets[some], context.device)
    yield Outputs(split="test", step=0, **found)
