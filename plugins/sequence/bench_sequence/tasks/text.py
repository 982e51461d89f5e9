"""Text and Retrieval of the Long Range Arena (arXiv:2011.04006): texts read character by character."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from bench_sequence.backbone import Backbone, mean
from bench_sequence.encoders import Tokens
from bench_sequence.tasks.trained import Classification, Trained
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import splits


@dataclass(frozen=True)
class Text(Classification):
    """Tell whether a review is positive. The defaults are a laptop's; the Arena's are length 4096 and all reviews."""

    classes: ClassVar[int] = 2

    source: Literal["official", "altered"] = "official"
    tokens: Literal["characters", "bytes"] = "characters"
    length: int = 512
    train_size: int = 5000  # 0 takes all 22,500
    test_size: int = 2500  # 0 takes all 25,000
    batch_size: int = 32

    def read(self, context: Context) -> Mapping[str, Any]:
        name = "imdb" if self.source == "official" else "imdb-altered"
        return context.data(name, length=self.length, tokens=self.tokens, train=self.train_size, test=self.test_size)

    def encoder(self, data: Mapping[str, Any]) -> nn.Module:
        return Tokens(int(data["vocabulary"]), self.d_model)


class Pair(nn.Module):
    """Two texts through one encoder: features x, y of each, and a head on [x, y, x - y, x * y]; (B, 2)."""

    def __init__(self, backbone: Backbone, d_model: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.backbone.head = nn.Identity()  # it has a head of its own
        self.head = nn.Sequential(nn.Linear(4 * d_model, d_model), nn.GELU(), nn.Linear(d_model, 2))

    def forward(self, first: Tensor, first_lengths: Tensor, second: Tensor, second_lengths: Tensor) -> Tensor:
        both = self.backbone.features(torch.cat([first, second]))
        x, y = mean(both, torch.cat([first_lengths, second_lengths])).chunk(2)
        return self.head(torch.cat([x, y, x - y, x * y], dim=-1))


@dataclass(frozen=True)
class Retrieval(Trained):
    """Tell whether one of two papers cites the other. The Arena's size is length 4000 and all pairs."""

    length: int = 512
    train_size: int = 5000  # 0 takes all; so in the next line
    test_size: int = 2500
    batch_size: int = 32

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        memory = PeakMemory(context.device)
        data = context.data("aan", length=self.length, train=self.train_size, test=self.test_size)
        torch.manual_seed(context.seeds.init)
        encoder = Tokens(int(data["vocabulary"]), self.d_model)
        model = Pair(self.backbone(encoder, build, l_max=self.length, outputs=2, pool=True), self.d_model)
        examples = splits(data, inputs=("inputs", "lengths", "others", "other_lengths"))
        yield from self.fit(model, examples, nn.functional.cross_entropy, context, memory)
