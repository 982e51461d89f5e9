"""The architectures of the pools, and the frozen heads around them.

x      inputs, (n, *shape)
z      features, (n, d): what the merged weights compute
H_k    frozen head of task k, (d, C_k): columns of norm 1
logits scale * cos(z, H_k), as in CLIP: only the trunk is tuned or merged; or H_k^T (z, 1), as in other checkpoints
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.state import widened
from harness import Skip

LOGIT_SCALE = 10.0


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor whose entries are the units of a permutation group.

    `incoming` tells whether the tensor produces the units (rows of a weight, a bias) or consumes them (columns).
    `repeat` is how many consecutive entries belong to one unit, as after flattening feature maps.
    """

    tensor: str
    axis: int
    incoming: bool
    repeat: int = 1


@dataclass(frozen=True)
class Stack:
    """The layers of a trunk that can follow each other in any order, by the names of their tensors; and what is around.

    The layers' tensors are named "<prefix>.<layer>.…".
    """

    prefix: str
    before: Sequence[str]
    layers: Sequence[Sequence[str]]
    after: Sequence[str]

    def moved(self, name: str, layer: int) -> str:
        """Return the name of a layer's tensor where the layer has another place."""
        return f"{self.prefix}.{layer}.{name.removeprefix(self.prefix + '.').partition('.')[2]}"


Groups = Sequence[Sequence[Axis]]  # for each group of interchangeable units, where they stand
Classify = Callable[[Tensor, Tensor], Tensor]  # features (n, d), a head -> logits (n, C)


def cosine_logits(features: Tensor, head: Tensor) -> Tensor:
    """Return scale * cos(z, H), (n, C)."""
    return LOGIT_SCALE * functional.normalize(features, dim=-1) @ head


class Network:
    """A trunk, its permutation groups in forward order, and a frozen head for each task with how it classifies.

    `embeddings` are the names of tensors that are tables of embeddings: matrices, but no linear maps.
    """

    def __init__(self, trunk: nn.Module, heads: Sequence[Tensor], classify: Classify = cosine_logits) -> None:
        self._trunk = trunk.eval()
        self.heads = list(heads)
        self.classify = classify
        self.shapes = {name: tensor.shape for name, tensor in trunk.named_parameters()}
        self._names = {*self.shapes, *dict(trunk.named_buffers())}
        tables = (name for name, part in trunk.named_modules() if isinstance(part, nn.Embedding))
        self.embeddings = {f"{name}.weight" for name in tables}
        self.groups: Groups = trunk.groups()  # type: ignore[operator]

    def of_tasks(self, tasks: Iterable[int]) -> "Network":
        """Return the network with the heads of some of its tasks only, in this order."""
        return Network(self._trunk, [self.heads[task] for task in tasks], self.classify)

    @property
    def stack(self) -> Stack:
        """The layers that can follow each other in any order. Raises Skip where the architecture has none."""
        prefix = getattr(self._trunk, "stack", None)
        if prefix is None:
            raise Skip(f"a model of the kind {type(self._trunk).__name__} has no layers that can change places")
        names = list(self._trunk.state_dict())
        inside = [name for name in names if name.startswith(f"{prefix}.")]
        count = 1 + max(int(name.split(".")[prefix.count(".") + 1]) for name in inside)
        layers = [[name for name in inside if name.startswith(f"{prefix}.{i}.")] for i in range(count)]
        first, last = names.index(inside[0]), names.index(inside[-1])
        return Stack(prefix, names[:first], layers, names[last + 1 :])

    def features(self, state: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Return z, (n, d), of a trunk with the weights `state`, in float32; differentiable in them.

        The weights may have other widths or another depth than the trunk. Raises Skip where the architecture has not.
        """
        return torch.func.functional_call(self._fitting(state), widened(state), (x,))

    def _fitting(self, state: Mapping[str, Tensor]) -> nn.Module:
        """Return the trunk, or an untrained one of the shapes that weights have."""
        own, may_differ = self.shapes, hasattr(self._trunk, "like")
        named_alike = state.keys() <= self._names and (own.keys() <= state.keys() or not may_differ)  # some are frozen
        if named_alike and all(state[name].shape == own[name] for name in own if name in state):
            return self._trunk
        if not may_differ:
            raise Skip(f"a model of the kind {type(self._trunk).__name__} has one shape only here")
        return self._trunk.like(state)

    def logits(self, state: Mapping[str, Tensor], x: Tensor, task: int) -> Tensor:
        """Return the logits of a task, (n, C)."""
        return self.classify(self.features(state, x), self.heads[task])

    def module(self, state: Mapping[str, Tensor]) -> nn.Module:
        """Return a trunk of its own with these weights, in evaluation mode; weights that no expert has tuned stay.

        Raises ValueError where the trunk has no such weights.
        """
        trunk = copy.deepcopy(self._trunk)
        if unknown := trunk.load_state_dict(dict(state), strict=False).unexpected_keys:
            raise ValueError(f"the network has no tensor '{unknown[0]}'")
        return trunk.eval()


class MLP(nn.Module):
    """ReLU layers without normalisation; the last map has no bias and no nonlinearity."""

    def __init__(self, inputs: int, hidden: Sequence[int], features: int) -> None:
        super().__init__()
        sizes = [inputs, *hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(sizes[-1], features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer in self.hidden:
            x = layer(x).relu()
        return self.last(x)

    def like(self, state: Mapping[str, Tensor]) -> "MLP":
        """Return an untrained trunk of the widths that weights have."""
        hidden = [len(state[f"hidden.{i}.bias"]) for i in range(len(self.hidden))]
        return MLP(self.hidden[0].in_features, hidden, self.last.out_features)

    def groups(self) -> Groups:
        layers = [f"hidden.{i}" for i in range(len(self.hidden))]
        followers = [*layers[1:], "last"]
        return [
            [Axis(f"{a}.weight", 0, True), Axis(f"{a}.bias", 0, True), Axis(f"{b}.weight", 1, False)]
            for a, b in zip(layers, followers, strict=True)
        ]


class CNN(nn.Module):
    """Two blocks of convolution, GroupNorm with one channel per group, ReLU and 2x2 mean pooling; then a linear map."""

    def __init__(self, side: int, channels: Sequence[int], features: int) -> None:
        super().__init__()
        self.side, widths = side, [1, *channels]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(nn.GroupNorm(width, width) for width in channels)
        self.area = (side // 2 ** len(channels)) ** 2
        self.last = nn.Linear(channels[-1] * self.area, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(1)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = functional.avg_pool2d(norm(convolution(x)).relu(), 2)
        return self.last(x.flatten(1))

    def like(self, state: Mapping[str, Tensor]) -> "CNN":
        """Return an untrained trunk of the widths that weights have."""
        channels = [len(state[f"convolutions.{i}.bias"]) for i in range(len(self.convolutions))]
        return CNN(self.side, channels, self.last.out_features)

    def groups(self) -> Groups:
        count = len(self.convolutions)
        found = []
        for i in range(count):
            own = [f"convolutions.{i}.weight", f"convolutions.{i}.bias", f"norms.{i}.weight", f"norms.{i}.bias"]
            last = i == count - 1
            after = Axis("last.weight", 1, False, self.area) if last else Axis(f"convolutions.{i + 1}.weight", 1, False)
            found.append([*(Axis(name, 0, True) for name in own), after])
        return found
