"""Problems that are several in one: a method is told which one it has before it, and is scored on each as well.

Both are those of MT-DeepONet (Kumar et al. 2024, arXiv:2408.02198).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from bench_pde.equations.darcy_shapes import SHAPES
from bench_pde.equations.fisher import SOURCES
from bench_pde.tasks.normalised import Scale
from bench_pde.tasks.steady import Steady
from harness import Build, Context, Outputs


@dataclass(frozen=True)
class Several(Steady):
    """Yields what `Steady` does, and the test predictions of each problem as the split "test-<name>"."""

    names: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[str] = ""  # the array of the data set that has each sample's index of `names`

    boundary = "open"

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        for outputs in super().run(build, context):
            yield outputs
            if outputs.split == "test" and "prediction" in outputs.values:
                kinds = torch.tensor(context.data(self.dataset, **self._data())[f"test_{self.kind}"])
                yield from self._by_problem(outputs, kinds)

    def _by_problem(self, outputs: Outputs, kinds: Tensor) -> Iterator[Outputs]:
        for index, name in enumerate(self.names):
            chosen = (kinds == index).to(outputs.values["target"].device)
            if chosen.any():
                parts = {part: outputs.values[part][chosen] for part in ("prediction", "target")}
                yield Outputs(split=f"test-{name}", step=outputs.step, **parts)


@dataclass(frozen=True)
class Fisher(Several):
    """See `bench_pde.equations.fisher`; the grid is that of times and points.

    Here every channel of the inputs is standardised by one mean and deviation, the coefficients too, and so is u; in
    the paper the coefficients are as they are, and the initial state and u are standardised point by point. MT-DeepONet
    needs its preset "fisher": by itself it takes a grid of two dimensions for a shape.
    """

    source: Literal["all", "logistic", "cubic", "arrhenius"] = "all"
    diffusivity: float = 0.01
    frames: int = 16
    points: int = 32
    train: int = 600
    val: int = 100
    test: int = 200

    dataset = "fisher"
    names = SOURCES
    kind = "source"


@dataclass(frozen=True)
class DarcyShapes(Several):
    """See `bench_pde.equations.darcy_shapes`; predictions are 0 outside the shape, whatever the method says there."""

    shape: Literal["all", "square", "circle", "triangle", "cross"] = "all"
    points: int = 32
    train: int = 300
    val: int = 60
    test: int = 90

    dataset = "darcy-shapes"
    names = SHAPES
    kind = "shape"

    def _model(self, operator: nn.Module, inputs: Tensor, targets: Tensor) -> nn.Module:
        return Masked(operator, Scale(inputs[..., :1]), Scale(targets))


class Masked(nn.Module):
    """An operator on a field and a mask, (n, *grid, 2) to (n, 1, *grid, channels), 0 where the mask is.

    The field is standardised and the mask is not; the output is scaled, and not moved, so that 0 stays 0.
    """

    def __init__(self, operator: nn.Module, inputs: Scale, outputs: Scale) -> None:
        super().__init__()
        self.operator, self.inputs, self.outputs = operator, inputs, outputs

    def forward(self, a: Tensor) -> Tensor:
        field, mask = a.split(1, -1)
        seen = torch.cat([self.inputs.standardised(field), mask], -1)
        return (self.operator(seen) * self.outputs.deviation * mask).unsqueeze(1)
