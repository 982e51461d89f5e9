"""ListOps: evaluate nested list operations (arXiv:1804.06028; grammar and protocol of arXiv:2011.04006).

With the default parameters, expressions are short and the task is a smoke test: it beats the root-operator baseline
but separates no mixers at a laptop's budget. Length 500 to 2000, depth 10 and 10 arguments are the Long Range Arena's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench_sequence.datasets.baselines import root_operator_prediction
from bench_sequence.datasets.listops import VOCABULARY
from bench_sequence.encoders import Tokens
from bench_sequence.tasks.trained import Classification
from harness import Build, Context, Outputs


@dataclass(frozen=True)
class ListOps(Classification):
    """Name the digit that an expression of MIN, MAX, MED and SM evaluates to."""

    classes: ClassVar[int] = 10

    min_length: int = 10
    max_length: int = 64
    max_depth: int = 6
    max_args: int = 5
    train: int = 20000

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        yield from super().run(build, context)
        data = self.read(context)
        guess = root_operator_prediction(data["train_roots"], data["train_targets"], data["test_roots"])
        target = torch.tensor(data["test_targets"])
        yield Outputs(split="test", step=0, root_operator_guess=torch.tensor(guess), target=target)

    def read(self, context: Context) -> Mapping[str, Any]:
        names = ("min_length", "max_length", "max_depth", "max_args", "train")
        return context.data("listops", **{name: getattr(self, name) for name in names})

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return Tokens(len(VOCABULARY), self.d_model)


def root_operator_accuracy(root_operator_guess: Tensor, target: Tensor) -> float:
    """Accuracy of naming the most frequent answer of the expression's outermost operator; both (n,)."""
    return float((root_operator_guess == target).double().mean())
