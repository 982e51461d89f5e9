"""Conformance checks of neural fields: what the family's contract promises, on a small image and a ball's distances.

Each `check_<name>(build)` calls `build(signal=, numbers=)` and raises AssertionError saying what it found.
"""

import io
from collections.abc import Callable, Iterator

import torch
from torch import nn

from bench_pde.fields.network import stored_numbers
from bench_pde.fields.shapes import sphere
from bench_pde.fields.signal import Signal
from harness.conformance import difference, seeded

Build = Callable[..., nn.Module]

NUMBERS = 12_000
ROUNDING = 1e-6  # of values in float32, against the largest


def check_shape(build: Build) -> None:
    """Points (n, d) become values (n, channels), float32 and finite, each whatever the others are."""
    for name, signal, field in _built(build):
        points = signal.points[:9]
        values = field(points)
        expected = (9, signal.values.shape[1])
        assert values.shape == expected, f"{name}: {tuple(points.shape)} points gave values {tuple(values.shape)}"
        assert values.dtype == torch.float32, f"{name}: the values are {values.dtype}"
        assert values.isfinite().all(), f"{name}: a value is not finite"
        error = difference(field(points[2:3]), values[2:3])
        assert error <= ROUNDING, f"{name}: a point alone and among others give values that differ by {error:.1e}"


def check_budget(build: Build) -> None:
    """The field's state has at most the numbers that it was given, and makes use of them."""
    for name, _, field in _built(build):
        stored = stored_numbers(field)
        assert NUMBERS / 2 <= stored <= NUMBERS, f"{name}: the state has {stored} numbers, of {NUMBERS}"


def check_edges(build: Build) -> None:
    """The whole domain has finite values, its corners too."""
    for name, signal, field in _built(build):
        corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * signal.points.shape[1])
        assert field(corners).isfinite().all(), f"{name}: a value at a corner of the domain is not finite"


def check_learns(build: Build) -> None:
    """Gradients are finite and reach every parameter, and a few steps bring the error down."""
    for name, signal, field in _built(build):
        optimiser = torch.optim.Adam(field.parameters(), 0.005)
        losses = []
        for _ in range(8):
            optimiser.zero_grad()
            loss = (field(signal.points) - signal.values).square().mean()
            loss.backward()
            losses.append(loss.item())
            if len(losses) == 2:  # at the start a layer may be exactly dead
                for parameter, value in field.named_parameters():
                    assert value.grad is not None, f"{name}: the gradient of {parameter} is missing"
                    assert value.grad.isfinite().all(), f"{name}: the gradient of {parameter} is not finite"
            optimiser.step()
        assert losses[-1] < losses[0], f"{name}: the error went from {losses[0]:.3g} to {losses[-1]:.3g}"


def check_deterministic(build: Build) -> None:
    """One seed makes one field."""
    for (name, signal, first), (_, _, second) in zip(_built(build), _built(build), strict=True):
        assert torch.equal(first(signal.points), second(signal.points)), f"{name}: two fields from one seed differ"


def check_state_dict_round_trip(build: Build) -> None:
    """The saved state of a field makes another one the same."""
    for (name, signal, first), (_, _, second) in zip(_built(build), _built(build, seed=1), strict=True):
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        error = difference(second(signal.points), first(signal.points))
        assert error == 0, f"{name}: values before saving and after loading differ by {error:.1e}"


def _signals() -> Iterator[tuple[str, Signal]]:
    at = (2 * torch.arange(20) + 1) / 20 - 1
    y, x = torch.meshgrid(at, at, indexing="ij")
    image = torch.stack([x * y, (x > 0.2).float(), torch.sin(6 * x + y)], -1).flatten(0, 1) / 2 + 0.5
    yield "an image", Signal(torch.stack([x, y], -1).flatten(0, 1), image, "image", (20, 20))
    points = 2 * torch.rand(500, 3, generator=torch.Generator().manual_seed(0)) - 1
    yield "a ball", Signal(points, sphere(points)[:, None], "distance")


def _built(build: Build, seed: int = 0) -> Iterator[tuple[str, Signal, nn.Module]]:
    for name, signal in _signals():
        with seeded(seed):
            yield name, signal, build(signal=signal, numbers=NUMBERS)
