"""What is measured of a merged model; nothing here is seen by a method."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from bench_merging.corruptions import Corrupt, corruptions_of
from bench_merging.network import cosine_logits
from bench_merging.pool import Pool
from bench_merging.pools.training import head_of_features
from bench_merging.state import StateDict

PATH = 5  # points on a linear path, ends included
PIXELS_AT_ONCE = 2**24  # that a network is given at a time: 100 images of 3 x 224 x 224
TOKENS_AT_ONCE = 2**14  # 128 sequences of 128; every token becomes hundreds of numbers

ModelOf = Callable[[int], StateDict]  # a task -> the model for it; the same for all where there is one


@torch.no_grad()
def accuracies(pool: Pool, model: ModelOf, split: str) -> list[float]:
    """Return the accuracy on each task with the frozen heads."""
    return [accuracy(pool, model(task), split, task) for task in pool.tasks]


@torch.no_grad()
def accuracy(pool: Pool, model: StateDict, split: str, task: int) -> float:
    """Return the accuracy of a model on one task."""
    return _share(_logits(pool, model, pool.splits[split][task][0], task), pool.splits[split][task][1])


@torch.no_grad()
def prototype_accuracies(pool: Pool, model: ModelOf) -> list[float]:
    """Return the test accuracy on each task with heads made anew from the merged model's features."""
    found = []
    for task, (train, test) in enumerate(zip(pool.splits["train"], pool.splits["test"], strict=True)):
        weights = model(task)
        head = head_of_features(lambda x, weights=weights: pool.network.features(weights, x), train)
        found.append(_share(cosine_logits(_features(pool, weights, test[0]), head), test[1]))
    return found


@torch.no_grad()
def unseen_accuracies(pool: Pool, models: Sequence[StateDict]) -> list[float]:
    """Return the accuracy on each task that has no expert, with heads of the base's features, mean over models."""
    pairs = list(zip(pool.unseen, pool.unseen_heads, strict=True))
    return [
        _mean([_share(pool.network.classify(_features(pool, model, x), head), labels) for model in models])
        for (x, labels), head in pairs
    ]


@torch.no_grad()
def corrupted_accuracies(pool: Pool, model: ModelOf) -> list[float]:
    """Return the test accuracy under each corruption, mean over tasks; nothing where there is no corruption.

    Corrupted are the pool's test inputs, unless it brings corrupted ones, as splits named "test-<corruption>".
    """
    brought = [split for split in pool.splits if split.startswith("test-")]
    if brought:
        return [_mean(accuracies(pool, model, split)) for split in brought]
    models = [model(task) for task in pool.tasks]

    def under(corrupt: Corrupt, task: int) -> float:
        inputs, labels = pool.splits["test"][task]
        return _share(_logits(pool, models[task], corrupt(inputs), task), labels)

    found = corruptions_of(pool.splits["test"][0][0])
    return [_mean([under(corrupt, task) for task in pool.tasks]) for corrupt in found]


@torch.no_grad()
def barriers(pool: Pool, model: ModelOf) -> list[float]:
    """Return, for each task, the loss barrier on the line from its expert to the merged model.

    max over t in (0, 1) of L((1-t) a + t b) - (1-t) L(a) - t L(b), with L the cross-entropy on the task's test data, on
    three inner points. It is negative where the loss is convex along the line.
    """
    return [
        _barrier([_loss(pool, _between(pool.experts[task], model(task), i / (PATH - 1)), task) for i in range(PATH)])
        for task in pool.tasks
    ]


def _barrier(losses: Sequence[float]) -> float:
    """Return the largest excess of inner points over the chord between the ends."""
    steps = len(losses) - 1
    return max(losses[i] - ((steps - i) * losses[0] + i * losses[-1]) / steps for i in range(1, steps))


def _between(a: StateDict, b: StateDict, t: float) -> dict[str, Tensor]:
    return {n: torch.lerp(a[n].float(), b[n].float(), t) if a[n].is_floating_point() else a[n] for n in a}


def _loss(pool: Pool, model: StateDict, task: int) -> float:
    inputs, labels = pool.splits["test"][task]
    return float(functional.cross_entropy(_logits(pool, model, inputs, task), labels))


def _logits(pool: Pool, model: StateDict, inputs: Tensor, task: int) -> Tensor:
    return pool.network.classify(_features(pool, model, inputs), pool.network.heads[task])


def _features(pool: Pool, model: StateDict, inputs: Tensor) -> Tensor:
    """Return the features of inputs, (n, d), computed on as many inputs at a time as a network is given."""
    is_tokens = inputs.dim() == 2 and not inputs.is_floating_point()
    rows = max(1, (TOKENS_AT_ONCE if is_tokens else PIXELS_AT_ONCE) // inputs[0].numel())
    return torch.cat([pool.network.features(model, part) for part in inputs.split(rows)])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _share(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(-1) == labels).double().mean())
