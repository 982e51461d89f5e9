"""Speed of merging: random weights, against a reference, and as experts get more. What is measured depends on shapes
alone; a call goes through the parameters of all experts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from bench_merging.access import Access
from bench_merging.network import MLP, Network
from bench_merging.state import floating
from harness import Build, Context, Outputs
from harness.speed import Subject, compared, scaled


def subject(build: Build, context: Context, *, width: int, layers: int, experts: int) -> Subject:
    """Return a merge of experts with `layers` square matrices and their biases as the call "merge"."""
    torch.manual_seed(context.seeds.init)
    trunk = MLP(width, [width] * (layers - 1), width)
    generator = torch.Generator().manual_seed(context.seeds.data)
    base = trunk.state_dict()
    models = [
        {n: t + 0.01 * torch.randn(t.shape, generator=generator) for n, t in base.items()} for _ in range(experts)
    ]
    access = Access(Network(trunk, [torch.eye(width)] * experts))

    def merge() -> Any:
        torch.manual_seed(context.seeds.method)
        return build(base=base, experts=models, access=access)

    return Subject(trunk, {"merge": merge}, experts * sum(base[name].numel() for name in floating(base)))


@dataclass(frozen=True)
class MergeSpeed:
    """Merge random experts, in turns with the reference.

    `rounds` samples are taken of each call, fewer where that would take longer than `limit` seconds for all of one.
    """

    width: int = 512
    layers: int = 4
    experts: int = 8
    rounds: int = 10
    limit: float = 20.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Yield times and memory of the method and the reference."""
        sizes = {"width": self.width, "layers": self.layers, "experts": self.experts}
        yield from compared(
            lambda method: subject(method, context, **sizes), build, context, rounds=self.rounds, limit=self.limit
        )


@dataclass(frozen=True)
class MergeScaling:
    """Merge more and more random experts, in turns with the reference: the size is their number."""

    experts: tuple[int, ...] = (2, 4, 8, 16)
    width: int = 512
    layers: int = 4
    rounds: int = 7
    limit: float = 10.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Yield times and memory at every number of experts, and how they grow."""
        sizes = {"width": self.width, "layers": self.layers}
        yield from scaled(
            lambda method, count: subject(method, context, experts=count, **sizes),
            build,
            context,
            self.experts,
            rounds=self.rounds,
            limit=self.limit,
        )
