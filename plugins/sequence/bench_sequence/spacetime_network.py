"""SpaceTime's forecasting decoder, which feeds its own outputs back, and the network around it.

Zhang, Saab, Poli, Dao, Goel and Ré (ICLR 2023, arXiv 2303.09489), section 3.2; sizes and details from the released
code (github.com/HazyResearch/spacetime). The network takes the place of a whole model, not of a mixer in one: it is a
forecaster.

    x = state after the lag:           ŷ_h = c (A + b k)^h x,  û_h = k (A + b k)^h x,   h = 0, 1, ... (closed loop)
    on the lag, for training:          y = K_c * u,  û = K_k * u,  K_k = k A^l b, which predicts the next input

Symbols: B batch, L lag, T horizon, H channels, d state size; a, b, c, k  (H, d).
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from bench_sequence import companion, limits
from bench_sequence.convolution import causal_convolution
from bench_sequence.krylov import krylov
from bench_sequence.spacetime import SpaceTime, normalised


class Forecast(NamedTuple):
    """What the network predicts: the horizon (B, T, C), each next lag value (B, L, C), and each next decoder input.

    `inputs` (B, L, H) are those the decoder saw, `next_inputs` (B, L, H) its predictions of the ones after.
    """

    horizon: Tensor
    lag: Tensor
    next_inputs: Tensor
    inputs: Tensor


class ClosedLoop(nn.Module):
    """The decoder layer.

    Args:
        d_model: H.
        kernel_dim: d.
        normalise: "released" divides a, b, c and k by their 1-norms where the released code does: everywhere but in the
            state after the lag (raw b) and in û of the closed loop (raw k), so that the two loops are not of one
            system. "a" divides a alone, and is the paper's system as printed, but nothing then bounds A + b k: at the
            start a forecast of ten positions grows by some 10^6.
    """

    def __init__(self, d_model: int, *, kernel_dim: int = 64, normalise: Literal["a", "released"] = "released") -> None:
        super().__init__()
        self.a = nn.Parameter(torch.randn(d_model, kernel_dim))
        self.b = nn.Parameter(torch.randn(d_model, kernel_dim))
        self.c = nn.Parameter(torch.randn(d_model, kernel_dim))
        self.k = nn.Parameter(torch.randn(d_model, kernel_dim))
        self.normalise = normalise

    def forward(self, u: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """Return ŷ and û, both (B, horizon, H), after the inputs u (B, L, H)."""
        a, b, c, k = self._system()
        x = companion.final_state(a, self.b, u.transpose(1, 2))
        closed = companion.companion_matrix(a) + b[..., :, None] * k[..., None, :]
        rows = krylov(
            closed.mT[:, None], torch.stack([c, self.k], dim=1), horizon
        )  # c and k times powers, (H, 2, d, T)
        y, u_next = torch.einsum("hrdt,bhd->rbth", rows, x)
        return y, u_next

    def on_lag(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and û, both (B, L, H), of the inputs u (B, L, H) as they are."""
        a, b, c, k = self._system()
        return tuple(causal_convolution(u, companion.series_kernel(a, b, row, u.shape[1])) for row in (c, k))

    def _system(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rest = (self.b, self.c, self.k)
        return normalised(self.a), *(map(normalised, rest) if self.normalise == "released" else rest)


class Block(nn.Module):
    """x ↦ f(SSM(z)) + s with f(y) = y + Linear(dropout(gelu(y))), z the input after the fixed filters, s either."""

    def __init__(self, ssm: SpaceTime, d_model: int, *, dropout: float, skip_filters: bool) -> None:
        super().__init__()
        self.ssm, self.skip_filters = ssm, skip_filters
        self.mlp = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(d_model, d_model))

    def forward(self, u: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        y = self.ssm(u)
        y = y + self.mlp(y)
        return y + (u if self.skip_filters else self.ssm.preprocessed(u))


class SpaceTimeNetwork(nn.Module):
    """The paper's forecasting network: encoder blocks, the first behind fixed filters, and the decoder.

    The mean of the lag is taken off before and put back after; each input feature is copied to H / C channels.

    Args:
        features: C, a divisor of d_model.
        layers: blocks of the encoder. The released configuration lists two, but the commands that are given for the
            forecasting runs keep the first alone.
        d_model: H, a multiple of `heads`.
        kernel_dim: d of all layers.
        heads: channels that share a kernel in the first block.
        dropout: in the blocks and before the output. 0.25 in the paper's forecasting runs.
        normalise: as of `ClosedLoop`.

    ValueError if `features` or `heads` does not divide d_model, or `layers` is less than one.
    """

    def __init__(
        self,
        *,
        features: int = 1,
        layers: int = 2,
        d_model: int = 128,
        kernel_dim: int = 64,
        heads: int = 8,
        dropout: float = 0.25,
        normalise: Literal["a", "released"] = "released",
    ) -> None:
        super().__init__()
        if features < 1 or d_model % features:
            raise ValueError(f"features must divide d_model, got {features} and {d_model}")
        limits.spacetime_network(d_model=d_model, layers=layers, dropout=dropout, kernel_dim=kernel_dim, heads=heads)
        self.copies = d_model // features
        shape = {"d_model": d_model, "l_max": 1, "causal": True, "kernel_dim": kernel_dim}
        self.encoder = nn.Sequential(
            Block(SpaceTime(**shape, heads=heads, preprocess="residual"), d_model, dropout=dropout, skip_filters=False),
            *(Block(SpaceTime(**shape), d_model, dropout=dropout, skip_filters=True) for _ in range(layers - 1)),
        )
        self.decoder = ClosedLoop(d_model, kernel_dim=kernel_dim, normalise=normalise)
        self.output = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(d_model, features))

    def forward(self, x: Tensor, horizon: int) -> Forecast:
        """Forecast from the lag x (B, L, C)."""
        mean = x.mean(dim=1, keepdim=True)
        z = self.encoder((x - mean).repeat(1, 1, self.copies))
        y, _ = self.decoder(z, horizon)
        on_lag, next_inputs = self.decoder.on_lag(z)
        return Forecast(self.output(y) + mean, self.output(on_lag) + mean, next_inputs, z)


class SpaceTimeForecaster(SpaceTimeNetwork):
    """The network as a forecaster; each series, of variance about one, goes through it alone, as the paper's only one.

    In training it returns the forecast with the window, for the paper's loss. `calendar` is not used.

    Args:
        lookback: L, more than kernel_dim, since the loss on the lag begins there.
        horizon: T.
        series: how many there are.
        layers, d_model, kernel_dim, heads, dropout, normalise: as of `SpaceTimeNetwork`.

    ValueError if lookback is too short, heads does not divide d_model, or layers is less than one.
    """

    def __init__(
        self,
        *,
        lookback: int,
        horizon: int,
        series: int,
        calendar: int,
        layers: int = 2,
        d_model: int = 128,
        kernel_dim: int = 64,
        heads: int = 8,
        dropout: float = 0.25,
        normalise: Literal["a", "released"] = "released",
    ) -> None:
        sizes = {"layers": layers, "d_model": d_model, "kernel_dim": kernel_dim, "heads": heads, "dropout": dropout}
        limits.spacetime_network(**sizes, lookback=lookback)
        super().__init__(**sizes, normalise=normalise)
        self.horizon, self.series, self.first = horizon, series, kernel_dim - 1

    def forward(self, x: Tensor, calendar: Tensor) -> Tensor | tuple[Forecast, Tensor]:
        """Map windows (B, L, C) to forecasts (B, T, C); in training, to a Forecast of B C windows, and these."""
        alone = x.transpose(1, 2).reshape(-1, x.shape[1], 1)
        forecast = super().forward(alone, self.horizon)
        if self.training:
            return forecast, alone
        return forecast.horizon.unflatten(0, (-1, self.series)).squeeze(-1).transpose(1, 2)

    def loss(self, output: tuple[Forecast, Tensor], target: Tensor) -> Tensor:
        """Return `forecast_loss`, for targets (B, T, C)."""
        forecast, lag = output
        return forecast_loss(forecast, lag, target.transpose(1, 2).reshape(-1, self.horizon, 1), self.first)


def forecast_loss(forecast: Forecast, lag: Tensor, target: Tensor, first: int) -> Tensor:
    """Return the training loss of the authors' forecasting commands: the sum of three root mean squared errors.

    Of the horizon, of the next lag values (whose last one is the first of the horizon), and of the next decoder inputs;
    the latter two from position `first` on, which is d − 1 in the released code. Each error is one of the whole batch
    (the code's "informer_rmse"; its "rmse", which those commands do not choose, has one for each sequence).

    Args:
        forecast: of the network.
        lag: x (B, L, C).
        target: (B, T, C).
        first: the first position that counts on the lag.
    """
    following = torch.cat([lag[:, 1:], target[:, :1]], dim=1)
    pairs = (
        (forecast.horizon, target),
        (forecast.lag[:, first:], following[:, first:]),
        (forecast.next_inputs[:, first:-1], forecast.inputs[:, first + 1 :]),
    )
    return sum((predicted - true).square().mean().sqrt() for predicted, true in pairs)
