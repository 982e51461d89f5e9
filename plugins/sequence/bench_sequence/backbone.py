"""The one model around every mixer, so that only the mixer differs between methods.

Encoder -> blocks -> (mean over valid positions) -> linear head. A block is
x + GLU(Linear_{H -> 2H}(dropout(gelu(mixer(norm(x)))))), the block of the S4 reference code (arXiv:2111.00396). As
there, the normalisation may be of each position (layer) or of each channel over the batch, and may come after the
residual sum instead, when none is left before the head.

Symbols: B batch, L length, H = d_model channels, C outputs.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from harness import Build

Norm = Literal["layer", "batch", "none"]


class Block(nn.Module):
    """A mixer with the point-wise layers around it: (B, L, H) -> (B, L, H)."""

    def __init__(
        self, mixer: nn.Module, d_model: int, *, dropout: float, tie_dropout: bool, norm: Norm, prenorm: bool
    ) -> None:
        super().__init__()
        self.norm = _norm(norm, d_model)
        self.prenorm = prenorm
        self.mixer = mixer
        self.dropout = TiedDropout(dropout) if tie_dropout else nn.Dropout(dropout)
        self.output = nn.Linear(d_model, 2 * d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self._around(x, self.mixer(self.norm(x) if self.prenorm else x))

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Map one position (B, H) to (B, H) and the mixer's next state; None is that before the first position."""
        y, state = self.mixer.step(self.norm(x) if self.prenorm else x, state)
        return self._around(x, y), state

    def _around(self, x: Tensor, mixed: Tensor) -> Tensor:
        y = self.dropout(nn.functional.gelu(mixed))
        x = x + nn.functional.glu(self.output(y), dim=-1)
        return x if self.prenorm else self.norm(x)


class ChannelNorm(nn.BatchNorm1d):
    """Batch normalisation of each channel over batch and positions: (B, L, H) -> (B, L, H), or (B, H) -> (B, H)."""

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return super().forward(x)
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class TiedDropout(nn.Module):
    """Dropout of whole channels: one mask for all positions of a sequence, (B, L, H) -> (B, L, H)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * nn.functional.dropout(torch.ones_like(x[:, :1]), self.p, self.training)


def _norm(norm: Norm, d_model: int) -> nn.Module:
    return {"layer": nn.LayerNorm, "batch": ChannelNorm, "none": nn.Identity}[norm](d_model)


class Backbone(nn.Module):
    """Encoder, blocks and head.

    Args:
        encoder: maps the model's input to (B, L, H).
        build: the method; called once for each layer with d_model, l_max and causal.
        outputs: C.
        pool: average over the valid positions before the head, giving (B, C); otherwise (B, L - first, C).
        first: the position from which outputs are wanted.
        norm: normalise in each block and, with prenorm, before the head. Regression on raw amplitudes goes without.
        prenorm: normalise before each mixer; otherwise after each residual sum.
        tie_dropout: drop whole channels of a sequence.
    """

    def __init__(
        self,
        encoder: nn.Module,
        build: Build,
        *,
        d_model: int,
        l_max: int,
        layers: int,
        outputs: int,
        causal: bool,
        pool: bool,
        first: int = 0,
        dropout: float = 0.0,
        tie_dropout: bool = False,
        norm: Norm = "layer",
        prenorm: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        mixers = [build(d_model=d_model, l_max=l_max, causal=causal) for _ in range(layers)]
        around = {"dropout": dropout, "tie_dropout": tie_dropout, "norm": norm, "prenorm": prenorm}
        self.blocks = nn.ModuleList(Block(mixer, d_model, **around) for mixer in mixers)
        self.norm = _norm(norm if prenorm else "none", d_model)
        self.head = nn.Linear(d_model, outputs)
        self.pool, self.first = pool, first

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return (B, C) or (B, L - first, C). `lengths` (B,) counts the positions of each sequence before padding."""
        h = self.features(x)
        return self.head(mean(h, lengths) if self.pool else h[:, self.first :])

    def features(self, x: Tensor) -> Tensor:
        """Return what the head would read at each position, (B, L, H)."""
        h = self.encoder(x)
        for block in self.blocks:
            h = block(h)
        return self.norm(h)

    def step(self, x: Tensor, states: list[Any] | None = None) -> tuple[Tensor, list[Any]]:
        """Map one position of the input (B, …) to the head's output for it (B, C) and the states of all blocks."""
        h, after = self.encoder(x), []
        for block, state in zip(self.blocks, states or [None] * len(self.blocks), strict=True):
            h, state = block.step(h, state)
            after.append(state)
        return self.head(self.norm(h)), after


def mean(h: Tensor, lengths: Tensor | None) -> Tensor:
    """Average over positions: (B, L, H) -> (B, H)."""
    if lengths is None:
        return h.mean(dim=1)
    valid = (torch.arange(h.shape[1], device=h.device) < lengths[:, None]).to(h.dtype)  # (B, L)
    return torch.einsum("blh,bl->bh", h, valid) / lengths[:, None].to(h.dtype)
