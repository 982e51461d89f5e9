"""Generation: how fast a model continues sequences by itself, one position at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from bench_sequence.tasks.speed import backbone, noise
from harness import Build, Context, Outputs
from harness.speed import Subject, compared


@dataclass(frozen=True)
class Generation:
    """Generate `length` positions from a first one, each from the output for the one before, by the mixers' step()."""

    length: int = 256
    batch_size: int = 4
    d_model: int = 64
    layers: int = 2
    rounds: int = 10
    limit: float = 20.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        first = noise(context, self.batch_size, 1).to(context.device)

        def make(method: Build) -> Subject:
            sizes = {"d_model": self.d_model, "length": self.length, "layers": self.layers}
            model = backbone(method, context, **sizes, causal=True).to(context.device).eval()

            @torch.no_grad()
            def generate() -> torch.Tensor:
                x, states = first, None
                for _ in range(self.length):
                    x, states = model.step(x, states)
                return x

            return Subject(model, {"generation": generate}, self.batch_size * self.length)

        yield from compared(make, build, context, rounds=self.rounds, limit=self.limit)
