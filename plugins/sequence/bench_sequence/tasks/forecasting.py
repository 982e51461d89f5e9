"""Forecasting of real series: the next `horizon` rows from the last `lookback` (arXiv:2012.07436, 2106.13008).

Windows begin at every row; those of validation and test reach back before their part, so that the first row of the part
is forecast. Errors are of the standardised columns, averaged over windows, horizon and columns; no window is dropped.
The model sees the context followed by zeros, as in the S4 code, and no calendar.

Horizons of Informer are 24, 48, 168, 336, 720 on hourly ETT and 24, 48, 96, 288, 672 on that of every 15 minutes, of OT
alone or all columns; those of Autoformer 96, 192, 336, 720 after 96 rows (illness 24, 36, 48, 60 after 36); those of
SpaceTime the same after 336 rows of OT.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from bench_sequence.backbone import Backbone
from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Trained
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples


class Forecaster(nn.Module):
    """(B, lookback, K) -> (B, horizon, K). A window is shifted and scaled, and its forecast scaled and shifted back."""

    def __init__(self, backbone: Backbone, horizon: int, window_norm: str) -> None:
        super().__init__()
        self.backbone, self.horizon, self.window_norm = backbone, horizon, window_norm

    def forward(self, x: Tensor) -> Tensor:
        shift, scale = self.around(x)
        inputs = nn.functional.pad((x - shift) / scale, (0, 0, 0, self.horizon))
        return self.backbone(inputs) * scale + shift

    def around(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each column of each window is shifted and scaled by, (B, 1, K)."""
        mean = x.mean(dim=1, keepdim=True)
        scale = torch.sqrt(x.var(dim=1, keepdim=True, unbiased=False) + 1e-5)
        if self.window_norm == "standard":
            return mean, scale
        return (mean if self.window_norm == "mean" else torch.zeros_like(mean)), torch.ones_like(scale)


@dataclass(frozen=True)
class Forecasting(Trained):
    """Forecast ETT, exchange rates or illness; `columns` "last" takes OT alone, which is the univariate protocol.

    The baselines repeat the last row, or that of a day (of a year) ago, or are the best linear map of the context
    (ridge regression on the training windows, the same for every column).
    """

    series: Literal["etth1", "etth2", "ettm1", "ettm2", "exchange", "illness"] = "etth1"
    columns: Literal["all", "last"] = "all"
    lookback: int = 96
    horizon: int = 96
    window_norm: Literal["none", "mean", "standard"] = "standard"
    dropout: float = 0.1
    steps: int = 600
    batch_size: int = 32
    lr: float = 0.001

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data(self.series)
        examples = self.windows(data)
        width = examples["train"].targets.shape[-1]
        torch.manual_seed(context.seeds.init)
        length = self.lookback + self.horizon
        encoder = Levels([0.0] * width, [1.0] * width, self.d_model)
        backbone = self.backbone(encoder, build, l_max=length, outputs=width, pool=False, first=self.lookback)
        model = Forecaster(backbone, self.horizon, self.window_norm)
        yield from self.fit(model, examples, nn.functional.mse_loss, context, memory)
        seen, target = examples["test"].inputs[0], examples["test"].targets
        guesses = {
            "repeated": seen[:, -1:].expand_as(target),
            "seasonal": seasonal(seen, PERIODS[self.series], self.horizon),
            "linear": linear(examples["train"], seen),
        }
        for name, guess in guesses.items():
            yield Outputs(split="test", step=0, target=target, **{name: guess})

    def windows(self, data: Mapping[str, Any]) -> dict[str, Examples]:
        """Return all windows: inputs (n, lookback, K), targets (n, horizon, K). They share the memory of the series."""
        series = torch.tensor(data["series"])
        series = series[:, -1:] if self.columns == "last" else series
        train, val, end = (int(border) for border in data["borders"])
        parts = {"train": (0, train), "val": (train - self.lookback, val), "test": (val - self.lookback, end)}
        examples, length = {}, self.lookback + self.horizon
        for split, (first, last) in parts.items():
            if last - first < length:
                raise ValueError(f"lookback + horizon is {length}, and {split} has {last - first} rows")
            whole = series[first:last].unfold(0, length, 1).transpose(1, 2)
            examples[split] = Examples((whole[:, : self.lookback],), whole[:, self.lookback :])
        return examples


PERIODS = {"etth1": 24, "etth2": 24, "ettm1": 96, "ettm2": 96, "exchange": 7, "illness": 52}


def seasonal(seen: Tensor, period: int, horizon: int) -> Tensor:
    """Repeat the last period, or the whole context where that is shorter: (n, lookback, K) -> (n, horizon, K)."""
    last = seen[:, -min(period, seen.shape[1]) :]
    return last.repeat(1, -(-horizon // last.shape[1]), 1)[:, :horizon]


def linear(train: Examples, seen: Tensor, penalty: float = 1.0) -> Tensor:
    """Forecast by one linear map of the context, less its last row, for all columns, fitted to `train`."""

    def rows(x: Tensor) -> Tensor:
        return x.transpose(1, 2).reshape(-1, x.shape[1]).double()

    inputs, last = rows(train.inputs[0]), rows(train.inputs[0])[:, -1:]
    gram = (inputs - last).T @ (inputs - last)
    moment = (inputs - last).T @ (rows(train.targets) - last)
    weights = torch.linalg.solve(gram + penalty * torch.eye(len(gram), dtype=gram.dtype), moment)
    x = rows(seen)
    forecast = (x - x[:, -1:]) @ weights + x[:, -1:]
    return forecast.reshape(len(seen), seen.shape[2], -1).transpose(1, 2).to(seen.dtype)


def mae(prediction: Tensor, target: Tensor) -> float:
    """Mean of the absolute differences over all entries; equal shapes."""
    return float((prediction.double() - target.double()).abs().mean())


def repeated_mse(repeated: Tensor, target: Tensor) -> float:
    """Mean squared error of repeating the last row; equal shapes."""
    return _mse(repeated, target)


def seasonal_mse(seasonal: Tensor, target: Tensor) -> float:
    """Mean squared error of repeating the last period; equal shapes."""
    return _mse(seasonal, target)


def linear_mse(linear: Tensor, target: Tensor) -> float:
    """Mean squared error of the best linear map; equal shapes."""
    return _mse(linear, target)


def _mse(prediction: Tensor, target: Tensor) -> float:
    return float((prediction.double() - target.double()).square().mean())
