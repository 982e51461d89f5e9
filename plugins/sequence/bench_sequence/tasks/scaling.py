"""Scaling: how the cost of a training step, an inference call and memory grows with the length of the sequence."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench_sequence.tasks.speed import Speed
from harness import Build, Context, Outputs
from harness.speed import Subject, scaled


@dataclass(frozen=True)
class Scaling:
    """Measure the model of the task `speed` at each of `lengths`, at least three, and fit cost ~ length^p.

    Lengths from 256 to 16384 show the exponents that the theory has; the default, for a laptop, shows them mixed with
    what a call costs whatever the length.
    """

    lengths: tuple[int, ...] = (256, 512, 1024, 2048)
    batch_size: int = 2
    causal: bool = True
    d_model: int = 32
    layers: int = 1
    rounds: int = 10
    limit: float = 5.0

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        speed = Speed(batch_size=self.batch_size, causal=self.causal, d_model=self.d_model, layers=self.layers)

        def make(method: Build, length: int) -> Subject:
            return speed.subject(method, context, length)

        yield from scaled(make, build, context, self.lengths, rounds=self.rounds, limit=self.limit)
