"""Denoisers as tasks: trained on clean samples, judged by closed forms or by an inverse problem that they solve."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from bench_pde import denoiser_limits
from bench_pde.denoisers.deblurring import blurred, gaussian_blur, plug_and_play, tikhonov
from bench_pde.denoisers.losses import LossName, Stage, stages, stages_for_pictures
from bench_pde.denoisers.posteriors import Gaussian, Laplace
from bench_pde.denoisers.training import Draw, Training
from harness import Build, Context, Outputs
from harness.conditions import obey
from harness.measure import PeakMemory

PENALTIES = tuple(10.0 ** (-k / 2) for k in range(-4, 9))


@dataclass(frozen=True)
class Denoising:
    """Train a denoiser by its own loss; see `bench_pde.denoisers.losses` for the order. A subclass says on what."""

    noise: float = 1.0
    steps: int = 5000
    batch_size: int = 1000
    lr: float = 0.001

    gammas: ClassVar[tuple[float, ...]] = (0.5, 0.4, 0.3, 0.2, 0.1)

    def __post_init__(self) -> None:
        obey(denoiser_limits.denoising, vars(self))

    def trained(self, model: nn.Module, draw: Draw, size: int, context: Context) -> dict[str, float]:
        """Train a model on samples of `size` numbers, and return the costs. γ grows with the length of a sample."""
        order = self.order(model.loss, tuple(math.sqrt(size) * gamma for gamma in self.gammas))
        return Training(model, draw, self.noise, order, self.batch_size, self.lr).run(
            context, PeakMemory(context.device)
        )

    def order(self, name: LossName, gammas: tuple[float, ...]) -> list[Stage]:
        """Return the stages of training by a loss."""
        return stages(name, self.steps, gammas, gammas[:1])


@dataclass(frozen=True)
class DenoiseLaplace(Denoising):
    """Numbers of density exp(-|x| / scale) / (2 scale), the example of Fang et al. 2024 (LPN, arXiv:2310.14344).

    Scored at y from -3 to 3; the prior at the x that these become.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(denoiser_limits.laplace, vars(self))

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build and train the denoiser, and score it."""
        truth, model = Laplace(self.scale, self.noise), build(shape=[1])
        costs = self.trained(model, truth.sample, 1, context)
        y = torch.linspace(-3, 3, 601)
        x, recovered = _evaluated(model, y[:, None], context.device)
        values = {"mode": truth.mode(y), "mean": truth.mean(y), "median": truth.median(y)}
        yield Outputs(
            split="test", step=self.steps, prediction=x[:, 0], **values, recovered=recovered, prior=truth.prior(x[:, 0])
        )
        yield Outputs(split="train", step=self.steps, **costs)


@dataclass(frozen=True)
class DenoiseGaussian(Denoising):
    """Vectors of a normal distribution with a random covariance, whose variances are from 1/4 to 4."""

    size: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(denoiser_limits.gaussian, vars(self))

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build and train the denoiser, and score it."""
        generator = torch.Generator().manual_seed(context.seeds.data)
        axes = torch.linalg.qr(torch.randn(self.size, self.size, generator=generator, dtype=torch.float64)).Q
        variances = 4 ** torch.linspace(-1, 1, self.size, dtype=torch.float64)
        truth, model = Gaussian(axes @ torch.diag(variances) @ axes.T, self.noise), build(shape=[self.size])
        costs = self.trained(model, truth.sample, self.size, context)
        clean = truth.sample(1000, generator)
        y = clean + self.noise * torch.randn(clean.shape, generator=generator)
        x, recovered = _evaluated(model, y, context.device)
        mode = truth.mode(y)
        yield Outputs(
            split="test",
            step=self.steps,
            prediction=x,
            mode=mode,
            mean=mode,
            median=mode,
            recovered=recovered,
            prior=truth.prior(x),
        )
        yield Outputs(split="train", step=self.steps, **costs)


@dataclass(frozen=True)
class Deblur(Denoising):
    """Small pictures, blurred and noisy, sharpened by plug-and-play ADMM with the denoiser.

    See `bench_pde.denoisers.pictures` and `bench_pde.denoisers.deblurring`. γ ends at 0.08 √(numbers of a picture), as
    in the paper. The penalty of Tikhonov's answer is the best of thirteen, 100 to 1e-4, on training pictures.
    """

    noise: float = 0.1
    steps: int = 2000
    batch_size: int = 32
    pictures: int = 2000
    size: int = 16
    blur: float = 1.0
    measured: float = 0.02
    rho: float = 0.1
    iterations: int = 20

    gammas = (0.64, 0.32, 0.16, 0.08)

    def __post_init__(self) -> None:
        super().__post_init__()
        obey(denoiser_limits.deblurring, vars(self))
        denoiser_limits.shapes(count=self.pictures, size=self.size)

    def order(self, name: LossName, gammas: tuple[float, ...]) -> list[Stage]:
        return stages_for_pictures(name, self.steps, gammas)

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Build and train the denoiser, and let it solve the inverse problem."""
        data = context.data("drawn-shapes", seed=context.seeds.data % 2**32, count=self.pictures, size=self.size)
        train, test = (torch.tensor(data[f"{split}_images"]) for split in ("train", "test"))
        model = build(shape=list(train.shape[1:]))

        def draw(count: int, generator: torch.Generator) -> Tensor:
            return train[torch.randint(len(train), (count,), generator=generator)]

        costs = self.trained(model, draw, train[0].numel(), context)
        generator = torch.Generator().manual_seed(context.seeds.data)
        A = gaussian_blur(self.size, self.blur)
        known, b = (_measured(images, A, self.measured, generator) for images in (train[: len(test)], test))
        noisy = test + self.noise * torch.randn(test.shape, generator=generator)

        def denoise(y: Tensor) -> Tensor:
            return _applied(model, y, context.device)

        sharp, moved = plug_and_play(denoise, b, A, self.rho, self.iterations)
        penalty = best_penalty(known, A, train[: len(test)])
        yield Outputs(
            split="test",
            step=self.steps,
            prediction=sharp,
            target=test,
            measured=b,
            linear=tikhonov(b, A, penalty),
            denoised=denoise(noisy),
            moved=moved[-1],
        )
        yield Outputs(split="train", step=self.steps, **costs)


def best_penalty(b: Tensor, A: Tensor, clean: Tensor) -> float:
    """Return that of `PENALTIES` by which Tikhonov's answer to b is the nearest to the clean pictures."""
    return min(PENALTIES, key=lambda penalty: float((tikhonov(b, A, penalty) - clean).square().mean()))


@torch.no_grad()
def _applied(model: nn.Module, y: Tensor, device: str) -> Tensor:
    return model(y.to(device)).cpu()


@torch.no_grad()
def _evaluated(model: nn.Module, y: Tensor, device: str) -> tuple[Tensor, Tensor]:
    """Return f(y) and the prior that the model has learned, at f(y)."""
    y = y.to(device)
    return model(y).cpu(), model.prior(y).cpu()


def _measured(images: Tensor, A: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    return blurred(images, A) + noise * torch.randn(images.shape, generator=generator)
