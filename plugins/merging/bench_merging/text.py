"""A small network for sequences of tokens: windows of embeddings, as in Bengio et al. 2003, and their mean.

tokens    (n, L), int64
windows   embeddings of a token and its neighbours side by side, zeros beyond the ends, (n, L, 3 e)
hidden    ReLU layers on every window, averaged over the sequence, then one more
features  a last map without bias, (n, d)
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from bench_merging.network import Axis, Groups

WINDOW = 3


class Windows(nn.Module):
    """Two ReLU layers on each window of three tokens, their mean, a third layer and a linear map."""

    def __init__(self, vocabulary: int, embedding: int, width: int, features: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        sizes = (WINDOW * embedding, width, width)
        self.hidden = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.last = nn.Linear(width, features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.functional.pad(self.embedding(x), (0, 0, WINDOW // 2, WINDOW // 2))
        z = torch.cat([padded[:, i : i + x.shape[1]] for i in range(WINDOW)], dim=-1)
        z = self.hidden[1](self.hidden[0](z).relu()).relu().mean(1)
        return self.last(self.hidden[2](z).relu())

    def groups(self) -> Groups:
        layers = ["hidden.0", "hidden.1", "hidden.2", "last"]
        return [
            [Axis(f"{a}.weight", 0, True), Axis(f"{a}.bias", 0, True), Axis(f"{b}.weight", 1, False)]
            for a, b in pairwise(layers)
        ]
