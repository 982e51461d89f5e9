"""Forecasters keep their family's contract, and their tasks show them the windows, calendars and losses they say."""

import datetime
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench_sequence import forecaster_manifest
from bench_sequence.datasets import sources
from bench_sequence.dlinear import DLinear
from bench_sequence.s4_network import S4Network
from bench_sequence.spacetime_network import SpaceTimeForecaster, forecast_loss
from bench_sequence.tasks.forecasting import Forecasting
from bench_sequence.tasks.whole_models import SeriesForecasting, calendar, loss_of
from harness import Dataset, data_upkeep
from harness.testing import Bench, conformance_cases

SHARED = Path(os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.mark.parametrize("case", conformance_cases("forecaster"), ids=str)
def test_conformance(case):
    case.check()


def test_dlinear_is_one_linear_map():
    """A (I - M) + B M, with M the matrix of the moving mean, whose ends repeat."""
    torch.manual_seed(0)
    model, x = DLinear(lookback=12, horizon=5, series=2, calendar=0, width=5).double(), torch.randn(3, 12, 2).double()
    M = torch.zeros(12, 12, dtype=torch.float64)
    for t in range(12):
        for s in range(t - 2, t + 3):
            M[t, min(max(s, 0), 11)] += 0.2
    whole = model.rest.weight @ (torch.eye(12) - M) + model.trend.weight @ M
    expected = torch.einsum("ts,bsc->btc", whole, x) + (model.rest.bias + model.trend.bias)[:, None]
    torch.testing.assert_close(model(x, x[..., :0]), expected)
    with pytest.raises(ValueError, match="odd"):
        DLinear(lookback=12, horizon=5, series=2, calendar=0, width=4)


def test_s4_sees_zeros_in_place_of_the_horizon():
    torch.manual_seed(0)
    model = S4Network(lookback=10, horizon=6, series=2, calendar=3, d_model=4, d_state=4).eval()
    x, c = torch.randn(2, 10, 2), torch.rand(2, 10, 3)
    inputs = torch.zeros(2, 16, 5)
    inputs[:, :10, :2], inputs[:, :10, 2:] = x, c
    torch.testing.assert_close(model(x, c), model.backbone.head(model.backbone.features(inputs))[:, 10:])


def test_spacetime_trains_on_its_own_loss_of_each_series():
    torch.manual_seed(0)
    model = SpaceTimeForecaster(
        lookback=20, horizon=7, series=2, calendar=0, d_model=8, kernel_dim=4, heads=2, dropout=0.0
    ).double()
    x, target = torch.randn(3, 20, 2).double(), torch.randn(3, 7, 2).double()
    lags = torch.stack([x[i, :, j, None] for i in range(3) for j in range(2)])
    targets = torch.stack([target[i, :, j, None] for i in range(3) for j in range(2)])
    forecast = super(SpaceTimeForecaster, model).forward(lags, 7)
    expected = forecast_loss(forecast, lags, targets, first=3)
    torch.testing.assert_close(loss_of(model)(model(x, x[..., :0]), target), expected)
    y = model.eval()(x, x[..., :0])
    for i in range(3):
        for j in range(2):
            torch.testing.assert_close(y[i, :, j], forecast.horizon[2 * i + j, :, 0])
    torch.testing.assert_close(loss_of(model)(y, target), (y - target).square().mean())
    with pytest.raises(ValueError, match="lookback"):
        SpaceTimeForecaster(lookback=64, horizon=7, series=1, calendar=0)


def test_spacetimes_preset_is_the_network_of_its_authors_commands():
    """One encoder block with 16 kernels, the decoder and the output; the commands are in the README of the code."""
    (preset,) = next(m for m in forecaster_manifest.methods() if m.name == "spacetime-network").presets
    model = SpaceTimeForecaster(lookback=336, horizon=96, series=1, calendar=0, **preset.params)
    block = 3 * 16 * 64 + 128 + (128 * 128 + 128)
    assert sum(p.numel() for p in model.parameters()) == block + 4 * 128 * 64 + (128 + 1)


@pytest.mark.parametrize(("start", "minutes"), [("2016-07-01", 60), ("2016-07-01", 15), ("2002-01-01", 7 * 24 * 60)])
def test_calendar_is_that_of_the_standard_library(start, minutes):
    rows = 2000
    found = calendar(start, minutes, rows)
    assert abs(found).max() <= 0.5
    for row in (0, 1, 77, 1999):
        time = datetime.datetime.fromisoformat(start) + row * datetime.timedelta(minutes=minutes)
        day_of_year = time.timetuple().tm_yday
        expected = [time.hour / 23, time.weekday() / 6, (time.day - 1) / 30, (day_of_year - 1) / 365]
        if minutes < 60:
            expected.insert(0, time.minute / 59)
        np.testing.assert_allclose(found[row], np.array(expected) - 0.5, atol=1e-6)


@pytest.mark.parametrize("columns", ["all", "last"])
def test_windows_are_those_of_forecasting_and_have_their_dates(columns):
    data = {
        "series": np.random.default_rng(0).standard_normal((900, 3)).astype(np.float32),
        "borders": np.array([500, 700, 900]),
    }
    sizes = {"columns": columns, "lookback": 24, "horizon": 12}
    examples, without = (SeriesForecasting(**sizes, calendar=on).examples(data) for on in (True, False))
    dates = calendar("2016-07-01", 60, 900)
    for split, first in (("train", 0), ("val", 500 - 24), ("test", 700 - 24)):
        expected = Forecasting(**sizes).windows(data)[split]
        assert torch.equal(examples[split].inputs[0], expected.inputs[0])
        assert torch.equal(examples[split].targets, expected.targets)
        np.testing.assert_array_equal(examples[split].inputs[1][5], dates[first + 5 : first + 29])
        assert without[split].inputs[1].shape == (len(expected), 24, 0)


SUITE = """\
pack: 4
tasks:
  - {task: process-forecasting, params: {lookback: 24, horizon: 8, steps: 80, batch_size: 32, evaluations: 1}}
methods:
  - {method: spacetime-network, params: {layers: 1, d_model: 8, kernel_dim: 4, heads: 1, dropout: 0.0}}
  - {method: s4-network, params: {d_model: 8, layers: 1, d_state: 8, dropout: 0.0}}
  - dlinear
"""


def test_processes_are_forecast_by_networks(tmp_path):
    bench = Bench(tmp_path, [])
    bench.write("processes.yaml", SUITE)
    done = bench("run", "processes.yaml", "-j", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "processes")
    test = table[table["split"] == "test"].set_index(["method", "metric"])["value"]
    assert test["dlinear", "least_mse"] < 1e-8
    for method in ("spacetime-network", "s4-network", "dlinear"):
        assert test[method, "mse"] < 0.95  # a constant has 1


SERIES = """\
pack: 4
tasks:
  - {task: series-forecasting, params: {columns: last, lookback: 24, horizon: 12, steps: 4, evaluations: 1}}
methods:
  - {method: timesnet-network, params: {d_model: 4, d_ff: 4, kernels: 2, top_k: 1, layers: 1}}
  - {method: spacetime-network, params: {d_model: 4, kernel_dim: 4, heads: 1}}
"""


def test_real_series_are_forecast_by_networks(tmp_path, monkeypatch):
    if not (SHARED / "ett-hourly").exists():
        pytest.skip(f"no copy of etth1 in {SHARED}; BENCH_SHARED_DATA may name the folder of copies")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    data_upkeep.bring(Dataset("etth1", "m:f", sources=sources.ETTH1), SHARED / "ett-hourly")
    bench = Bench(tmp_path, [])
    bench.write("series.yaml", SERIES)
    done = bench("run", "series.yaml", "-j", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "series")
    test = table[table["split"] == "test"].set_index(["method", "metric"])["value"]
    for method in ("timesnet-network", "spacetime-network"):
        assert 0 < test[method, "linear_mse"] < test[method, "repeated_mse"]
        assert test[method, "mse"] > 0
    assert table["data"].dropna().str.len().min() > 0  # the digest of what was read
