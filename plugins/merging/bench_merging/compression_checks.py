"""Conformance checks of compressions, on a network of a few units. Each calls `build(model=, network=)`."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from bench_merging.network import CNN, MLP, Network
from bench_merging.result import Reshaped
from harness import Context

Build = Callable[..., Reshaped]


def _networks() -> list[Network]:
    trunks: list[nn.Module] = [MLP(256, [9, 8], 5), CNN(16, [6, 7], 5)]
    return [Network(trunk, [torch.eye(5)]) for trunk in trunks]


def _model(network: Network) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {n: 0.3 * torch.randn(shape, generator=generator) for n, shape in network.shapes.items()}


def _built(build: Build, network: Network) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return dict(build(model=_model(network), network=network).state)


def check_contract(build: Build) -> None:
    """No group is wider than before, inputs and outputs keep their sizes, values are finite, the model is unchanged."""
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
