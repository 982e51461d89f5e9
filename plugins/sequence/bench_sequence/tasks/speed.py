"""Speed: what a training step and an inference call cost at one length, and against a reference.

The model is the backbone of the other tasks with one channel in and out, on noise; the loss is the squared error. What
is measured depends on shapes alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from bench_sequence.backbone import Backbone
from harness import Build, Context, Outputs
from harness.speed import Subject, compared, trained
from harness.train import Examples


def noise(context: Context, *shape: int) -> torch.Tensor:
    """Return N(0, 1) noise of the run's data stream."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(context.seeds.data))


def backbone(build: Build, context: Context, *, d_model: int, length: int, layers: int, causal: bool) -> Backbone:
    """Return the model, alike around every method: (B, L, 1) -> (B, L, 1)."""
    torch.manual_seed(context.seeds.init)
    sizes = {"d_model": d_model, "l_max": length, "layers": layers, "outputs": 1}
    return Backbone(nn.Linear(1, d_model), build, **sizes, causal=causal, pool=False)


@dataclass(frozen=True)
class Speed:
    """Train and apply a model on sequences of `length` positions.

    `rounds` samples are taken of each call, fewer where that would take longer than `limit` seconds for all of one.
    """

    length: int = 1024
    batch_size: int = 4
    causal: bool = True
    d_model: int = 64
    layers: int = 2
    rounds: int = 20
    limit: float = 20.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        def make(method: Build) -> Subject:
            return self.subject(method, context, self.length)

        yield from compared(make, build, context, rounds=self.rounds, limit=self.limit)

    def subject(self, method: Build, context: Context, length: int) -> Subject:
        """Return the model around a method; a call goes through the positions of one batch."""
        sizes = {"d_model": self.d_model, "length": length, "layers": self.layers}
        model = backbone(method, context, **sizes, causal=self.causal)
        inputs, targets = noise(context, 2, self.batch_size, length, 1)
        items = self.batch_size * length
        return trained(model, Examples((inputs,), targets), nn.functional.mse_loss, items, context)
