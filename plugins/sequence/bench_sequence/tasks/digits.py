"""Sequential digits: real handwritten digits read pixel by pixel, the smallest relative of sequential MNIST."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from bench_sequence.backbone import Backbone
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Recipe, splits, supervised


@dataclass(frozen=True)
class SequentialDigits:
    """Name the digit from its 64 pixels in reading order."""

    permuted: bool = False
    causal: bool = True
    d_model: int = 32
    layers: int = 2
    dropout: float = 0.0
    steps: int = 600
    batch_size: int = 50
    lr: float = 0.004
    weight_decay: float = 0.01
    warmup: float = 0.1

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("digits", permuted=self.permuted)
        torch.manual_seed(context.seeds.init)
        model = Backbone(
            nn.Linear(1, self.d_model),
            build,
            d_model=self.d_model,
            l_max=data["train_inputs"].shape[1],
            layers=self.layers,
            outputs=10,
            causal=self.causal,
            pool=True,
            dropout=self.dropout,
        )
        recipe = Recipe(self.steps, self.batch_size, self.lr, self.weight_decay, self.warmup)
        yield from supervised(model, splits(data), nn.functional.cross_entropy, recipe, context, memory)
