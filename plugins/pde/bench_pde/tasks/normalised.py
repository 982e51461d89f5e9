"""A method between the scales of its data: it sees and returns fields of mean 0 and variance 1."""

import torch
from torch import Tensor, nn


class Scale(nn.Module):
    """The mean and standard deviation of each channel over training data."""

    def __init__(self, fields: Tensor) -> None:
        """Take them from fields (…, channels)."""
        super().__init__()
        flat = fields.flatten(0, -2).double()
        self.register_buffer("mean", flat.mean(0).float())
        self.register_buffer("deviation", flat.std(0).clamp(min=1e-12).float())

    def standardised(self, fields: Tensor) -> Tensor:
        return (fields - self.mean) / self.deviation

    def restored(self, fields: Tensor) -> Tensor:
        return fields * self.deviation + self.mean


class Normalised(nn.Module):
    """An operator on fields as they are: (n, *grid, channels) to (n, 1, *grid, channels)."""

    def __init__(self, operator: nn.Module, inputs: Scale, outputs: Scale) -> None:
        super().__init__()
        self.operator, self.inputs, self.outputs = operator, inputs, outputs

    def forward(self, a: Tensor) -> Tensor:
        return self.outputs.restored(self.operator(self.inputs.standardised(a))).unsqueeze(1)


class Stepper(nn.Module):
    """An operator that predicts the next frame from the last ones, applied again and again to what it predicted.

    (n, given, *grid, channels) to (n, frames, *grid, channels): `trained` frames while training, `scored` afterwards.
    The operator sees the given frames as channels, oldest first, and predicts the change to the next in units of the
    usual change, or the next frame itself.
    """

    def __init__(self, operator: nn.Module, frames: Scale, changes: Scale | None, *, trained: int, scored: int) -> None:
        super().__init__()
        self.operator, self.frames, self.changes = operator, frames, changes
        self.trained, self.scored = trained, scored

    def forward(self, given: Tensor) -> Tensor:
        window, predicted = list(given.unbind(1)), []
        for _ in range(self.trained if self.training else self.scored):
            seen = torch.cat([self.frames.standardised(frame) for frame in window], -1)
            if self.changes is None:
                following = self.frames.restored(self.operator(seen))
            else:
                following = window[-1] + self.changes.restored(self.operator(seen))
            predicted.append(following)
            window = [*window[1:], following]
        return torch.stack(predicted, 1)
