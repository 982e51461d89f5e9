"""Conformance checks of denoisers: what the family's contract and traits promise, on vectors and small images.

Each `check_<name>(build)` calls `build(shape=)` and raises AssertionError saying what it found. A method that refuses a
shape by ValueError is not asked about it, but one of the two has to be accepted. Checks named after a trait ("-"
written as "_") are for the methods that claim it.
"""

import io
from collections.abc import Callable, Iterator
from typing import get_args

import torch
from torch import Tensor, nn

from bench_pde.denoisers.losses import LossName
from harness.conformance import difference, seeded

Build = Callable[..., nn.Module]

SHAPES = {"vectors": [3], "images": [1, 8, 8]}
ROUNDING = 1e-5  # of values in float32, against the largest


def check_shape(build: Build) -> None:
    """Samples keep their shape and type, stay finite, and do not depend on one another in evaluation mode."""
    for name, model, y in _built(build):
        x = model.eval()(y)
        assert x.shape == y.shape, f"{name}: {tuple(y.shape)} became {tuple(x.shape)}"
        assert x.dtype == y.dtype, f"{name}: the values are {x.dtype}"
        assert x.isfinite().all(), f"{name}: a value is not finite"
        error = difference(model(y[:1]), x[:1])
        assert error <= ROUNDING, f"{name}: a sample alone and among others differ by {error:.1e}"


def check_loss(build: Build) -> None:
    """It says by which of the known losses it is trained."""
    for name, model, _ in _built(build):
        loss = getattr(model, "loss", None)
        assert loss in get_args(LossName), f"{name}: the loss is {loss!r}, and none of {get_args(LossName)}"


def check_gradients(build: Build) -> None:
    """Gradients of a loss reach every parameter that the output depends on, are finite, and one is not 0."""
    for name, model, y in _built(build):
        before = model(y)
        before.square().sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        assert gradients, f"{name}: no parameter has a gradient"
        assert all(g.isfinite().all() for g in gradients), f"{name}: a gradient is not finite"
        assert any(g.abs().max() > 0 for g in gradients), f"{name}: all gradients are 0"
        for key, parameter in model.named_parameters():
            if parameter.grad is None:
                with torch.no_grad():
                    parameter.add_(1)
                changed = difference(model(y), before)
                assert changed <= ROUNDING, f"{name}: no gradient reaches {key}, on which the output depends"


def check_no_grad(build: Build) -> None:
    """Without recording gradients the output is the same, and leads back to nothing; nor is the input changed."""
    for name, model, y in _built(build):
        recorded, before = model.eval()(y), y.clone()
        with torch.no_grad():
            plain = model(y)
        assert not plain.requires_grad, f"{name}: the output leads back although no gradients are recorded"
        assert difference(plain, recorded) <= ROUNDING, f"{name}: recording gradients changes the output"
        assert torch.equal(y, before), f"{name}: the input was changed"
        assert not y.requires_grad, f"{name}: the input was changed"


def check_state_dict_round_trip(build: Build) -> None:
    """The saved state of a denoiser makes another one the same."""
    for (name, first, y), (_, second, _) in zip(_built(build), _built(build, seed=1), strict=True):
        first(y)  # which may bring the weights into their bounds
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(first.eval()(y), second.eval()(y)), f"{name}: the output changes when saved and loaded"


def check_vectors(build: Build) -> None:
    """Vectors are accepted."""
    build(shape=SHAPES["vectors"])


def check_images(build: Build) -> None:
    """Images are accepted."""
    build(shape=SHAPES["images"])


def check_proximal(build: Build) -> None:
    """The output is the gradient of potential(), whose Hessian is symmetric and not negative, and minimises
    ½ |x - y|² + R(x) among all outputs, R being prior().
    """
    for name, model, y in _built(build):
        model, y = model.double().eval(), y.double()
        at = y.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model.potential(at).sum(), at)
        error = difference(model(y), slope)
        assert error <= 1e-10, f"{name}: the output and the gradient of the potential differ by {error:.1e}"
        hessian = torch.autograd.functional.jacobian(lambda v, model=model: model(v).flatten(), y[:1]).reshape(
            y[0].numel(), -1
        )
        size = float(hessian.abs().max())
        assert float((hessian - hessian.T).abs().max()) <= 1e-10 * size, f"{name}: the Jacobian is not symmetric"
        least = float(torch.linalg.eigvalsh(hessian).min())
        assert least >= -1e-10 * size, f"{name}: the Jacobian has the eigenvalue {least:.1e}"
        x, R = model(y).flatten(1), model.prior(y)
        value = torch.cdist(y.flatten(1), x) ** 2 / 2 + R  # of every y at every x
        excess = value.diagonal() - value.amin(1)
        assert float(excess.detach().max()) <= 1e-9, f"{name}: another output has a smaller proximal objective"


def _built(build: Build, seed: int = 0) -> Iterator[tuple[str, nn.Module, Tensor]]:
    accepted = 0
    for name, shape in SHAPES.items():
        with seeded(seed):
            try:
                model = build(shape=shape)
            except ValueError:
                continue
        accepted += 1
        yield name, model, torch.randn(6, *shape, generator=torch.Generator().manual_seed(7))
    assert accepted, f"the method accepts neither of the shapes {list(SHAPES.values())}"
