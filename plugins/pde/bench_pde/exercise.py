"""A member of each family at one small size, to be timed from commit to commit."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from bench_pde.fields.signal import Signal
from bench_pde.problems.flow import taylor_green
from bench_pde.problems.poisson import poisson
from bench_pde.problems.problem import Budget, Problem
from bench_pde.problems.transport import moving_bump
from harness import Build, Context, Skip
from harness.speed import trained
from harness.train import Examples

BATCH, CHANNELS = 4, 2
STEPS, POINTS = 3, 100


def operator(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return a training step and an inference call on noise, on a periodic grid of 32 x 32, or 64."""
    try:
        return _on_grid(build, context, [32, 32])
    except ValueError:
        return _on_grid(build, context, [64])


def solver(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return three steps on a Poisson problem of one dimension, and values of their solution at 1000 points.

    Where the method steps through time, the problem is a bump that moves.
    """
    try:
        return _solving(poisson(case="three-scales", wave_number=30.0), build, context)
    except Skip:
        return _solving(moving_bump(duration=0.05), build, context)


def _solving(problem: Problem, build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    points = problem.interior(1000, torch.Generator().manual_seed(context.seeds.data))

    def solve() -> nn.Module:
        torch.manual_seed(context.seeds.method)
        generator = torch.Generator().manual_seed(context.seeds.method)
        return build(problem=problem, budget=Budget(STEPS, POINTS, 10, generator))

    field = solve()

    @torch.no_grad()
    def infer() -> object:
        return field(points)

    return {"training": solve, "inference": infer}


def flow_solver(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return twenty steps over two times of a Taylor-Green flow, and the velocities at 1000 points."""
    points = torch.rand(1000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(context.seeds.data))

    def solve() -> nn.Module:
        torch.manual_seed(context.seeds.method)
        generator = torch.Generator().manual_seed(context.seeds.method)
        return build(flow=taylor_green(dt=0.05, times=2), budget=Budget(20, POINTS, 10, generator))

    state = solve()

    @torch.no_grad()
    def infer() -> object:
        return state(points)

    return {"training": solve, "inference": infer}


def denoiser(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return a step of least squares and an inference call on noise: 16 images of 16 x 16, or vectors of 3."""
    try:
        return _stepped(build, context, [1, 16, 16])
    except ValueError:
        return _stepped(build, context, [3])


def neural_field(build: Build, context: Context) -> Mapping[str, Callable[[], object]]:
    """Return a step of least squares on all points of an image of 32 x 32, and the values there; 10,000 numbers."""
    at = (2 * torch.arange(32) + 1) / 32 - 1
    y, x = torch.meshgrid(at, at, indexing="ij")
    points, values = torch.stack([x, y], -1).flatten(0, 1), torch.stack([x * y, x, y], -1).flatten(0, 1) / 2 + 0.5
    torch.manual_seed(context.seeds.init)
    model = build(signal=Signal(points, values, "image", (32, 32)), numbers=10_000)
    return trained(model, Examples((points,), values), nn.functional.mse_loss, len(points), context).calls


def _stepped(build: Build, context: Context, shape: list[int]) -> Mapping[str, Callable[[], object]]:
    torch.manual_seed(context.seeds.init)
    model = build(shape=shape)
    noisy, clean = torch.randn(2, 16, *shape, generator=torch.Generator().manual_seed(context.seeds.data))
    return trained(model, Examples((noisy,), clean), nn.functional.mse_loss, len(noisy), context).calls


def _on_grid(build: Build, context: Context, grid: list[int]) -> Mapping[str, Callable[[], object]]:
    torch.manual_seed(context.seeds.init)
    model = build(in_channels=CHANNELS, out_channels=CHANNELS, grid=grid, boundary="periodic")
    generator = torch.Generator().manual_seed(context.seeds.data)
    inputs, targets = torch.randn(2, BATCH, *grid, CHANNELS, generator=generator)
    return trained(model, Examples((inputs,), targets), nn.functional.mse_loss, BATCH, context).calls
