"""What the tasks share: the model around the mixer, and the budget it is trained with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from bench_sequence.backbone import Backbone
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Examples, Loss, Recipe, splits, supervised


@dataclass(frozen=True)
class Trained:
    """The fields that a suite may set for each of these tasks; a task has its own defaults for some."""

    causal: bool = False
    d_model: int = 32
    layers: int = 2
    norm: Literal["layer", "batch", "none"] = "layer"
    prenorm: bool = True
    dropout: float = 0.0
    tie_dropout: bool = False
    steps: int = 400
    batch_size: int = 64
    lr: float = 0.004
    weight_decay: float = 0.01
    warmup: float = 0.1
    evaluations: int = 4

    def backbone(
        self, encoder: nn.Module, build: Build, *, l_max: int, outputs: int, pool: bool, first: int = 0
    ) -> Backbone:
        return Backbone(
            encoder,
            build,
            d_model=self.d_model,
            l_max=l_max,
            layers=self.layers,
            outputs=outputs,
            causal=self.causal,
            pool=pool,
            first=first,
            dropout=self.dropout,
            tie_dropout=self.tie_dropout,
            norm=self.norm,
            prenorm=self.prenorm,
        )

    def fit(
        self,
        model: nn.Module,
        examples: Mapping[str, Examples],
        loss: Loss,
        context: Context,
        memory: PeakMemory,
    ) -> Iterator[Outputs]:
        recipe = Recipe(
            self.steps, self.batch_size, self.lr, self.weight_decay, self.warmup, evaluations=self.evaluations
        )
        yield from supervised(model, examples, loss, recipe, context, memory)


@dataclass(frozen=True)
class Classification(Trained):
    """Name the class of a sequence: mean over its valid positions, linear head, cross-entropy.

    The mixers read the padding as any other token, as in the S4 code; the mean alone leaves it out.

    A task says how many classes there are, what to read in `read` and how to encode it in `encoder`.
    """

    classes: ClassVar[int]

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = self.read(context)
        inputs = ("inputs", "lengths") if "train_lengths" in data else ("inputs",)
        torch.manual_seed(context.seeds.init)
        model = self.backbone(
            self.encoder(data),
            build,
            l_max=data["train_inputs"].shape[1],
            outputs=self.classes,
            pool=True,
        )
        yield from self.fit(model, splits(data, inputs=inputs), nn.functional.cross_entropy, context, memory)

    def read(self, context: Context) -> Mapping[str, Any]:
        """Return the data set's arrays."""
        raise NotImplementedError

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        """Return the layer that maps stored inputs to (B, L, d_model)."""
        raise NotImplementedError
