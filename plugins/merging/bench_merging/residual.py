"""Residual networks: blocks of one width that can follow each other in any order, and any number of times.

x_0    embed(input)
x_i    s_i x_(i-1) + fc2(relu(fc1(s_i x_(i-1))));  s_i is 1 but in networks put together from others
z      last(x_n), (n, d)
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench_merging.network import Axis, Groups

HIDDEN = 2  # units of a block for each of the stream


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, HIDDEN * width), nn.Linear(HIDDEN * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fc2(self.fc1(x).relu())


class Residual(nn.Module):
    """The trunk; with `scaled`, a number for each block multiplies its input."""

    stack = "blocks"

    def __init__(self, inputs: int, width: int, blocks: int, features: int, *, scaled: bool = False) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(blocks))
        self.last = nn.Linear(width, features, bias=False)
        if scaled:
            self.scales = nn.Parameter(torch.ones(blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.flatten(1))
        for i, block in enumerate(self.blocks):
            x = block(x * self.scales[i] if hasattr(self, "scales") else x)
        return self.last(x)

    def like(self, state: Mapping[str, Tensor]) -> "Residual":
        """Return an untrained trunk of the depth that weights have, scaled where they have scales."""
        width, inputs = state["embed.weight"].shape
        blocks = sum(name.endswith(".fc1.weight") for name in state)
        return Residual(inputs, width, blocks, len(state["last.weight"]), scaled="scales" in state)

    def groups(self) -> Groups:
        count = len(self.blocks)
        stream = [Axis("embed.weight", 0, True), Axis("embed.bias", 0, True)]
        for i in range(count):
            stream += [Axis(f"blocks.{i}.fc1.weight", 1, False)]
            stream += [Axis(f"blocks.{i}.fc2.{part}", 0, True) for part in ("weight", "bias")]
        inner = [
            [*(Axis(f"blocks.{i}.fc1.{part}", 0, True) for part in ("weight", "bias")), _consumer(i)]
            for i in range(count)
        ]
        return [[*stream, Axis("last.weight", 1, False)], *inner]


def _consumer(block: int) -> Axis:
    return Axis(f"blocks.{block}.fc2.weight", 1, False)
