"""Conformance checks of mergers: what the families' contract and traits promise, on a world of a few weights.

Each `check_<name>(build)` calls `build(base=, experts=, access=)` and raises AssertionError saying what it found.
Checks named after a trait ("-" written as "_") are for the methods that claim it. The access grants everything; that
a task hands over less is for the task's tests. A method may refuse three experts by Skip; it then gets two, and
then three adapters.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench_merging.access import Access
from bench_merging.adapters import Adapted
from bench_merging.network import MLP, Network
from bench_merging.residual import Residual
from bench_merging.result import Reshaped, Routed
from bench_merging.state import StateDict, widened
from harness import Context, Skip
from harness.conformance import seeded

Merged = StateDict | Routed | Reshaped
Build = Callable[..., Merged]

ROUNDING = 1e-4  # relative to the largest update: float32, through decompositions and a few hundred steps
CLASSES = 3


class _Trunk(MLP):
    """An MLP with an integer buffer, as position ids and counters are."""

    def __init__(self) -> None:
        super().__init__(6, [9, 8], 5)
        self.register_buffer("steps", torch.tensor(7))


def _adapters() -> Adapted:
    """Return adapters of rank 2 on frozen weights, the same every time."""
    with seeded(3):
        return Adapted(_Trunk(), 2)


def _layered() -> Residual:
    return Residual(6, 4, 2, 5)


@dataclass(frozen=True)
class _World:
    """A trunk, its base, its experts, and tasks to see."""

    trunk: Callable[[], nn.Module]

    base: dict[str, Tensor]
    experts: list[dict[str, Tensor]]
    heads: list[Tensor]
    inputs: list[Tensor]

    def access(self) -> Access:
        network = Network(self.trunk(), self.heads)
        labels = [torch.arange(len(x)) % CLASSES for x in self.inputs]

        def accuracy(model: StateDict, task: int) -> float:
            with torch.no_grad():
                logits = network.logits(model, self.inputs[task], task)
            return float((logits.argmax(-1) == labels[task]).float().mean())

        examples = list(zip(self.inputs, labels, strict=True))
        return Access(network, inputs=self.inputs, examples=examples, evaluate=accuracy, budget=100_000)

    def ordered(self, order: Sequence[int]) -> "_World":
        """Return the world with experts and their tasks in another order."""
        pick = [[part[i] for i in order] for part in (self.experts, self.heads, self.inputs)]
        return _World(self.trunk, self.base, *pick)  # type: ignore[arg-type]

    def with_experts(self, experts: list[dict[str, Tensor]]) -> "_World":
        return _World(self.trunk, self.base, experts, self.heads, self.inputs)


def _world(count: int, dtype: torch.dtype, trunk: Callable[[], nn.Module], *, one_task: bool = False) -> _World:
    generator = torch.Generator().manual_seed(1)

    def near(state: Mapping[str, Tensor], size: float) -> dict[str, Tensor]:
        noise = {n: size * torch.randn(t.shape, generator=generator) for n, t in state.items() if t.is_floating_point()}
        return {n: (t + noise[n]).to(dtype) if n in noise else t + 1 for n, t in state.items()}

    with seeded(0):
        base = near(trunk().state_dict(), 0.1)
    heads = [nn.functional.normalize(torch.randn(5, CLASSES, generator=generator), dim=0) for _ in range(count)]
    if one_task:
        heads = heads[:1] * count
    inputs = [torch.randn(24, 6, generator=generator) for _ in range(count)]
    return _World(trunk, base, [near(base, 0.05) for _ in range(count)], heads, inputs)


def _built(build: Build, dtype: torch.dtype = torch.float32) -> tuple[_World, Merged]:
    """Return a world of three experts, or of two where the method takes no others, and the merge of it.

    Some methods train for a second, so that all checks of one share the merge; they leave it as it is.
    """
    bare = isinstance(build, functools.partial) and not (build.args or build.keywords)
    return _merged_once(build.func if bare else build, dtype)


@functools.lru_cache(maxsize=4)
def _merged_once(build: Build, dtype: torch.dtype) -> tuple[_World, Merged]:
    worlds = ((3, _Trunk, False), (2, _Trunk, False), (3, _adapters, False), (3, _layered, False), (3, _Trunk, True))
    for count, trunk, one_task in worlds:
        world = _world(count, dtype, trunk, one_task=one_task)
        try:
            return world, _merge(build, world)
        except Skip:
            continue
    raise AssertionError(
        "the method merges neither three experts nor two, no adapters, no stacks of layers, and no models of one task"
    )


def _merge(build: Build, world: _World) -> Merged:
    with seeded(5):
        return build(base=world.base, experts=world.experts, access=world.access())


def _models(world: _World, merged: Merged) -> list[StateDict]:
    if isinstance(merged, Reshaped):
        return [merged.state]
    return [merged.model(k) for k in range(len(world.experts))] if isinstance(merged, Routed) else [merged]


def _distance(a: StateDict, b: StateDict, world: _World) -> float:
    """Return the largest difference of two models, relative to the largest entry of a task vector."""
    floats = [name for name, tensor in world.base.items() if tensor.is_floating_point()]
    size = max(float((e[n].float() - world.base[n].float()).abs().max()) for e in world.experts for n in floats)
    return max(float((a[n].double() - b[n].double()).abs().max()) for n in floats) / size


def check_contract(build: Build) -> None:
    """Names, shapes and types are the base's, values finite, integer buffers the base's; the inputs are unchanged."""
    world, merged = _built(build)
    fresh = _world(len(world.experts), torch.float32, world.trunk)
    for model in _models(world, merged):
        if not isinstance(merged, Reshaped):
            _check_shapes(world.base, model)
        for name, got in model.items():
            assert got.dtype == (dtype := _type(world.base, name)), f"'{name}' is of the type {got.dtype}, not {dtype}"
            assert not got.requires_grad, f"'{name}' requires a gradient"
            assert got.isfinite().all(), f"'{name}' is not finite"
        assert world.access().network.features(model, world.inputs[0]).isfinite().all(), "its features are not finite"
    for model, before in zip([world.base, *world.experts], [fresh.base, *fresh.experts], strict=True):
        for name in before:
            assert torch.equal(model[name], before[name]), f"merging changed '{name}' of its inputs"
    if not isinstance(merged, Routed | Reshaped):
        for name in (name for name, tensor in world.base.items() if not tensor.is_floating_point()):
            assert torch.equal(merged[name], world.base[name]), f"the integer buffer '{name}' is not the base's"


def _check_shapes(base: StateDict, model: StateDict) -> None:
    assert set(model) == set(base), f"the tensors are {sorted(model)}, in the base {sorted(base)}"
    for name, tensor in base.items():
        got = model[name]
        assert got.shape == tensor.shape, f"'{name}' has the shape {tuple(got.shape)}, not {tuple(tensor.shape)}"


def _type(base: StateDict, name: str) -> torch.dtype:
    """Return the type of a tensor; a layer that a base does not have is of the type of its weights."""
    return base[name].dtype if name in base else base[min(n for n in base if base[n].is_floating_point())].dtype


def check_deterministic(build: Build) -> None:
    """Merging twice from the same torch seed gives identical weights."""
    world, first = _built(build)
    second = _merge(build, world)
    for a, b in zip(_models(world, first), _models(world, second), strict=True):
        for name in a:
            assert torch.equal(a[name], b[name]), f"'{name}' differs between two merges from the same seed"


def check_half_precision(build: Build) -> None:
    """bfloat16 weights are computed on in float32: the merge is that of the same weights as float32, rounded."""
    world, merged = _built(build, torch.bfloat16)

    wide = _World(world.trunk, widened(world.base), [widened(e) for e in world.experts], world.heads, world.inputs)
    for model, expected in zip(_models(world, merged), _models(wide, _merge(build, wide)), strict=True):
        for name, tensor in model.items():
            assert tensor.dtype == _type(world.base, name), f"'{name}' of bfloat16 comes back as {tensor.dtype}"
            assert torch.equal(tensor, expected[name].to(tensor.dtype)), f"'{name}' is not computed in float32"


def check_one_model(build: Build) -> None:
    """The result is a single model."""
    assert not isinstance(_built(build)[1], Routed), "the result is a model per task"


def check_order_invariant(build: Build) -> None:
    """Experts, with their tasks, in another order give the same model."""
    world, merged = _built(build)
    order = list(range(len(world.experts)))[::-1]
    again = _models(world, _merge(build, world.ordered(order)))
    models = _models(world, merged)
    for i, model in enumerate(models):
        other = again[order.index(i)] if len(models) > 1 else again[0]
        error = _distance(model, other, world)
        assert error <= ROUNDING, f"experts in reverse order give weights that differ by {error:.1e} of an update"


def check_idempotent(build: Build) -> None:
    """Experts that are all equal give that expert back."""
    world, _ = _built(build)
    world = world.with_experts([world.experts[0]] * len(world.experts))
    for model in _models(world, _merge(build, world)):
        error = _distance(model, world.experts[0], world)
        assert error <= ROUNDING, f"equal experts give weights that differ from them by {error:.1e} of an update"


def exercise(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return what is timed from commit to commit on the world of the checks: a merge, and the merged models' logits.

    A merge stands in the place of training.
    """
    world, merged = _built(build)
    network = Network(world.trunk(), world.heads)

    @torch.no_grad()
    def infer() -> object:
        models = _models(world, merged) * (1 if isinstance(merged, Routed) else len(world.inputs))
        return [network.logits(model, x, k) for k, (model, x) in enumerate(zip(models, world.inputs, strict=True))]

    return {"training": lambda: _merge(build, world), "inference": infer}


def check_midpoint(build: Build) -> None:
    """The merge of two experts is half-way between the first and a model that computes what the second does."""
    world = _world(2, torch.float32, _Trunk)
    merged = _merge(build, world)
    assert not isinstance(merged, Routed | Reshaped), "the result is no model of the base's shapes"
    network, x = world.access().network, world.inputs[0]
    a, b = (widened(expert) for expert in world.experts)
    placed = {n: 2 * merged[n].float() - a[n] if a[n].is_floating_point() else a[n] for n in a}
    error = float((network.features(placed, x) - network.features(b, x)).abs().max())
    assert error <= ROUNDING, (
        f"what lies opposite the first expert gives outputs that differ from the second's by {error:.1e}"
    )
