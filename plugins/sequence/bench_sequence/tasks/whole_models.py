"""Forecasting by whole models: real series by the protocols of Informer and of Autoformer, and processes.

The windows, their splits, the errors and the baselines are those of the task `forecasting`, whose models are a mixer in
a backbone. Here a method is the model, and may see the calendar of its window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from bench_sequence.tasks.autoregressive import true_prediction
from bench_sequence.tasks.forecasting import PERIODS, Forecasting, linear, seasonal
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples, Loss, Recipe, supervised

STARTS = {  # the time of the first row, and minutes from row to row; no row is missing
    "etth1": ("2016-07-01", 60),
    "etth2": ("2016-07-01", 60),
    "ettm1": ("2016-07-01", 15),
    "ettm2": ("2016-07-01", 15),
    "exchange": ("1990-01-01", 24 * 60),
    "illness": ("2002-01-01", 7 * 24 * 60),
}


@dataclass(frozen=True)
class Fitted:
    """How a model is trained; a task has its own defaults for some."""

    steps: int = 600
    batch_size: int = 32
    lr: float = 0.001
    weight_decay: float = 0.01
    warmup: float = 0.1
    evaluations: int = 4

    def fit(
        self, model: nn.Module, examples: Mapping[str, Examples], context: Context, memory: PeakMemory
    ) -> Iterator[Outputs]:
        recipe = Recipe(self.steps, self.batch_size, self.lr, self.weight_decay, self.warmup, self.evaluations)
        yield from supervised(model, examples, loss_of(model), recipe, context, memory)


@dataclass(frozen=True)
class SeriesForecasting(Fitted):
    """Forecast ETT, exchange rates or illness; `columns` "last" takes OT alone, which is the univariate protocol."""

    series: Literal["etth1", "etth2", "ettm1", "ettm2", "exchange", "illness"] = "etth1"
    columns: Literal["all", "last"] = "all"
    lookback: int = 96
    horizon: int = 96
    calendar: bool = True

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        examples = self.examples(context.data(self.series))
        seen, marks = examples["train"].inputs
        torch.manual_seed(context.seeds.init)
        sizes = {"lookback": self.lookback, "horizon": self.horizon}
        model = build(**sizes, series=seen.shape[-1], calendar=marks.shape[-1])
        yield from self.fit(model, examples, context, memory)
        seen, target = examples["test"].inputs[0], examples["test"].targets
        guesses = {
            "repeated": seen[:, -1:].expand_as(target),
            "seasonal": seasonal(seen, PERIODS[self.series], self.horizon),
            "linear": linear(examples["train"], seen),
        }
        for name, guess in guesses.items():
            yield Outputs(split="test", step=0, target=target, **{name: guess})

    def examples(self, data: Mapping[str, Any]) -> dict[str, Examples]:
        """Return all windows: inputs (n, lookback, C) and their calendar (n, lookback, K), targets (n, horizon, C)."""
        sizes: dict[str, Any] = {"lookback": self.lookback, "horizon": self.horizon}
        windows = Forecasting(series=self.series, columns=self.columns, **sizes).windows(data)
        marks = calendar(*STARTS[self.series], len(data["series"]))
        marks = marks if self.calendar else marks[:, :0]
        dated = Forecasting(series=self.series, **sizes).windows({**data, "series": marks})
        return {
            split: Examples((part.inputs[0], dated[split].inputs[0]), part.targets) for split, part in windows.items()
        }


@dataclass(frozen=True)
class ProcessForecasting(Fitted):
    """Forecast sums of sinusoids, or with a radius below 1 noisy autoregressive processes, of variance 1.

    `least_mse` is what the true coefficients reach when they are applied again and again.
    """

    lookback: int = 96
    horizon: int = 50
    radius: float = 1.0  # of the poles
    steps: int = 1200
    lr: float = 0.01

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("autoregressive", length=self.lookback + self.horizon, radius=self.radius)
        series = {split: torch.tensor(data[f"{split}_series"])[:, :, None] for split in ("train", "val", "test")}
        examples = {
            split: Examples((x[:, : self.lookback], x[:, : self.lookback, :0]), x[:, self.lookback :])
            for split, x in series.items()
        }
        torch.manual_seed(context.seeds.init)
        model = build(lookback=self.lookback, horizon=self.horizon, series=1, calendar=0)
        yield from self.fit(model, examples, context, memory)
        phi = torch.tensor(data["coefficients"]).float()
        least = true_prediction(series["test"][:, :, 0], phi, self.horizon)[:, :, None]
        yield Outputs(split="test", step=0, least_prediction=least, target=examples["test"].targets)


def loss_of(model: nn.Module) -> Loss:
    """Return the model's own loss, or the mean squared error; forecasts, as in validation, have the latter anyway."""

    def loss(output: Any, target: Tensor) -> Tensor:
        if isinstance(output, Tensor):
            return nn.functional.mse_loss(output, target)
        return model.loss(output, target)

    return loss


def calendar(start: str, minutes: int, rows: int) -> np.ndarray:
    """Return hour, weekday, day of the month and day of the year of each row, from -0.5 to 0.5, (rows, 4) float32.

    As in Informer and TimesNet; where rows are less than an hour apart, the minute comes first, (rows, 5).
    """
    times = np.datetime64(start, "m") + minutes * np.arange(rows)
    days, months, years = (times.astype(f"datetime64[{unit}]") for unit in "DMY")
    hour = (times - days).astype(int) // 60
    weekday = (days.astype(int) + 3) % 7  # 1970 began on a Thursday; Monday is 0
    columns = [hour / 23, weekday / 6, (days - months).astype(int) / 30, (days - years).astype(int) / 365]
    if minutes < 60:
        columns.insert(0, (times - days).astype(int) % 60 / 59)
    return np.stack(columns, axis=1).astype(np.float32) - 0.5
