"""Images read pixel by pixel: Image, Pathfinder and Path-X of the Long Range Arena, sequential MNIST and CIFAR."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Classification
from harness import Context


@dataclass(frozen=True)
class Image(Classification):
    """Name the object in a grey CIFAR-10 image of 1024 pixels (arXiv:2011.04006)."""

    classes: ClassVar[int] = 10

    pixels: Literal["official", "jpeg-q75"] = "official"  # the latter are lossy: a data set of its own
    train_size: int = 5000  # 0 takes all 45,000
    test_size: int = 2000  # 0 takes all 10,000
    batch_size: int = 50
    grey: ClassVar[bool] = True

    def read(self, context: Context) -> Mapping[str, Any]:
        name = "cifar10" if self.pixels == "official" else "cifar10-jpeg"
        return context.data(name, grey=self.grey, train=self.train_size, test=self.test_size)

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return Levels([122.6], [61.0], self.d_model)


@dataclass(frozen=True)
class SequentialCifar(Image):
    """Name the object in a colour CIFAR-10 image, three channels at each of 1024 steps."""

    grey: ClassVar[bool] = False

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        mean, scale = (0.4914, 0.4822, 0.4465), (0.247, 0.243, 0.261)
        return Levels([255 * value for value in mean], [255 * value for value in scale], self.d_model)


@dataclass(frozen=True)
class SequentialMnist(Classification):
    """Name the digit from its 784 pixels in reading order, or permuted; with shrink 2, from 196."""

    classes: ClassVar[int] = 10

    order: Literal["rows", "permuted", "bit-reversed"] = "rows"
    shrink: int = 2
    train_size: int = 10_000  # 0 takes all 54,000
    test_size: int = 2000  # 0 takes all 10,000
    causal: bool = True
    batch_size: int = 50

    def read(self, context: Context) -> Mapping[str, Any]:
        return context.data("mnist", order=self.order, shrink=self.shrink, train=self.train_size, test=self.test_size)

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return Levels([0.0], [255.0], self.d_model)


@dataclass(frozen=True)
class Pathfinder(Classification):
    """Tell whether two marked ends are of one contour; with size 128 it is Path-X (arXiv:2011.04006).

    The Arena has size 32 or 128, contour 14 and 160,000 / 20,000 / 20,000 images.
    """

    classes: ClassVar[int] = 2

    size: int = 32
    contour: int = 14  # paddles; 6 and 9 are the easier sets
    train_size: int = 5000
    test_size: int = 2000

    def read(self, context: Context) -> Mapping[str, Any]:
        sizes = {"train": self.train_size, "val": max(1, self.train_size // 8), "test": self.test_size}
        return context.data("pathfinder", size=self.size, contour=self.contour, **sizes)

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return Levels([127.5], [127.5], self.d_model)
