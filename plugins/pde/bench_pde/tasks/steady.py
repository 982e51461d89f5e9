"""A steady problem: one field is the input, another the solution."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench_pde.baselines import RidgeRegression, fitted_on
from bench_pde.metrics import relative_l2_loss
from bench_pde.tasks.beside import beside
from bench_pde.tasks.kept import pictures
from bench_pde.tasks.normalised import Normalised, Scale
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples, Recipe, splits, supervised


@dataclass(frozen=True)
class Steady:
    """Learn the map from `inputs` to `targets` of a data set; a subclass says of which, and fills in its parameters.

    The loss is the relative L2 error of the fields as they are, as in Li et al. 2021 (arXiv:2010.08895); inputs and
    outputs are standardised by channel for the method. `classical` names the solver that it is timed beside: see
    `bench_pde.equal_error`.
    """

    steps: int = 1000
    batch_size: int = 20
    lr: float = 0.001
    weight_decay: float = 0.0001
    warmup: float = 0.1

    dataset = ""
    classical = ""
    boundary = ""

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        examples = {
            name: Examples(split.inputs, split.targets.unsqueeze(1))
            for name, split in splits(context.data(self.dataset, **self._data())).items()
        }
        inputs, targets = examples["train"].inputs[0], examples["train"].targets
        torch.manual_seed(context.seeds.init)
        operator = build(
            in_channels=inputs.shape[-1],
            out_channels=targets.shape[-1],
            grid=list(inputs.shape[1:-1]),
            boundary=self.boundary,
        )
        model = self._model(operator, inputs, targets)
        recipe = Recipe(self.steps, self.batch_size, self.lr, self.weight_decay, self.warmup)
        test = examples["test"]
        for outputs in supervised(model, examples, relative_l2_loss, recipe, context, memory):
            yield outputs
            if outputs.split == "test":
                kept = pictures(outputs.values["prediction"], outputs.values["target"], test.inputs[0][0])
                context.keep("fields", **kept)
        mean = targets.mean(0, keepdim=True).to(context.device)
        chosen = fitted_on(len(inputs))
        baselines = {
            "persistence": lambda given: mean.repeat(len(given), *[1] * (mean.ndim - 1)),
            "linear": RidgeRegression(inputs[chosen], targets[chosen]).to(context.device),
        }
        yield from beside(model, baselines, self.classical, self._data(), test, context)

    def _model(self, operator: nn.Module, inputs: Tensor, targets: Tensor) -> nn.Module:
        """Return the operator between the scales of the training data, from (n, *grid, channels) to (n, 1, …)."""
        return Normalised(operator, Scale(inputs), Scale(targets))

    def _data(self) -> dict[str, int | float | str]:
        """Return the parameters of the data set: the fields of a subclass, which are not those of this class."""
        return {name: value for name, value in vars(self).items() if name not in Steady.__dataclass_fields__}
