"""Raw audio: spoken digits at 8 kHz, Speech Commands at 16 kHz; and tested on recordings of half the sampling rate.

The latter is the test of Romero et al. 2022 (arXiv:2102.02611) and of S4 (arXiv:2111.00396): a layer in continuous time
need not be trained anew, only told that samples are twice as far apart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Classification
from harness import Build, Context, Outputs


@dataclass(frozen=True)
class SpokenDigits(Classification):
    """Name the digit that is said. The raw recordings are of length 8192 with thin 1."""

    classes: ClassVar[int] = 10

    length: int = 8192
    thin: int = 8
    batch_size: int = 32

    def read(self, context: Context) -> Mapping[str, Any]:
        return context.data("spoken-digits", length=self.length, thin=self.thin)

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return _standardised(data, self.d_model)


@dataclass(frozen=True)
class SpeechCommands(Classification):
    """Name the word that is said in a second, 16,000 samples: of ten words, or of all 35."""

    words: Literal[10, 35] = 10
    thin: int = 1
    batch_size: int = 32

    @property
    def classes(self) -> int:
        return self.words

    def read(self, context: Context) -> Mapping[str, Any]:
        return context.data("speech-commands", words=self.words, thin=self.thin)

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return _standardised(data, self.d_model)


class SameTime(nn.Module):
    """A mixer for which sequences of any length last as long as those of length l_max in training."""

    def __init__(self, mixer: nn.Module, l_max: int) -> None:
        super().__init__()
        self.mixer, self.l_max = mixer, l_max

    def forward(self, x: Tensor) -> Tensor:
        return self.mixer(x, rate=self.l_max / x.shape[1])


class HalfRate:
    """Stands before a task's own class, which it trains on whole recordings and tests on every second sample.

    It is no Classification itself, whose defaults would then be taken in place of the task's.
    """

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        def lasting(*, l_max: int, **given: Any) -> nn.Module:
            return SameTime(build(l_max=l_max, **given), l_max)

        yield from super().run(lasting, context)

    def read(self, context: Context) -> Mapping[str, Any]:
        data = dict(super().read(context))
        data["test_inputs"] = data["test_inputs"][:, ::2]
        if "test_lengths" in data:
            data["test_lengths"] = (data["test_lengths"] + 1) // 2
        return data


@dataclass(frozen=True)
class SpokenDigitsAtHalfRate(HalfRate, SpokenDigits):
    """Name the digit that is said; validation is at the full rate, the test at half of it."""


@dataclass(frozen=True)
class SpeechCommandsAtHalfRate(HalfRate, SpeechCommands):
    """Name the word that is said; validation is at the full rate, the test at half of it."""


def _standardised(data: Mapping[str, Any], d_model: int) -> nn.Module:
    """Scale by the mean and standard deviation of the training recordings."""
    train = data["train_inputs"]
    return Levels([float(train.mean())], [float(train.std()) + 1e-5], d_model)
