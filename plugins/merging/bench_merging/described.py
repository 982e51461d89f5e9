"""The file that describes a pool of real checkpoints. No weights are believed but by their sha256.

    kind: clip-vision                         # or vit, gpt2, t5
    base: {path: clip-vit-base-patch32, sha256: 3f0a…}
    experts:
      - task: mnist
        path: clip-vit-base-patch32_mnist     # a folder in Hugging Face's layout, or a safetensors file
        sha256: 81bd…
        head: heads/mnist.npy                 # clip-vision: text embeddings of the classes, (C, d)
        labels: [1465, 2841]                  # t5: the first token of each class's answer
        data: data/mnist                      # <split>_inputs.npy and <split>_targets.npy
        accuracy: 99.6                        # optional: what its publisher measured on the test data, in percent
    unseen:                                   # optional: tasks without an expert; clip-vision and t5
      - {task: eurosat, head: heads/eurosat.npy, data: data/eurosat}

Paths are relative to the file. Inputs are images (n, 3, side, side), bytes or normalised numbers, or tokens (n, L);
`val` and `test` are needed, `train` by methods that see training data. `test-<corruption>_inputs.npy`, where all tasks
have it, holds the test inputs under a corruption. The heads of vit and gpt2 are in the experts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench_merging.kinds import KINDS, Kind
from bench_merging.state import WeightsError

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Described:
    """What a pool's file says, its entries checked for what its kind needs."""

    path: Path
    kind: Kind
    base: Entry
    experts: list[Entry]
    unseen: list[Entry]

    def of(self, relative: str) -> Path:
        """Return the place of a path that stands in the file."""
        return self.path.parent / relative


def described(path: Path) -> Described:
    """Read a pool's file. Raises WeightsError, which names it and the entry."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise WeightsError(f"{path}: is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: has to be a mapping with 'kind', 'base' and 'experts'")
    if not isinstance(content.get("kind"), str) or content["kind"] not in KINDS:
        raise WeightsError(f"{path}: 'kind' has to be one of {', '.join(KINDS)}, not {content.get('kind')!r}")
    kind = KINDS[content["kind"]]
    base, experts, unseen = content.get("base"), content.get("experts"), content.get("unseen", [])
    for fault in _faults(kind, base, experts, unseen):
        raise WeightsError(f"{path}: {fault}")
    return Described(path, kind, base, experts, unseen)


def _faults(kind: Kind, base: Any, experts: Any, unseen: Any) -> Iterator[str]:
    head = (kind.head,) if kind.head else ()
    yield from _lacking("base", base, ("path", "sha256"))
    if not isinstance(experts, list) or len(experts) < 2:
        yield f"'experts' has to be a list of two or more, not {experts!r}"
    else:
        for i, entry in enumerate(experts):
            yield from _lacking(f"expert {i}", entry, ("task", "path", "sha256", "data", *head))
        yield from _same(experts)
    if not isinstance(unseen, list):
        yield f"'unseen' has to be a list, not {unseen!r}"
    if unseen and not kind.head:
        yield "'unseen' needs heads of its own, and those of this kind are in the experts"
    for i, entry in enumerate(unseen):
        yield from _lacking(f"unseen {i}", entry, ("task", "data", *head))


def _lacking(name: str, entry: Any, keys: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"{name} has to be a mapping with {', '.join(keys)}, not {entry!r}"
        return
    for key in keys:
        value = entry.get(key)
        if key == "labels":
            tokens = isinstance(value, list) and all(type(token) is int for token in value)
            if not tokens or len(set(value)) < max(2, len(value)):
                yield f"{name}: 'labels' has to be a list of tokens, all different, not {value!r}"
        elif not isinstance(value, str):
            yield f"{name}: '{key}' has to be text, not {value!r}"
    accuracy = entry.get("accuracy", 0.0)
    if not isinstance(accuracy, int | float) or not 0 <= accuracy <= 100:
        yield f"{name}: 'accuracy' has to be a percentage, not {accuracy!r}"


def _same(experts: list[Entry]) -> Iterator[str]:
    for key in ("sha256", "task"):
        seen: dict[str, int] = {}
        for i, entry in enumerate(experts):
            if entry[key] in seen:
                yield f"expert {i} and expert {seen[entry[key]]} have the same {key}"
            seen[entry[key]] = i
