"""Exponential moving average per channel: y_t = a x_t + (1 - a) y_{t-1}, the recurrence in Mega (arXiv:2209.10655)."""

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    def __init__(self, *, d_model: int, l_max: int, causal: bool, decay: float = 0.9) -> None:
        super().__init__()
        if not causal:
            raise ValueError("moving-average has no bidirectional form")
        self.logit = nn.Parameter(torch.full((d_model,), decay).logit())

    def forward(self, x: Tensor) -> Tensor:  # (batch, length, d_model), same out
        keep, y, outputs = self.logit.sigmoid(), torch.zeros_like(x[:, 0]), []
        for x_t in x.unbind(1):
            y = (1 - keep) * x_t + keep * y
            outputs.append(y)
        return torch.stack(outputs, dim=1)
