"""The procedural pool: up to eight tasks of ten classes, a base that knows their families, and experts that interfere.

    tasks 1-7    ten classes of each family of `images`, which the base has never seen
    task 8       handwritten digits (scikit-learn's), enlarged to 16 x 16
    base         MLP 256-128-128-128-64 (or the CNN), trained to tell 30 other classes of every family apart
    experts      the base tuned on one task each with SGD, whose heavy-tailed updates interfere as those of large
                 models do; with AdamW they spread, and methods that trim lose their edge

Negative controls: `shuffled` permutes each expert's update within every tensor, which keeps its size and destroys its
meaning; `two-bases` trains the experts from two bases that have nothing in common, which no averaging survives.
"""

import copy
from typing import Literal

import numpy as np
import torch
from torch import nn

from bench_merging.adapters import Adapted
from bench_merging.network import CNN, MLP
from bench_merging.pools import images
from bench_merging.pools.training import Split, Tuning, head_of_features, numpy_state, pretrain, tune
from bench_merging.residual import Residual

PER_CLASS = {"train": 150, "val": 30, "test": 100}
NOISE_OF_DIGITS = 0.15
BLOCKS = 3  # of a residual trunk
TASKS = (*images.FAMILIES, "digits")
HELD_OUT = ("glyph", "mosaic")  # families of the tasks that no model of the pool has seen a class of
FIRST_HELD_OUT = 100  # the first of their ten classes

Architecture = Literal["mlp", "cnn", "residual"]


def trunk_of(architecture: Architecture, width: int, features: int) -> nn.Module:
    """Return an untrained trunk for images of 16 x 16."""
    if architecture == "mlp":
        return MLP(images.SIDE**2, [width] * 3, features)
    if architecture == "residual":
        return Residual(images.SIDE**2, width, BLOCKS, features)
    return CNN(images.SIDE, [width // 8, width // 4], features)


def procedural_pool(
    *,
    tasks: int = 8,
    architecture: Architecture = "mlp",
    width: int = 128,
    features: int = 64,
    base_classes: int = 30,
    base_steps: int = 1500,
    optimiser: Literal["sgd", "adamw"] = "sgd",
    steps: int = 400,
    adapter_rank: int = 0,
    targets: int = 0,
    distractors: int = 0,
    control: Literal["none", "shuffled", "two-bases"] = "none",
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return a pool, of K tasks with C classes each (names with k run over the tasks, with <name> over the tensors).

    With `targets`, only the first so many tasks are part of the pool, and the experts of the others have none.
    `distractors` are further experts without a task: tuned on the tasks in turn, with labels that are shuffled.

    Returns:
        base.<name>, expert.k.<name>: weights, float32; with an `adapter_rank`, those of low-rank
            adapters, tuned with AdamW whatever `optimiser` is. Beyond the K tasks stand the experts that have none.
        frozen.<name>: only with adapters, the weights that they are on.
        head.k: frozen head, (d, C) float32.
        <split>.inputs.k, <split>.targets.k: images (n, 16, 16) float32 and labels (n,) int64 for train, val and test.
        unseen.head.j, unseen.inputs.j, unseen.targets.j: the same for test data of tasks that have no expert.

    Raises:
        ValueError: `tasks` is not between 2 and 8.
    """
    if not 2 <= tasks <= len(TASKS):
        raise ValueError(f"tasks must be between 2 and {len(TASKS)}, got {tasks}")
    with on_one_thread():
        count = 2 if control == "two-bases" else 1
        bases = [
            base_of(architecture, width, features, base_classes, base_steps, seed + 1000 * i) for i in range(count)
        ]
        frozen = bases[0].state_dict()
        if adapter_rank:
            torch.manual_seed(seed)
            bases = [Adapted(base, adapter_rank) for base in bases]
        arrays = numpy_state(bases[0].state_dict(), "base")
        if adapter_rank:
            arrays |= numpy_state(frozen, "frozen")
        tuning = _tuning("adapters" if adapter_rank else optimiser, steps)
        for k, name in enumerate(TASKS[:tasks]):
            has_task = k < (targets or tasks)
            arrays |= _expert(bases[k % len(bases)], name, k, tuning, seed, control == "shuffled", has_task)
        for k in range(tasks, tasks + distractors):
            expert = _distractor(bases[0], TASKS[k % tasks], tuning, seed, k)
            arrays |= numpy_state(expert.state_dict(), f"expert.{k}")
        return arrays | _held_out(bases[0], seed)


def _expert(
    base: nn.Module, name: str, k: int, tuning: Tuning, seed: int, is_shuffled: bool, has_task: bool
) -> dict[str, np.ndarray]:
    """Return the weights of expert k, tuned on the task of this name, and its task unless it is to have none."""
    splits = splits_of(name, seed)
    head = head_of_features(base, splits["train"])
    expert = copy.deepcopy(base)
    tune(expert, [(splits["train"], head)], tuning, seed=seed * 100 + k)
    if is_shuffled:
        shuffle(expert, base, seed * 100 + k)
    arrays = numpy_state(expert.state_dict(), f"expert.{k}")
    if has_task:
        arrays[f"head.{k}"] = head.numpy()
        for split, part in splits.items():
            arrays |= examples(split, k, part)
    return arrays


def _held_out(base: nn.Module, seed: int) -> dict[str, np.ndarray]:
    """Return the test data of tasks that have no expert, and their heads."""
    arrays: dict[str, np.ndarray] = {}
    for j, family in enumerate(HELD_OUT):
        splits = splits_of(family, seed, first=FIRST_HELD_OUT)
        arrays |= {f"unseen.head.{j}": head_of_features(base, splits["train"]).numpy()}
        arrays |= examples("unseen", j, splits["test"])
    return arrays


def _distractor(base: nn.Module, task: str, tuning: Tuning, seed: int, k: int) -> nn.Module:
    """Return the base tuned on a task's images with labels that tell nothing."""
    split = splits_of(task, seed)["train"]
    order = torch.randperm(len(split[1]), generator=torch.Generator().manual_seed(seed * 100 + k))
    expert = copy.deepcopy(base)
    tune(expert, [((split[0], split[1][order]), head_of_features(base, split))], tuning, seed=seed * 100 + k)
    return expert


def examples(split: str, k: int, part: Split) -> dict[str, np.ndarray]:
    """Return the examples of task k as arrays."""
    return {f"{split}.inputs.{k}": part[0].numpy(), f"{split}.targets.{k}": part[1].numpy()}


class on_one_thread:  # noqa: N801 - reads as a statement
    """Let torch compute on one thread; at the end its generator and its number of threads are as they were."""

    def __enter__(self) -> None:
        self._state, self._threads = torch.get_rng_state(), torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_rng_state(self._state)
        torch.set_num_threads(self._threads)


def _tuning(kind: Literal["sgd", "adamw", "adapters"], steps: int) -> Tuning:
    """Return how experts are tuned; adapters always with AdamW."""
    rate = {"sgd": 0.05, "adamw": 1e-3, "adapters": 5e-3}[kind]
    return Tuning("sgd" if kind == "sgd" else "adamw", rate, steps, warmup=min(50, steps // 8))


def base_of(architecture: Architecture, width: int, features: int, classes: int, steps: int, seed: int) -> nn.Module:
    """Return a trunk trained on classes 10, 11, … of every family; the tasks have 0 to 9."""
    torch.manual_seed(seed)
    trunk = trunk_of(architecture, width, features)
    kinds = [(family, 10 + c) for family in images.FAMILIES for c in range(classes)]
    inputs = np.concatenate([images.draw(family, label, 60, seed) for family, label in kinds])
    labels = torch.arange(len(kinds)).repeat_interleave(60)
    pretrain(trunk, (torch.from_numpy(inputs), labels), steps=steps, seed=seed)
    return trunk


def splits_of(task: str, seed: int, first: int = 0) -> dict[str, Split]:
    """Return the images of a task, train, val and test; `first` is the first of its ten classes."""
    if task == "digits":
        return _digits(seed)
    count = sum(PER_CLASS.values())
    members = np.stack([images.draw(task, label, count, seed) for label in range(first, first + 10)])  # (C, n, 16, 16)
    found, start = {}, 0
    for split, n in PER_CLASS.items():
        part = members[:, start : start + n].swapaxes(0, 1).reshape(-1, images.SIDE, images.SIDE)
        found[split] = torch.from_numpy(part.copy()), torch.arange(10).repeat(n)
        start += n
    return found


def _digits(seed: int) -> dict[str, Split]:
    """Return 897 / 300 / 600 handwritten digits, each pixel four times, with noise."""
    from sklearn.datasets import load_digits  # here, since it takes seconds to import

    bunch = load_digits()
    rng = np.random.default_rng([seed, 8])
    order = rng.permutation(len(bunch.target))
    enlarged = np.kron(bunch.images[order] / 8 - 1, np.ones((1, 2, 2)))
    noisy = np.clip(enlarged + NOISE_OF_DIGITS * rng.standard_normal(enlarged.shape), -1, 1).astype(np.float32)
    inputs, labels = torch.from_numpy(noisy), torch.from_numpy(bunch.target[order].astype(np.int64))
    bounds = {"train": slice(0, 897), "val": slice(897, 1197), "test": slice(1197, None)}
    return {split: (inputs[part], labels[part]) for split, part in bounds.items()}


def shuffle(expert: nn.Module, base: nn.Module, seed: int) -> None:
    """Permute the entries of each tensor's update at random."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tuned, origin in zip(expert.parameters(), base.parameters(), strict=True):
            update = (tuned - origin).flatten()
            tuned.copy_(origin + update[torch.randperm(len(update), generator=generator)].view_as(origin))
