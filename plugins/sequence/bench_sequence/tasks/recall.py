"""Recall of tokens: copying, selective copying, induction heads, multi-query associative recall.

The data sets' docstring (`bench_sequence.datasets.recall`) says what each poses, and where from. The model predicts at
the positions that ask; the loss is their cross-entropy, and accuracy counts each of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bench_sequence.backbone import Backbone
from bench_sequence.encoders import Tokens
from bench_sequence.tasks.trained import Trained
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import splits


class Asked(nn.Module):
    """A backbone whose head reads only the positions asked for: (B, L), (B, k) -> (B, k, C)."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        h = self.backbone.features(x)
        index = positions.long()[:, :, None].expand(-1, -1, h.shape[-1])
        return self.backbone.head(h.gather(1, index))


def loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over all positions asked for; prediction (B, k, C), target (B, k)."""
    return nn.functional.cross_entropy(prediction.flatten(0, 1), target.flatten())


@dataclass(frozen=True)
class Recall(Trained):
    """What the four tasks share; each says in `read` what data it is."""

    vocabulary: int = 20
    causal: bool = True
    steps: int = 1000
    batch_size: int = 64

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = self.read(context)
        longest = max(data["train_inputs"].shape[1], data["test_inputs"].shape[1])
        torch.manual_seed(context.seeds.init)
        encoder = Tokens(self.vocabulary, self.d_model)
        model = Asked(self.backbone(encoder, build, l_max=longest, outputs=self.vocabulary, pool=False))
        yield from self.fit(model, splits(data, inputs=("inputs", "positions")), loss, context, memory)

    def read(self, context: Context) -> Mapping[str, Any]:
        """Return the data set's arrays."""
        raise NotImplementedError


@dataclass(frozen=True)
class Copying(Recall):
    """Name the symbols at the beginning of a sequence, in order, after `length` blanks."""

    length: int = 64
    tokens: int = 10
    vocabulary: int = 10
    selective: ClassVar[bool] = False

    def read(self, context: Context) -> Mapping[str, Any]:
        sizes = {"length": self.length, "tokens": self.tokens, "vocabulary": self.vocabulary}
        return context.data("copying", selective=self.selective, **sizes)


@dataclass(frozen=True)
class SelectiveCopying(Copying):
    """Name the symbols at random places among `length` blanks, in order. Time-invariant layers cannot."""

    tokens: int = 8
    vocabulary: int = 16
    selective: ClassVar[bool] = True


@dataclass(frozen=True)
class InductionHeads(Recall):
    """Name the token that followed the special token before; with `test_length`, tested on that length."""

    length: int = 64
    test_length: int = 0

    def read(self, context: Context) -> Mapping[str, Any]:
        return context.data(
            "induction-heads", length=self.length, test_length=self.test_length, vocabulary=self.vocabulary
        )


@dataclass(frozen=True)
class AssociativeRecall(Recall):
    """Answer each key with its value, many keys in a sequence."""

    length: int = 64
    pairs: int = 4
    vocabulary: int = 256
    train_size: int = 20_000

    def read(self, context: Context) -> Mapping[str, Any]:
        return context.data(
            "mqar", length=self.length, pairs=self.pairs, vocabulary=self.vocabulary, train=self.train_size
        )
