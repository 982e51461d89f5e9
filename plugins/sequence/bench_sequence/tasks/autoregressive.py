"""Autoregressive processes, predicted step by step or over a horizon (the processes of arXiv:2303.09489)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Trained
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples


@dataclass(frozen=True)
class AutoregressiveProcess(Trained):
    """Predict a series of variance 1, whose coefficients are the same in all sequences.

    With horizon 0, each value from the one before it and all earlier ones; otherwise the last `horizon` values from
    those before, zeros being given in their place. The baseline `least_mse` is what the true coefficients reach in one
    step, and over a horizon when they are applied again and again.
    """

    length: int = 114
    horizon: int = 0
    radius: float = 0.98  # of the poles; 1 is a sum of sinusoids without noise
    causal: bool = True
    norm: Literal["layer", "batch", "none"] = "none"  # the amplitude is the message
    steps: int = 600
    batch_size: int = 32

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("autoregressive", length=self.length, radius=self.radius)
        phi = torch.tensor(data["coefficients"]).float()
        series = {split: torch.tensor(data[f"{split}_series"]) for split in ("train", "val", "test")}
        examples = {split: self.examples(values, len(phi)) for split, values in series.items()}
        torch.manual_seed(context.seeds.init)
        length = examples["train"].inputs[0].shape[1]
        first = length - examples["train"].targets.shape[1]
        model = self.backbone(
            Levels([0.0], [1.0], self.d_model), build, l_max=length, outputs=1, pool=False, first=first
        )
        yield from self.fit(model, examples, nn.functional.mse_loss, context, memory)
        least = true_prediction(series["test"], phi, self.horizon)[:, :, None]
        yield Outputs(split="test", step=0, least_prediction=least, target=examples["test"].targets)

    def examples(self, series: Tensor, order: int) -> Examples:
        """Return inputs (n, L, 1), and targets of the last positions, (n, positions, 1)."""
        if self.horizon:
            inputs, first = series.clone(), series.shape[1] - self.horizon
            inputs[:, first:] = 0
            return Examples((inputs[:, :, None],), series[:, first:, None])
        return Examples((series[:, :-1, None],), series[:, order:, None])


def true_prediction(series: Tensor, phi: Tensor, horizon: int) -> Tensor:
    """Return what the process's own coefficients predict: of each value from `order` on, or of the last `horizon`.

    series (n, L), phi (p,) with the coefficient of the last value first; (n, L - p) or (n, horizon).
    """
    order = len(phi)
    if not horizon:
        return series.unfold(1, order, 1)[:, :-1] @ phi.flip(0)
    known = series[:, : series.shape[1] - horizon]
    for _ in range(horizon):
        known = torch.cat([known, (known[:, -order:] @ phi.flip(0))[:, None]], dim=1)
    return known[:, -horizon:]


def least_mse(least_prediction: Tensor, target: Tensor) -> float:
    """Mean squared error of the process's own coefficients; equal shapes."""
    return float((least_prediction.double() - target.double()).square().mean())
