"""ListOps: evaluate nested list operations (arXiv:1804.06028; grammar and protocol of arXiv:2011.04006).

With the default parameters, expressions are short and the task is a smoke test: it beats the root-operator baseline
but separates no mixers at a laptop's budget. Length 500 to 2000, depth 10 and 10 arguments are the Long Range Arena's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench_sequence.backbone import Backbone
from bench_sequence.datasets.baselines import root_operator_prediction
from bench_sequence.datasets.listops import VOCABULARY
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Recipe, splits, supervised


@dataclass(frozen=True)
class ListOps:
    """Name the digit that an expression of MIN, MAX, MED and SM evaluates to."""

    min_length: int = 10
    max_length: int = 64
    max_depth: int = 6
    max_args: int = 5
    train: int = 20000
    causal: bool = False
    d_model: int = 32
    layers: int = 2
    dropout: float = 0.0
    steps: int = 400
    batch_size: int = 64
    lr: float = 0.004
    weight_decay: float = 0.01
    warmup: float = 0.1

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data(
            "listops",
            min_length=self.min_length,
            max_length=self.max_length,
            max_depth=self.max_depth,
            max_args=self.max_args,
            train=self.train,
        )
        torch.manual_seed(context.seeds.init)
        model = Backbone(
            nn.Embedding(len(VOCABULARY), self.d_model),
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
        examples = splits(data, inputs=("inputs", "lengths"))
        yield from supervised(model, examples, nn.functional.cross_entropy, recipe, context, memory)
        guess = root_operator_prediction(data["train_roots"], data["train_targets"], data["test_roots"])
        yield Outputs(split="test", step=0, root_operator_guess=torch.tensor(guess), target=examples["test"].targets)


def root_operator_accuracy(root_operator_guess: Tensor, target: Tensor) -> float:
    """Accuracy of naming the most frequent answer of the expression's outermost operator; both (n,)."""
    return float((root_operator_guess == target).double().mean())
