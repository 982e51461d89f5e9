"""Conformance checks of neural operators: what the family's contract and its traits promise, measured.

Each `check_<name>(build)` calls `build(in_channels=, out_channels=, grid=, boundary=)` for operators of one method and
raises AssertionError saying what it found. Checks named after a trait ("-" written as "_") are for the methods that
claim it. An operator is built for each grid and boundary that its method accepts.
"""

import io
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from harness.conformance import difference, seeded

Build = Callable[..., nn.Module]

BATCH, INPUTS, OUTPUTS = 2, 3, 2
CASES = (([32], "periodic"), ([24, 24], "dirichlet"))
MORE = (([32], "open"), ([24, 24], "periodic"))
ROUNDING = 1e-4  # float32, through some layers


def check_shape(build: Build) -> None:
    """(batch, *grid, in_channels) becomes (batch, *grid, out_channels), with finite numbers."""
    for name, operator, a in _operators(build, cases=(*CASES, *MORE)):
        for batch in (1, BATCH):
            u = operator(a[:batch])
            expected = (batch, *a.shape[1:-1], OUTPUTS)
            assert u.shape == expected, f"{name}: input {tuple(a[:batch].shape)} gave output {tuple(u.shape)}"
            assert u.isfinite().all(), f"{name}: the output is not finite"


def check_batch_independence(build: Build) -> None:
    """In evaluation, a sample's output does not depend on the others of its batch."""
    for name, operator, a in _operators(build):
        error = difference(operator(a)[:1], operator(a[:1]))
        assert error <= ROUNDING, f"{name}: a sample alone and in a batch give outputs that differ by {error:.1e}"


def check_gradient_reaches_every_parameter(build: Build) -> None:
    """Every trainable parameter has a gradient that is not zero throughout."""
    for name, operator, a in _operators(build):
        u = operator.train()(a)
        (u * torch.randn_like(u)).sum().backward()
        for key, parameter in operator.named_parameters():
            if parameter.requires_grad:
                reached = parameter.grad is not None and bool(parameter.grad.any())
                assert reached, f"{name}: no gradient reaches the parameter {key}"
                assert parameter.grad.isfinite().all(), f"{name}: the gradient of {key} is not finite"


def check_state_dict_round_trip(build: Build) -> None:
    """An operator's saved state makes another one compute the same."""
    for (name, first, a), (_, second, _) in zip(_operators(build, seed=0), _operators(build, seed=1), strict=True):
        first.train()(a)  # moves running statistics, where there are some
        expected, file = first.eval()(a), io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second.load_state_dict(torch.load(file, weights_only=True))
        error = difference(second.eval()(a), expected)
        assert error == 0, f"{name}: outputs before saving and after loading differ by {error:.1e}"


def check_deterministic(build: Build) -> None:
    """Building and calling twice from one seed gives identical outputs."""
    for (name, first, a), (_, second, _) in zip(_operators(build, seed=0), _operators(build, seed=0), strict=True):
        assert torch.equal(first(a), second(a)), f"{name}: two operators from one seed differ"


def check_1d(build: Build) -> None:
    """It can be built for a grid of one dimension."""
    _build(build, [32], "periodic")


def check_2d(build: Build) -> None:
    """It can be built for a grid of two dimensions."""
    _build(build, [24, 24], "periodic")


def check_any_grid(build: Build) -> None:
    """Grids of other sizes, square or not, are accepted and give finite outputs of the same grid."""
    for name, operator, a in _operators(build):
        for sizes in ((40, 32), (43, 29), (64, 48)):
            grid = sizes[: a.ndim - 2]
            u = operator(torch.randn(BATCH, *grid, INPUTS))
            assert u.shape == (BATCH, *grid, OUTPUTS), f"{name}: a grid of {grid} gave an output of {tuple(u.shape)}"
            assert u.isfinite().all(), f"{name}: a grid of {grid} gave an output that is not finite"


def check_linear(build: Build) -> None:
    """The output of 2 a - 3 b is 2 times that of a less 3 times that of b."""
    for name, operator, a in _operators(build):
        b = torch.randn_like(a)
        error = difference(operator(2 * a - 3 * b), 2 * operator(a) - 3 * operator(b))
        assert error <= ROUNDING, f"{name}: superposition fails by {error:.1e}"


def _operators(
    build: Build, seed: int = 0, cases: tuple[tuple[list[int], str], ...] = CASES
) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """Yield operators in evaluation mode, each with its name and an input."""
    refusals = []
    for grid, boundary in cases:
        try:
            operator = _build(build, grid, boundary, seed)
        except ValueError as error:
            refusals.append(str(error))
            continue
        a = torch.randn(BATCH, *grid, INPUTS, generator=torch.Generator().manual_seed(7))
        yield f"{len(grid)}d, {boundary}", operator.eval(), a
    assert len(refusals) < len(cases), f"no operator can be built: {'; '.join(refusals)}"


def _build(build: Build, grid: list[int], boundary: str, seed: int = 0) -> nn.Module:
    with seeded(seed):
        return build(in_channels=INPUTS, out_channels=OUTPUTS, grid=grid, boundary=boundary)
