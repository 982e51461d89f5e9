"""Every mixer and every forecaster at one small size, to be timed from commit to commit."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from bench_sequence.tasks.speed import Speed
from harness import Build, Context, Skip
from harness.speed import trained
from harness.train import Examples

LENGTH = 128


def exercise(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return a training step and an inference call on 4 noise sequences of 128 positions, one layer, 32 channels.

    Causal, and bidirectional where the method refuses to be causal.
    """
    try:
        return _calls(build, context, causal=True)
    except Skip:
        return _calls(build, context, causal=False)


def _calls(build: Build, context: Context, *, causal: bool) -> Mapping[str, Callable[[], object]]:
    return Speed(length=LENGTH, batch_size=4, causal=causal, d_model=32, layers=1).subject(build, context, LENGTH).calls


def forecaster(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return a training step and an inference call on 8 noise windows of 96 by 7 numbers, with 24 to be forecast."""
    torch.manual_seed(context.seeds.init)
    model = build(lookback=96, horizon=24, series=7, calendar=4)
    generator = torch.Generator().manual_seed(context.seeds.data)
    windows, targets = torch.randn(8, 96, 7, generator=generator), torch.randn(8, 24, 7, generator=generator)
    calendar = torch.rand(8, 96, 4, generator=generator) - 0.5
    loss = getattr(model, "loss", nn.functional.mse_loss)
    return trained(model, Examples((windows, calendar), targets), loss, len(windows), context).calls
