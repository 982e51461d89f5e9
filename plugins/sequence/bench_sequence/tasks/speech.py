"""Raw audio: spoken digits at 8 kHz, Speech Commands at 16 kHz."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from bench_sequence.encoders import Levels
from bench_sequence.tasks.trained import Classification
from harness import Context


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


def _standardised(data: Mapping[str, Any], d_model: int) -> nn.Module:
    """Scale by the mean and standard deviation of the training recordings."""
    train = data["train_inputs"]
    return Levels([float(train.mean())], [float(train.std()) + 1e-5], d_model)
