"""Conformance checks of flow solvers: what the family's contract promises, measured on two steps of four vortices.

Each `check_<name>(build)` calls `build(flow=, budget=)` and raises AssertionError saying what it found.
"""

import io
from collections.abc import Callable

import torch
from torch import nn

from bench_pde.problems.flow import taylor_green
from bench_pde.problems.problem import Budget
from harness.conformance import seeded

Build = Callable[..., nn.Module]

STEPS = 10
POINTS = torch.tensor([[-1.0, -1.0], [0.3, -0.2], [0.9, 0.5], [1.0, 0.0]], dtype=torch.float64)


def check_shape(build: Build) -> None:
    """Points (n, 2) become velocities (n, 2), float64 and finite, each whatever the others are."""
    velocity = _solved(build)
    values = velocity(POINTS)
    assert values.shape == POINTS.shape, f"{tuple(POINTS.shape)} points gave velocities {tuple(values.shape)}"
    assert values.dtype == torch.float64, f"the velocities are {values.dtype}"
    assert values.isfinite().all(), "a velocity is not finite"
    error = float((velocity(POINTS[1:2]) - values[1:2]).detach().abs().max())
    assert error < 1e-12, f"a point alone and among others give velocities that differ by {error:.1e}"


def check_budget(build: Build) -> None:
    """Every step is reported with a finite loss, in order, and none beyond the budget."""
    seen: list[tuple[int, float]] = []
    _solved(build, report=lambda step, loss: seen.append((step, loss)))
    assert [step for step, _ in seen] == list(range(1, len(seen) + 1)), f"the steps reported are {seen}"
    assert 1 <= len(seen) <= STEPS, f"{len(seen)} steps were reported, of {STEPS}"
    losses = torch.tensor([loss for _, loss in seen])
    assert losses.isfinite().all(), f"the losses are {losses.tolist()}"


def check_deterministic(build: Build) -> None:
    """One seed gives one velocity."""
    assert torch.equal(_solved(build)(POINTS), _solved(build)(POINTS)), "two velocities from one seed differ"


def check_state_dict_round_trip(build: Build) -> None:
    """The saved state of a velocity makes another one the same."""
    first, second = _solved(build), _solved(build, seed=1, dt=0.2)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(second(POINTS), first(POINTS)), "velocities before saving and after loading differ"


def check_carries_parameters(build: Build) -> None:
    """What is carried from step to step is counted."""
    assert any(p.requires_grad for p in _solved(build).parameters()), "the state has no parameters"


def _solved(
    build: Build,
    seed: int = 0,
    dt: float = 0.05,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> nn.Module:
    with seeded(seed):
        budget = Budget(STEPS, 20, 5, torch.Generator().manual_seed(seed), report)
        return build(flow=taylor_green(dt=dt, times=2), budget=budget)
