"""Every operator and every solver at one small size, to be timed from commit to commit."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from bench_pde.problems.poisson import poisson
from bench_pde.problems.problem import Budget
from harness import Build, Context
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
    """Return three steps on a Poisson problem of one dimension, and values of their solution at 1000 points."""
    problem = poisson(case="three-scales", wave_number=30.0)
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


def _on_grid(build: Build, context: Context, grid: list[int]) -> Mapping[str, Callable[[], object]]:
    torch.manual_seed(context.seeds.init)
    model = build(in_channels=CHANNELS, out_channels=CHANNELS, grid=grid, boundary="periodic")
    generator = torch.Generator().manual_seed(context.seeds.data)
    inputs, targets = torch.randn(2, BATCH, *grid, CHANNELS, generator=generator)
    return trained(model, Examples((inputs,), targets), nn.functional.mse_loss, BATCH, context).calls
