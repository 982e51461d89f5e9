"""How the pools are trained: a base that has seen other classes, frozen few-shot heads, experts tuned from the base.

A head is the normalised mean of the base's features of five training images per class, so that the base itself is
better than chance, and nothing but the trunk is ever tuned: what CLIP's text heads do for its vision tower.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.network import Classify, cosine_logits

SHOTS = 5
Split = tuple[Tensor, Tensor]  # inputs, labels


@dataclass(frozen=True)
class Tuning:
    """How an expert is tuned: SGD with momentum or AdamW, linear warm-up, cosine decay, gradients of norm 1 at most."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.05
    steps: int = 400
    batch_size: int = 64
    warmup: int = 50


def pretrain(trunk: nn.Module, split: Split, *, steps: int, batch_size: int = 64, seed: int) -> None:
    """Train a trunk to tell all classes of a split apart, by 15 times the cosine to learnt prototypes, with AdamW."""
    inputs, labels = split
    classes = int(labels.max()) + 1
    generator = torch.Generator().manual_seed(seed)
    width = trunk(inputs[:1]).shape[1]
    prototypes = nn.Parameter(torch.randn(classes, width, generator=generator) / math.sqrt(width))

    def loss(index: Tensor) -> Tensor:
        similarity = functional.normalize(trunk(inputs[index])) @ functional.normalize(prototypes).T
        return functional.cross_entropy(15 * similarity, labels[index])

    optimiser = torch.optim.AdamW([*trunk.parameters(), prototypes], lr=2e-3)
    _descend(optimiser, loss, len(labels), Tuning(steps=steps, batch_size=batch_size, warmup=0), generator, clip=False)


@torch.no_grad()
def head_of_features(features: Callable[[Tensor], Tensor], split: Split) -> Tensor:
    """Return the normalised mean feature of the first five images of each class, (d, C)."""
    inputs, labels = split
    shots = [features(inputs[labels == c][:SHOTS]).mean(0) for c in range(int(labels.max()) + 1)]
    return functional.normalize(torch.stack(shots)).T.contiguous()


def tune(
    trunk: nn.Module,
    tasks: Sequence[tuple[Split, Tensor]],
    tuning: Tuning,
    *,
    seed: int,
    classify: Classify = cosine_logits,
) -> None:
    """Tune a trunk with frozen heads on one task, or on several at once with a batch of each in every step."""
    generator = torch.Generator().manual_seed(seed)
    streams = [_Stream(len(labels), tuning.batch_size, generator) for (_, labels), _ in tasks]

    def loss(_: Tensor) -> Tensor:
        losses = []
        for ((inputs, labels), head), stream in zip(tasks, streams, strict=True):
            index = next(stream)
            losses.append(functional.cross_entropy(classify(trunk(inputs[index]), head), labels[index]))
        return torch.stack(losses).mean()

    optimiser: torch.optim.Optimizer
    if tuning.optimiser == "sgd":
        optimiser = torch.optim.SGD(trunk.parameters(), lr=tuning.lr, momentum=0.9)
    else:
        optimiser = torch.optim.AdamW(trunk.parameters(), lr=tuning.lr)
    _descend(optimiser, loss, 0, tuning, generator, clip=True)


class _Stream:
    """Indices of batches for ever, each epoch in a new order."""

    def __init__(self, n: int, size: int, generator: torch.Generator) -> None:
        self._n, self._size, self._generator = n, min(size, n), generator
        self._order = torch.empty(0, dtype=torch.long)

    def __next__(self) -> Tensor:
        if len(self._order) < self._size:
            self._order = torch.randperm(self._n, generator=self._generator)
        index, self._order = self._order[: self._size], self._order[self._size :]
        return index


def _descend(
    optimiser: torch.optim.Optimizer,
    loss: Callable[[Tensor], Tensor],
    n: int,
    tuning: Tuning,
    generator: torch.Generator,
    *,
    clip: bool,
) -> None:
    """Take `steps` steps; `loss` gets the indices of a batch of n examples (empty for n = 0)."""
    stream = _Stream(n, tuning.batch_size, generator)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _factor(step, tuning))
    for _ in range(tuning.steps):
        optimiser.zero_grad(set_to_none=True)
        loss(next(stream) if n else torch.empty(0, dtype=torch.long)).backward()
        if clip:
            nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()


def _factor(step: int, tuning: Tuning) -> float:
    if step < tuning.warmup:
        return (step + 1) / tuning.warmup
    return 0.5 * (1 + math.cos(math.pi * (step - tuning.warmup) / max(1, tuning.steps - tuning.warmup)))


def numpy_state(state: dict[str, Tensor], prefix: str) -> dict[str, np.ndarray]:
    """Return a model's weights as arrays named "<prefix>.<name>"."""
    return {f"{prefix}.{name}": tensor.detach().numpy().copy() for name, tensor in state.items()}
