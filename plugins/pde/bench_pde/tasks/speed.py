"""Speed: what a training step and an inference call of an operator cost on one grid, and how that grows with the grid.

On noise: what is measured depends on shapes alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from bench_pde.metrics import relative_l2_loss
from harness import Build, Context, Outputs
from harness.speed import Subject, compared, scaled, trained
from harness.train import Examples


def subject(
    method: Build, context: Context, points: int, dimensions: int, batch_size: int, channels: int, boundary: str
) -> Subject:
    """Return an operator on a grid of so many points an axis; a call goes through all points of a batch."""
    torch.manual_seed(context.seeds.init)
    grid = [points] * dimensions
    model = method(in_channels=channels, out_channels=channels, grid=grid, boundary=boundary)
    generator = torch.Generator().manual_seed(context.seeds.data)
    inputs, targets = torch.randn(2, batch_size, *grid, channels, generator=generator)
    return trained(model, Examples((inputs,), targets), relative_l2_loss, batch_size * points**dimensions, context)


@dataclass(frozen=True)
class _Speed:
    points: int = 64
    batch_size: int = 8
    channels: int = 1
    boundary: Literal["periodic", "dirichlet", "open"] = "periodic"
    rounds: int = 20
    limit: float = 20.0

    dimensions = 2

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        def make(method: Build) -> Subject:
            return subject(method, context, self.points, self.dimensions, self.batch_size, self.channels, self.boundary)

        yield from compared(make, build, context, rounds=self.rounds, limit=self.limit)


@dataclass(frozen=True)
class Speed1d(_Speed):
    """Train and apply an operator on a line of `points`."""

    points: int = 1024

    dimensions = 1


@dataclass(frozen=True)
class Speed2d(_Speed):
    """Train and apply an operator on a square of `points` an axis."""


@dataclass(frozen=True)
class Scaling2d:
    """Measure the same on squares of several `sizes`, points of an axis, at least three, and fit cost ~ size^p."""

    sizes: tuple[int, ...] = (32, 64, 96, 128)
    batch_size: int = 2
    channels: int = 1
    boundary: Literal["periodic", "dirichlet", "open"] = "periodic"
    rounds: int = 10
    limit: float = 10.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        def make(method: Build, points: int) -> Subject:
            return subject(method, context, points, 2, self.batch_size, self.channels, self.boundary)

        yield from scaled(make, build, context, self.sizes, rounds=self.rounds, limit=self.limit)
