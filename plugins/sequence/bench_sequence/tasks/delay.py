"""Delay: reproduce a continuous signal some steps later.

The task on which the initialisation of a state-space layer decides (arXiv:2206.12037): the layer
must hold a window of the signal in its state, and no gradient finds such a state from a random one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from bench_sequence.backbone import Backbone
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples, Recipe, splits, supervised


@dataclass(frozen=True)
class Delay:
    """Output at each position from `lag` on the input `lag` positions before.

    The first `lag` positions, for which there is nothing to reproduce, count neither in training nor in the score; a
    constant output has an error of 1.
    """

    length: int = 256
    lag: int = 128
    f_max: float = 0.2  # highest frequency of the signal, as a fraction of the Nyquist frequency
    d_model: int = 32
    layers: int = 1
    steps: int = 400
    batch_size: int = 32
    lr: float = 0.004
    weight_decay: float = 0.01
    warmup: float = 0.1

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("delay", length=self.length, lag=self.lag, f_max=self.f_max)
        torch.manual_seed(context.seeds.init)
        model = Backbone(
            nn.Linear(1, self.d_model),
            build,
            d_model=self.d_model,
            l_max=self.length,
            layers=self.layers,
            outputs=1,
            causal=True,
            pool=False,
            first=self.lag,
            norm="none",  # the amplitude is the message
        )
        examples = {name: Examples(split.inputs, split.targets[:, self.lag :]) for name, split in splits(data).items()}
        recipe = Recipe(self.steps, self.batch_size, self.lr, self.weight_decay, self.warmup)
        yield from supervised(model, examples, nn.functional.mse_loss, recipe, context, memory)
