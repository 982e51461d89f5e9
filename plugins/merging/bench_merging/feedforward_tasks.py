"""Training a small vision transformer whose feed-forward layers are the method's.

The images, 16 x 16, are cut into patches of 4 x 4; the transformer has positions that are learnt, norms before
attention and feed-forward layer, and names the class by the mean of its last tokens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging.methods.ewa import FeedForward
from bench_merging.pools.procedural import on_one_thread, splits_of
from harness import Build, Context, Outputs
from harness.measure import PeakMemory
from harness.train import Recipe, splits, supervised

PATCH, CLASSES = 4, 10


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, layer: nn.Module) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)
        x = x + self.out(mixed)
        return x + self.layer(self.norm2(x))


class VisionTransformer(nn.Module):
    """Images (B, 16, 16) to class scores (B, 10); `layers` are the blocks' feed-forward layers."""

    def __init__(self, width: int, heads: int, layers: list[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(PATCH**2, width)
        self.positions = nn.Parameter(0.02 * torch.randn((16 // PATCH) ** 2, width))
        self.blocks = nn.ModuleList(_Block(width, heads, layer) for layer in layers)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        patches = images.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH).flatten(3).flatten(1, 2)
        x = self.embed(patches) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


@dataclass(frozen=True)
class VisionTransformerTraining:
    """Train from scratch on a task of the procedural pool.

    `replaced` says which blocks have the method's layer: all, or every other one, the others having the plain layer.
    """

    images: Literal["digits", "glyph", "mosaic"] = "glyph"
    width: int = 48
    blocks: int = 3
    heads: int = 4
    replaced: Literal["all", "alternate"] = "all"
    steps: int = 600
    batch_size: int = 64
    lr: float = 2e-3

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        """Yield predictions on "val" and "test", and what training has cost."""
        memory = PeakMemory(context.device)
        data = context.data("procedural-task", task=self.images, seed=context.seeds.data % 2**31)
        torch.manual_seed(context.seeds.init)
        size = {"width": self.width, "hidden": 4 * self.width}
        layers = [
            FeedForward(**size) if self.replaced == "alternate" and i % 2 == 0 else build(**size)
            for i in range(self.blocks)
        ]
        model = VisionTransformer(self.width, self.heads, layers)
        recipe = Recipe(self.steps, self.batch_size, self.lr, weight_decay=0.05)
        yield from supervised(model, splits(data), functional.cross_entropy, recipe, context, memory)


def procedural_task(*, task: str = "glyph", seed: int = 0) -> dict[str, np.ndarray]:
    """Return <split>_inputs, (n, 16, 16) float32, and <split>_targets, (n,) int64, for train, val and test."""
    with on_one_thread():
        found = splits_of(task, seed)
    arrays = {}
    for split, (inputs, labels) in found.items():
        arrays |= {f"{split}_inputs": inputs.numpy(), f"{split}_targets": labels.numpy()}
    return arrays
