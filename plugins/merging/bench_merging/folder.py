"""Pools of real checkpoints, read from the folders that a file describes (`described.py`).

Merged are the floating tensors of the architecture that some expert has tuned; tensors that all experts lack or have
left as the base's are frozen, and enter no method's quantiles. Integer buffers (position ids), text towers, heads and
copies of tied matrices stay out. bfloat16 and float16 are computed on in float32. Tensors are read when they are used.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench_merging import evaluation, heads
from bench_merging.checkpoints import Checkpoint
from bench_merging.described import Described, Entry, described
from bench_merging.kinds import Kind
from bench_merging.network import Classify, Network
from bench_merging.pool import Examples, Pool
from bench_merging.state import StateDict, WeightsError, task_vectors, validate

CLIP_SCALE = 100.0  # of the released checkpoints, for one that does not hold its `logit_scale`
TOLERANCE = 0.5  # points between the accuracy that is published and that which is measured
ALIKE = 0.9  # mean cosine of the experts' updates from which the base is taken for another one


class Weights(Mapping[str, Tensor]):
    """The tensors of an architecture in a checkpoint, under the architecture's names, whatever the file calls them."""

    def __init__(self, path: Path, checkpoint: Checkpoint, names: Sequence[str], kind: Kind) -> None:
        self.path = path
        self.checkpoint, self._transposed = checkpoint, kind.transposed
        self._place = {}
        for name in names:
            copies = [copy for copy in kind.copies.get(name, ()) if copy not in names]
            stored = [n for n in dict.fromkeys((name, kind.prefix + name, *copies)) if n in checkpoint]
            for copy in stored[1:]:
                if not torch.equal(checkpoint[stored[0]], checkpoint[copy]):
                    raise WeightsError(f"{path}: '{copy}' and '{stored[0]}' are the same tensor, and differ")
            if stored:
                self._place[name] = stored[0]

    def __getitem__(self, name: str) -> Tensor:
        tensor = self.checkpoint[self._place[name]]
        return tensor.T if name.endswith(self._transposed) else tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)


class Some(Mapping[str, Tensor]):
    """Some of the tensors of a model."""

    def __init__(self, state: StateDict, names: Sequence[str]) -> None:
        self._state, self._names = state, dict.fromkeys(names)

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._names:
            raise KeyError(name)
        return self._state[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_folder(path: Path) -> Pool:
    """Return the pool that a file describes. Raises WeightsError, which names the file and what in it is wrong."""
    pool = described(path)
    trunk = _trunk(pool)
    names = [name for name, _ in trunk.named_parameters()]
    base, *experts = (_weights(pool, entry, names) for entry in (pool.base, *pool.experts))
    if missing := set(names) - set(base):
        raise WeightsError(f"{base.path}: lacks the tensor '{min(missing)}'")
    tuned = _tuned(trunk, base, experts)
    own = [Some(expert, [name for name in expert if name in tuned]) for expert in experts]
    validate(Some(base, tuned), own, [str(weights.path) for weights in (base, *experts)])
    _check_base(base.path, Some(base, tuned), own)
    splits = {split: [_examples(pool, entry, split) for entry in pool.experts] for split in _splits(pool)}
    found = [_head(pool, entry, expert) for entry, expert in zip(pool.experts, experts, strict=True)]
    network = Network(trunk, found, _classify(pool.kind, base.checkpoint))
    for split, examples in splits.items():
        for entry, own_examples, head in zip(pool.experts, examples, found, strict=True):
            _check_examples(pool.of(entry["data"]), split, network, Some(base, tuned), own_examples, head)
    unseen = [_examples(pool, entry, "test") for entry in pool.unseen]
    unseen_heads = [_head(pool, entry, base) for entry in pool.unseen]
    for entry, examples, head in zip(pool.unseen, unseen, unseen_heads, strict=True):
        _check_examples(pool.of(entry["data"]), "test", network, Some(base, tuned), examples, head)
    return Pool(network, Some(base, tuned), own, splits, unseen, unseen_heads)


def check(*, path: str, sha256: str, **others: Any) -> None:
    """Read a pool whole, before anything is run. Raises WeightsError, which names the file and what in it is wrong."""
    read_believed(Path(path), sha256)


def check_trained(*, path: str, sha256: str, **others: Any) -> None:
    """The same for a task that shows training data to methods: all experts' data has to have it."""
    check(path=path, sha256=sha256)
    pool = described(Path(path))
    for folder in (pool.of(entry["data"]) for entry in pool.experts):
        if not (folder / "train_inputs.npy").exists():
            raise WeightsError(f"{folder}: lacks train_inputs.npy, and this task shows training data to methods")


def read_believed(path: Path, sha256: str) -> Pool:
    """Return the pool that a file describes, if that has this sha256. Raises WeightsError otherwise, or where it fails.

    `read_folder` says what can fail.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error
    if found != sha256:
        raise WeightsError(f"{path}: is another file than the suite says: its sha256 is {found}")
    return read_folder(path)


def _trunk(pool: Described) -> nn.Module:
    folder = pool.of(pool.base["path"])
    config, preprocessor = folder / "config.json", folder / "preprocessor_config.json"
    try:
        options = json.loads(preprocessor.read_text()) if preprocessor.exists() else {}
        return pool.kind.trunk(json.loads(config.read_text()), options)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{config}: describes no model of this kind: {error!r}") from error


def _weights(pool: Described, entry: Entry, names: Sequence[str]) -> Weights:
    path = pool.of(entry["path"])
    checkpoint = Checkpoint(path)
    if (found := checkpoint.sha256()) != entry["sha256"]:
        raise WeightsError(f"{path}: is another checkpoint than {pool.path.name} says: its sha256 is {found}")
    return Weights(path, checkpoint, names, pool.kind)


def _tuned(trunk: nn.Module, base: Weights, experts: Sequence[Weights]) -> list[str]:
    """Return the names of the tensors that some expert has tuned; the trunk gets the others."""
    for name, own in trunk.named_parameters():
        if base[name].shape != own.shape:
            shapes = f"{tuple(base[name].shape)}, and by its config.json {tuple(own.shape)}"
            raise WeightsError(f"{base.path}: '{name}' has the shape {shapes}")
    having = {name: [expert for expert in experts if name in expert] for name in base}
    tuned = [name for name, some in having.items() if any(not _is_equal(base[name], e[name]) for e in some)]
    if not tuned:
        raise WeightsError(f"{experts[0].path}: equals the base in every tensor, as all experts do")
    trunk.load_state_dict({name: base[name] for name in base if name not in tuned}, strict=False)
    return tuned


def _is_equal(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


def _check_base(path: Path, base: StateDict, experts: Sequence[StateDict]) -> None:
    """Raise WeightsError where all updates point the same way, as they do from a base that is not the experts'."""
    gram = torch.zeros(len(experts), len(experts), dtype=torch.float64)
    for name in base:
        updates = task_vectors(name, base, experts).flatten(1)
        gram += (updates @ updates.T).double()
    norms = gram.diag().sqrt()
    cosines = gram / (norms[:, None] * norms)
    count = len(experts)
    alike = float((cosines.sum() - cosines.trace()) / (count * (count - 1)))
    if alike >= ALIKE:
        raise WeightsError(
            f"{path}: is hardly the base of these experts: all their updates point the same way "
            f"(mean cosine {alike:.3f})"
        )


def _head(pool: Described, entry: Entry, weights: Weights) -> Tensor:
    if pool.kind.head == "head":
        embeddings = _array(pool.of(entry["head"]))
        if embeddings.dim() != 2:
            raise WeightsError(f"{pool.of(entry['head'])}: has the shape {tuple(embeddings.shape)}, and not (C, d)")
        return heads.of_texts(embeddings)
    if pool.kind.head == "labels":
        size = len(weights["shared.weight"])
        if not all(isinstance(token, int) and 0 <= token < size for token in entry["labels"]):
            raise WeightsError(f"{pool.path}: 'labels' of {entry['task']} has to hold tokens below {size}")
        return heads.of_tokens(entry["labels"], size)
    weight, bias = (f"{pool.kind.classifier}.{part}" for part in ("weight", "bias"))
    if weight not in weights.checkpoint:
        raise WeightsError(f"{weights.path}: lacks the tensor '{weight}', its head")
    found, offset = weights.checkpoint[weight], weights.checkpoint.get(bias)
    if found.dim() != 2 or (offset is not None and offset.shape != found.shape[:1]):
        shapes = f"'{weight}' {tuple(found.shape)}" + ("" if offset is None else f", '{bias}' {tuple(offset.shape)}")
        raise WeightsError(f"{weights.path}: the shapes of its head are not (C, d) and (C,): {shapes}")
    return heads.of_classifier(found, offset)


def _classify(kind: Kind, base: Checkpoint) -> Classify:
    if kind.head != "head":
        return heads.linear_logits
    return heads.cosine(math.exp(float(base["logit_scale"])) if "logit_scale" in base else CLIP_SCALE)


def _array(path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.lib.format.open_memmap(path, mode="c"))
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: is no array that can be read: {error}") from error


def _splits(pool: Described) -> list[str]:
    """Return "test", "val", and what else the data of all experts has: "train", and corrupted test inputs."""
    first, *others = [pool.of(entry["data"]) for entry in pool.experts]
    found = sorted(file.name.removesuffix("_inputs.npy") for file in first.glob("*_inputs.npy"))
    further = [split for split in found if split == "train" or split.startswith("test-")]
    shared = [s for s in further if all((folder / f"{s}_inputs.npy").exists() for folder in others)]
    return ["test", "val", *shared]


def _examples(pool: Described, entry: Entry, split: str) -> Examples:
    folder, kept = pool.of(entry["data"]), split.partition("-")[0]  # corrupted inputs have the labels of the others
    inputs, labels = _array(folder / f"{split}_inputs.npy"), _array(folder / f"{kept}_targets.npy")
    if inputs.dim() < 2:
        raise WeightsError(f"{folder}: {split}_inputs.npy has the shape {tuple(inputs.shape)}, and not (n, ...)")
    if labels.dim() != 1 or labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        shown = f"{tuple(labels.shape)} {str(labels.dtype).removeprefix('torch.')}"
        raise WeightsError(f"{folder}: {kept}_targets.npy has to hold whole numbers of the shape (n,), not {shown}")
    if len(inputs) != len(labels) or not len(labels):
        raise WeightsError(f"{folder}: {split} has {len(inputs)} inputs and {len(labels)} targets")
    return inputs, labels.long()


@torch.no_grad()
def _check_examples(
    folder: Path, split: str, network: Network, base: StateDict, examples: Examples, head: Tensor
) -> None:
    """Raise WeightsError where a split of a task's data is not for this model and head."""
    inputs, labels = examples
    if int(labels.min()) < 0 or int(labels.max()) >= head.shape[1]:
        targets = f"{split.partition('-')[0]}_targets.npy"
        raise WeightsError(f"{folder}: {targets} goes beyond the {head.shape[1]} classes of the head")
    # Of tokens, one that is beyond the vocabulary would be in the largest; images, all of a size, are not read whole.
    chosen = int(inputs.amax(1).argmax()) if inputs.dim() == 2 else 0
    try:
        network.classify(network.features(base, inputs[chosen : chosen + 1]), head)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        raise WeightsError(f"{folder}: {split}_inputs.npy does not fit the model or its head: {error}") from error


def check_accuracies(path: Path, pool: Pool) -> None:
    """Raise WeightsError where an expert is not as good on its task as its publisher measured, as the file says.

    Half a point is allowed for; more comes of other data, or of inputs that were prepared otherwise.
    """
    for task, entry in enumerate(described(path).experts):
        if "accuracy" not in entry:
            continue
        found = 100 * evaluation.accuracy(pool, pool.experts[task], "test", task)
        if abs(found - entry["accuracy"]) > TOLERANCE:
            raise WeightsError(
                f"{path}: the expert of '{entry['task']}' gets {found:.1f} % on its test data, and its publisher "
                f"{entry['accuracy']:.1f} %: it is other data, or prepared otherwise"
            )
