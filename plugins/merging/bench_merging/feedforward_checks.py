"""Conformance checks of feed-forward layers. Each calls `build(width=, hidden=)`."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from harness import Context
from harness.conformance import seeded
from harness.speed import trained
from harness.train import Examples

Build = Callable[..., nn.Module]

WIDTH, HIDDEN = 6, 10


def _built(build: Build) -> tuple[nn.Module, torch.Tensor]:
    with seeded(0):
        return build(width=WIDTH, hidden=HIDDEN), torch.randn(3, 7, WIDTH)


def check_contract(build: Build) -> None:
    """Shapes are kept, evaluation is deterministic and the layer averaged(), of the size of one."""
    layer, x = _built(build)
    assert layer.train()(x).shape == x.shape, "training changes the shape"
    y = layer.eval()(x)
    assert torch.equal(y, layer(x)), "evaluation twice gives two results"
    one = layer.averaged()
    assert torch.allclose(one(x), y, atol=1e-6), "averaged() is not what evaluation computes"
    size = sum(p.numel() for p in one.parameters())
    wanted = 2 * WIDTH * HIDDEN + WIDTH + HIDDEN
    assert size == wanted, f"averaged() has {size} parameters, not {wanted}"


def check_trains(build: Build) -> None:
    """A step of SGD lowers the loss of a layer, and no token sees another."""
    layer, x = _built(build)
    target, losses = torch.randn_like(x), []
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.5)
    for _ in range(30):
        loss = (layer.train()(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0], f"30 steps take the loss from {losses[0]:.3g} to {losses[-1]:.3g}"
    changed = x.clone()
    changed[1, 2] += 1
    moved = (layer.eval()(changed) - layer(x)).abs().amax(-1) > 0
    assert moved.sum() == 1, "one token that changes changes the output of others"


def check_one_layer(build: Build) -> None:
    """Training and evaluation compute the same."""
    layer, x = _built(build)
    assert torch.equal(layer.train()(x), layer.eval()(x)), "training and evaluation differ"


def exercise(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return what is timed from commit to commit: a training step and an inference call of a layer 32 wide on noise."""
    torch.manual_seed(context.seeds.init)
    layer = build(width=32, hidden=64)
    inputs, targets = torch.randn(2, 8, 64, 32, generator=torch.Generator().manual_seed(context.seeds.data))
    return trained(layer, Examples((inputs,), targets), nn.functional.mse_loss, len(inputs), context).calls
