"""Signals as tasks: a field is fitted to an image or to the distances from a surface."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench_pde import field_limits
from bench_pde.fields.network import stored_numbers
from bench_pde.fields.shapes import Shape, distance
from bench_pde.fields.signal import Signal
from bench_pde.problems.problem import grid
from harness import Build, Context, Outputs
from harness.conditions import obey
from harness.measure import PeakMemory
from harness.train import Examples, Loss, Recipe, supervised


@dataclass(frozen=True)
class Fitting:
    """Fit a signal with a field of at most `numbers` numbers, all that is stored included; a subclass says which.

    By AdamW with β2 = 0.999 and ε = 1e-8, the rate falling to 0 by a cosine. Chen et al. 2023 (NeuRBF,
    arXiv:2309.15426) take Adam with β2 = 0.99 and ε = 1e-15, and the rate falls to a hundredth (images) or a tenth
    (distances).
    """

    numbers: int = 10_000
    steps: int = 1500
    batch_size: int = 2048
    lr: float = 0.01

    def __post_init__(self) -> None:
        obey(field_limits.fitting, vars(self))

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build the field, which may look at the signal, train and score it."""
        memory = PeakMemory(context.device)
        signal, splits, loss = self.signal(context)
        field = build(signal=signal, numbers=self.numbers)
        recipe = Recipe(steps=self.steps, batch_size=self.batch_size, lr=self.lr, weight_decay=0.0, warmup=0.0)
        yield from supervised(field, splits, loss, recipe, context, memory)
        yield Outputs(split="train", step=self.steps, stored_numbers=stored_numbers(field))

    def signal(self, context: Context) -> tuple[Signal, dict[str, Examples], Loss]:
        """Return the signal, its splits, and what is minimised."""
        raise NotImplementedError


@dataclass(frozen=True)
class FitDrawing(Fitting):
    """See `bench_pde.fields.images.drawn_image`; another seed is another picture.

    The pixels that are scored are those trained on: what is measured is how well a field keeps them, not how well it
    says what lies between.
    """

    size: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(field_limits.drawn_image, vars(self))

    def signal(self, context: Context) -> tuple[Signal, dict[str, Examples], Loss]:
        arrays = context.data("drawn-image", seed=context.seeds.data % 2**32, size=self.size)
        return _image(torch.tensor(arrays["image"]))


@dataclass(frozen=True)
class FitPhotographs(Fitting):
    """See `bench_pde.fields.images.photographs`; scored as `FitDrawing` is."""

    first: int = 0
    side: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(field_limits.photographs, vars(self))

    def signal(self, context: Context) -> tuple[Signal, dict[str, Examples], Loss]:
        return _image(torch.tensor(context.data("photographs", first=self.first, side=self.side)["image"]))


@dataclass(frozen=True)
class FitShape(Fitting):
    """See `bench_pde.fields.shapes`. Half of the samples are anywhere, half near the surface.

    Trained on the mean of |error| / (|distance| + 0.01), as in Chen et al. 2023 (NeuRBF, arXiv:2309.15426), chosen on
    other samples and scored at the middles of 40³ cells.
    """

    shape: Shape = "box-frame"
    samples: int = 20_000

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(field_limits.shape, vars(self))

    def signal(self, context: Context) -> tuple[Signal, dict[str, Examples], Loss]:
        generator = torch.Generator().manual_seed(context.seeds.data)
        points = {name: _around(self.shape, n, generator) for name, n in (("train", self.samples), ("val", 4096))}
        points["test"] = grid(((-39 / 40, 39 / 40),) * 3, (40, 40, 40)).float()
        splits = {name: Examples((at,), distance(self.shape, at)[:, None]) for name, at in points.items()}
        return Signal(points["train"], splits["train"].targets, "distance"), splits, relative_distance


def relative_distance(prediction: Tensor, target: Tensor) -> Tensor:
    """mean of |error| / (|distance| + 0.01)."""
    return ((prediction - target).abs() / (target.abs() + 0.01)).mean()


def _image(image: Tensor) -> tuple[Signal, dict[str, Examples], Loss]:
    rows, columns, channels = image.shape
    x, y = ((2 * torch.arange(n) + 1) / n - 1 for n in (columns, rows))
    points = torch.stack([x.repeat(rows), y.repeat_interleave(columns)], 1)
    values = image.reshape(-1, channels)
    signal = Signal(points, values, "image", (rows, columns))
    return signal, dict.fromkeys(("train", "val", "test"), Examples((points,), values)), torch.nn.functional.mse_loss


def _around(shape: Shape, count: int, generator: torch.Generator) -> Tensor:
    """Return points (count, 3) in [-1, 1]³: half anywhere, half those of ten times as many that are nearest."""
    anywhere = 2 * torch.rand(count - count // 2, 3, generator=generator) - 1
    candidates = 2 * torch.rand(10 * (count // 2), 3, generator=generator) - 1
    near = distance(shape, candidates).abs().topk(count // 2, largest=False).indices
    return torch.cat([anywhere, candidates[near]])
