"""Adding: the sum of the two numbers that are marked, one in each half of the sequence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Trained
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import splits


@dataclass(frozen=True)
class Adding(Trained):
    """Give the sum at the last position; answering 1 always has the mean squared error 1/6."""

    length: int = 100
    causal: bool = True
    layers: int = 1
    norm: Literal["layer", "batch", "none"] = "none"  # the amplitude is the message
    steps: int = 1000

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("adding", length=self.length)
        torch.manual_seed(context.seeds.init)
        encoder = Levels([0.5, 0.0], [0.29, 1.0], self.d_model)
        model = self.backbone(encoder, build, l_max=self.length, outputs=1, pool=False, first=self.length - 1)
        model = nn.Sequential(model, nn.Flatten())
        yield from self.fit(model, splits(data), nn.functional.mse_loss, context, memory)
