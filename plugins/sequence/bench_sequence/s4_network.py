"""S4's forecasting model: S4 layers on the window and zeros in place of what follows it.

Gu, Goel, Ré 2022, arXiv:2111.00396, section 4.4; sizes and details from the configuration of its Informer runs
(github.com/state-spaces/s4): two causal layers of width 128. The window is neither centred nor scaled.

    h = W (x, 0) + V (c, 0) + b,  through S4 blocks;  ŷ = the last T rows of a linear map of the result

As with the code's timeenc=1, the calendar enters by a linear map; its configuration has a table for each of hour, day,
weekday and month instead. Either ends with the window. The code also adds a mask's embedding, which it keeps constant.

Symbols: x window, (B, S, C); c calendar, (B, S, K); h (B, S + T, H); B batch, S `lookback`, T `horizon`, C `series`,
K `calendar`, H `d_model`.
"""

import functools
from typing import Literal

import torch
from torch import Tensor, nn

from bench_sequence import limits
from bench_sequence.backbone import Backbone
from bench_sequence.s4 import S4


class S4Network(nn.Module):
    """(B, S, C) and (B, S, K) to (B, T, C); S4's own parameters as of `S4`."""

    def __init__(
        self,
        *,
        lookback: int,
        horizon: int,
        series: int,
        calendar: int,
        d_model: int = 128,
        layers: int = 2,
        dropout: float = 0.25,
        measure: Literal["legs", "legt", "fourier"] = "legs",
        d_state: int = 64,
        n_ssm: int | None = 1,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        b_clip: float | None = None,
    ) -> None:
        super().__init__()
        limits.s4_network(d_model=d_model, layers=layers, dropout=dropout, d_state=d_state, n_ssm=n_ssm, dt_min=dt_min,
                          dt_max=dt_max, b_clip=b_clip)  # fmt: skip
        self.horizon = horizon
        system = {"measure": measure, "d_state": d_state, "n_ssm": n_ssm, "dt_min": dt_min, "dt_max": dt_max}
        system |= {"b_clip": b_clip}
        self.backbone = Backbone(
            nn.Linear(series + calendar, d_model),  # W and V side by side
            functools.partial(S4, **system),
            d_model=d_model,
            l_max=lookback + horizon,
            layers=layers,
            outputs=series,
            causal=True,
            pool=False,
            first=lookback,
            dropout=dropout,
            tie_dropout=True,
        )

    def forward(self, x: Tensor, calendar: Tensor) -> Tensor:
        """Map windows (B, S, C) with their calendar (B, S, K) to forecasts (B, T, C)."""
        return self.backbone(nn.functional.pad(torch.cat([x, calendar], dim=-1), (0, 0, 0, self.horizon)))
