"""Conformance checks of compressions, on a network of a few units. Each calls `build(model=, network=)`."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from bench_merging.network import CNN, MLP, Network
from bench_merging.result import Reshaped
from harness import Context
from harness.conformance import seeded

Build = Callable[..., Reshaped]

COPIES = 2


def _networks() -> list[Network]:
    trunks: list[nn.Module] = [MLP(256, [9, 8], 5), CNN(16, [6, 7], 5)]
    return [Network(trunk, [torch.eye(5)]) for trunk in trunks]


def _model(network: Network) -> dict[str, torch.Tensor]:
    """Return weights with some units of every group nearly copies of others."""
    generator = torch.Generator().manual_seed(0)
    model = {n: 0.3 * torch.randn(shape, generator=generator) for n, shape in network.shapes.items()}
    for group in network.groups:
        for axis in group:
            own = model[axis.tensor].movedim(axis.axis, 0)
            copied = own[: COPIES * axis.repeat]
            own[-COPIES * axis.repeat :] = copied + 1e-3 * torch.randn(copied.shape, generator=generator)
    return model


def _built(build: Build, network: Network) -> dict[str, torch.Tensor]:
    with seeded(1):
        return dict(build(model=_model(network), network=network).state)


def check_contract(build: Build) -> None:
    """A model with near copies of units gets smaller, and no group wider; inputs and outputs keep their sizes.

    Values are finite, and the model is unchanged.
    """
    for network in _networks():
        model = _model(network)
        before = {name: tensor.clone() for name, tensor in model.items()}
        small = build(model=model, network=network).state
        assert set(small) == set(model), f"the tensors are {sorted(small)}, in the model {sorted(model)}"
        for name, tensor in model.items():
            assert torch.equal(tensor, before[name]), f"'{name}' of the model was changed"
            assert small[name].dtype == tensor.dtype, f"'{name}' is of the type {small[name].dtype}"
            wider = [a > b for a, b in zip(small[name].shape, tensor.shape, strict=True)]
            assert not any(wider), f"'{name}' has grown to {tuple(small[name].shape)}"
        sizes = [sum(tensor.numel() for tensor in state.values()) for state in (small, model)]
        assert sizes[0] < sizes[1], f"of {sizes[1]} parameters all are left, though some units are nearly copies"
        features = network.features(small, torch.ones(2, 16, 16))
        assert features.shape == (2, 5), f"the features are {tuple(features.shape)}, not (2, 5)"
        assert features.isfinite().all(), "the features are not finite"


def check_deterministic(build: Build) -> None:
    """Compressing twice from the same torch seed gives identical weights."""
    for network in _networks():
        first, second = (_built(build, network) for _ in range(2))
        for name in first:
            assert torch.equal(first[name], second[name]), f"'{name}' differs between two runs from the same seed"


def check_threshold(build: Build) -> None:
    """Where nothing is to be alike enough, the model stays as it is."""
    for network in _networks():
        model = _model(network)
        small = build(model=model, network=network, ratio=0.0).state
        for name, tensor in model.items():
            assert torch.equal(small[name], tensor), f"'{name}' was changed though no two units are equal"


def exercise(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return what is timed from commit to commit: a compression, which stands for training, and its features."""
    network = _networks()[1]
    small, x = _built(build, network), torch.ones(8, 16, 16)

    @torch.no_grad()
    def infer() -> object:
        return network.features(small, x)

    return {"training": lambda: _built(build, network), "inference": infer}
