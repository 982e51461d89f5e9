"""TimesNet's forecasting model: the network around the TimesBlocks of `timesnet`.

Wu et al. 2023, arXiv:2210.02186, section 3 and appendix; details from the released code
(github.com/thuml/Time-Series-Library, models/TimesNet.py). The network takes the place of a whole model, not of a
mixer in one: it is a forecaster.

    x̂ = (x - mean(x)) / std(x)                                   each window and series by itself
    h_0 = A dropout(conv(x̂) + E c + PE)                          conv over three rows, around the ends; A along time
    h_i = norm(block_i(h_{i-1}))                                 one and the same layer norm after all blocks
    ŷ = the last T rows of (W h_n + b) * std(x) + mean(x)

Symbols: x window, (B, S, C); c calendar, (B, S, K); PE positions, (S, H); h_0..h_n (B, S + T, H); A (S + T, S) with a
bias; ŷ forecast, (B, T, C); B batch, S `lookback`, T `horizon`, C `series`, K `calendar`, H `d_model`, n `layers`.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.positions import add_positions
from bench_sequence.timesnet import TimesNet


class TimesNetForecaster(nn.Module):
    """(B, S, C) to (B, T, C); sizes not given are those of the scripts, d_model and d_ff those for ETTh1.

    `calendar` is how many numbers in [-0.5, 0.5] describe the time of a row; 0 is none. `periods` as in `TimesNet`;
    "batch" is the released code.
    """

    def __init__(
        self,
        *,
        lookback: int,
        horizon: int,
        series: int,
        calendar: int = 0,
        d_model: int = 16,
        d_ff: int = 32,
        layers: int = 2,
        top_k: int = 5,
        kernels: int = 6,
        dropout: float = 0.1,
        periods: Literal["sequence", "batch"] = "sequence",
    ) -> None:
        super().__init__()
        limits.timesnet_network(
            d_model=d_model, d_ff=d_ff, layers=layers, top_k=top_k, kernels=kernels, dropout=dropout
        )
        self.horizon = horizon
        self.embed = nn.Conv1d(series, d_model, 3, padding=1, padding_mode="circular", bias=False)
        nn.init.kaiming_normal_(self.embed.weight, mode="fan_in", nonlinearity="leaky_relu")
        self.calendar = nn.Linear(calendar, d_model, bias=False) if calendar else None
        self.dropout = nn.Dropout(dropout)
        length = lookback + horizon
        self.extend = nn.Linear(lookback, length)
        sizes = {"d_model": d_model, "l_max": length, "top_k": top_k, "kernels": kernels, "d_ff": d_ff}
        self.blocks = nn.ModuleList(TimesNet(**sizes, causal=False, periods=periods) for _ in range(layers))
        self.norm = nn.LayerNorm(d_model)
        self.project = nn.Linear(d_model, series)

    def forward(self, x: Tensor, calendar: Tensor | None = None) -> Tensor:
        """Map windows (B, S, C), with their calendar (B, S, K) if there is one, to forecasts (B, T, C)."""
        variance, mean = (a.detach() for a in torch.var_mean(x, dim=1, correction=0, keepdim=True))
        std = torch.sqrt(variance + 1e-5)
        h = self.embed(((x - mean) / std).transpose(1, 2)).transpose(1, 2)
        if self.calendar is not None:
            h = h + self.calendar(calendar)
        h = self.extend(self.dropout(add_positions(h)).transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            h = self.norm(block(h))
        return self.project(h)[:, -self.horizon :] * std + mean
