"""In-context linear regression: learn w from the examples in the sequence itself (arXiv:2208.01066, 2211.15661)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench_sequence.backbone import Backbone
from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Trained
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import splits


class AtInputs(nn.Module):
    """A backbone read at every other position, those of the inputs: (B, 2 n, d + 1) -> (B, n)."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        return self.backbone(x)[:, ::2, 0]


@dataclass(frozen=True)
class InContextRegression(Trained):
    """Predict y at every input from the examples before it.

    `mse` is over all positions, `last_mse` at the last, where the most examples have been seen; both are in units of
    the error of predicting 0. The baselines are those of the best prediction there is, `bayes_mse` and
    `bayes_last_mse`, ridge regression with the right penalty; and, at the last position, of one step of gradient
    descent, of three iterations of Newton's method, and of the three nearest examples.
    """

    dimension: int = 5
    examples: int = 11
    noise: float = 0.0
    causal: bool = True
    d_model: int = 64
    steps: int = 3000
    lr: float = 0.001

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("in-context-regression", dimension=self.dimension, examples=self.examples, noise=self.noise)
        scale = (self.dimension + self.noise**2) ** 0.5  # the standard deviation of y
        examples = splits(data)
        torch.manual_seed(context.seeds.init)
        encoder = Levels([0.0] * (self.dimension + 1), [scale] + [1.0] * self.dimension, self.d_model)
        model = AtInputs(self.backbone(encoder, build, l_max=2 * self.examples, outputs=1, pool=False))
        for split in examples.values():
            split.targets.div_(scale)
        yield from self.fit(model, examples, nn.functional.mse_loss, context, memory)
        for name in ("bayes", "gradient", "newton", "nearest"):
            guess = torch.tensor(data[f"test_{name}"]) / scale
            yield Outputs(split="test", step=0, target=examples["test"].targets, **{f"{name}_prediction": guess})


def last_mse(prediction: Tensor, target: Tensor) -> float:
    """Mean squared error at the last of the positions; both (n, positions)."""
    return float((prediction[:, -1].double() - target[:, -1].double()).square().mean())


def bayes_mse(bayes_prediction: Tensor, target: Tensor) -> float:
    """Mean squared error of the posterior mean, over all positions; both (n, positions)."""
    return float((bayes_prediction.double() - target.double()).square().mean())


def bayes_last_mse(bayes_prediction: Tensor, target: Tensor) -> float:
    """Mean squared error of the posterior mean at the last of the positions; both (n, positions)."""
    return last_mse(bayes_prediction, target)


def gradient_last_mse(gradient_prediction: Tensor, target: Tensor) -> float:
    """Mean squared error of one step of gradient descent at the last of the positions; both (n, positions)."""
    return last_mse(gradient_prediction, target)


def newton_last_mse(newton_prediction: Tensor, target: Tensor) -> float:
    """Mean squared error of three iterations of Newton's method at the last of the positions; both (n, positions)."""
    return last_mse(newton_prediction, target)


def nearest_last_mse(nearest_prediction: Tensor, target: Tensor) -> float:
    """Mean squared error of the three nearest examples' mean at the last of the positions; both (n, positions)."""
    return last_mse(nearest_prediction, target)
