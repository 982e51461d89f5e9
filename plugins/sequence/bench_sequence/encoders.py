"""From what a data set stores to the channels of a model. Stored types are small; they are converted batch by batch.

Symbols: B batch, L length, H = d_model channels, K input channels.
"""

from torch import Tensor, nn


class Tokens(nn.Embedding):
    """Token ids of any integer type, (B, L) -> (B, L, H)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.long())


class Levels(nn.Module):
    """Stored amplitudes, such as grey levels, shifted and scaled: (B, L, K) of any type -> (B, L, H).

    Args:
        shift, scale: one number for each channel, in stored units; the linear layer sees (x - shift) / scale.
    """

    def __init__(self, shift: list[float], scale: list[float], d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(len(shift), d_model)
        self.register_buffer("shift", Tensor(shift), persistent=False)
        self.register_buffer("scale", Tensor(scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear((x.to(self.linear.weight.dtype) - self.shift) / self.scale)
