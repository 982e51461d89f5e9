"""DLinear: a trend and the rest, each forecast by one linear map of the window. The baseline of long-term forecasting.

Zeng, Chen, Zhang, Xu 2023, "Are Transformers Effective for Time Series Forecasting?", arXiv:2205.13504.

    t = mean of x over w rows around each row, the first and last repeated beyond the ends;  ŷ = A (x - t) + B t + b

The same maps for all series. The whole is one linear map of the window, A (I - M) + B M with M the moving mean.

Symbols: x window, (batch, S, C); t (batch, S, C); A, B (T, S); b (T,), kept as one for each map; S `lookback`, T
`horizon`, C `series`, w `width`.
"""

from torch import Tensor, nn

from bench_sequence import limits


class DLinear(nn.Module):
    """(B, S, C) to (B, T, C). `width` is odd; 25 is the paper's. `series` and `calendar` are not used.

    ValueError if width is even or less than one.
    """

    def __init__(self, *, lookback: int, horizon: int, series: int, calendar: int, width: int = 25) -> None:
        super().__init__()
        limits.dlinear(width=width)
        self.width = width
        self.rest, self.trend = nn.Linear(lookback, horizon), nn.Linear(lookback, horizon)

    def forward(self, x: Tensor, calendar: Tensor) -> Tensor:
        """Map windows (B, S, C) to forecasts (B, T, C)."""
        x = x.transpose(1, 2)
        trend = self.moving_mean(x)
        return (self.rest(x - trend) + self.trend(trend)).transpose(1, 2)

    def moving_mean(self, x: Tensor) -> Tensor:
        """Return t, of the shape of x, (..., S)."""
        around = nn.functional.pad(x, (self.width // 2, self.width // 2), mode="replicate")
        return around.unfold(-1, self.width, 1).mean(-1)
