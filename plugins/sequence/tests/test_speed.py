"""Speed, generation and scaling, through the command line; and that generating is what the parallel form computes."""

import pandas as pd
import pytest
import torch
from torch import nn

from bench_sequence.backbone import Backbone
from bench_sequence.lstm import LSTM
from bench_sequence.s4d import S4D
from harness.testing import Bench

SUITE = """\
tasks:
  - {task: speed, params: {length: 64, batch_size: 2, d_model: 8, layers: 1, rounds: 6}, reference: lstm}
  - {task: generation, params: {length: 8, batch_size: 2, d_model: 8, layers: 2, rounds: 6}}
  - {task: scaling, params: {lengths: [16, 32, 64], batch_size: 2, d_model: 8, rounds: 6}}
methods: [lstm, {method: sgconv, params: {kernel_dim: 8}}]
"""
TINY = {"d_model": 8, "l_max": 12, "layers": 2, "outputs": 1, "causal": True, "pool": False}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("speed"), [])
    bench.write("costs.yaml", SUITE)
    done = bench("run", "costs.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "speed (test-training)" in done.stdout
    assert "Baseline noise_floor" in done.stdout
    return pd.read_parquet(bench.folder / "results" / "costs")


def test_speed(table):
    found = table[table["task"] == "speed"].set_index(["method", "split", "metric"])["value"].sort_index()
    for method in ("lstm", "sgconv"):
        for split in ("test-training", "test-inference"):
            values = found[method, split]
            assert values["time_ratio_low"] <= values["time_ratio"] <= values["time_ratio_high"]
            assert 0 <= values["noise_floor"] < 10
            assert values["seconds_per_call_q1"] <= values["seconds_per_call"] <= values["seconds_per_call_q3"]
            assert values["throughput"] == pytest.approx(2 * 64 / values["seconds_per_call"])
            assert values["flops_per_call"] > 0
        costs = found[method, "train"]
        assert costs["parameter_bytes"] >= 4 * costs["parameters_total"] >= 4 * costs["parameters"] > 0
    training, inference = (found["lstm", f"test-{call}", "flops_per_call"] for call in ("training", "inference"))
    matrices = 8 * 1 + 2 * 4 * 8 * 8 + 8 * 16 + 8  # encoder, cell, block and head
    assert inference == 2 * 2 * 64 * matrices
    assert training == 3 * inference - 2 * 2 * 64 * 8  # the input needs no gradient


def test_generation_is_for_methods_with_a_step(table):
    rows = table[table["task"] == "generation"]
    status = rows.drop_duplicates("run").set_index("method")[["status", "reason"]]
    assert status.loc["lstm", "status"] == "done"
    assert tuple(status.loc["sgconv"]) == ("skipped", "the task needs stepwise, which the method does not claim")
    assert set(rows["split"].dropna()) == {"test-generation", "train"}


def test_scaling(table):
    rows = table[(table["task"] == "scaling") & (table["method"] == "sgconv")]
    by_size = rows[(rows["split"] == "size-training") & (rows["metric"] == "seconds_per_call")]
    assert list(by_size["step"]) == [16, 32, 64]
    found = rows.set_index(["split", "metric"])["value"]
    for split in ("test-training", "test-inference"):
        assert found[split, "exponent_low"] <= found[split, "exponent"] <= found[split, "exponent_high"]
        assert (split, "reference_exponent") in found.index


@pytest.mark.parametrize("mixer", [LSTM, S4D])
@pytest.mark.parametrize("around", [{}, {"prenorm": False, "norm": "batch"}], ids=["prenorm", "postnorm"])
def test_step_by_step_gives_the_outputs_of_the_parallel_form(mixer, around):
    torch.manual_seed(0)
    model = Backbone(nn.Linear(1, 8), mixer, **TINY, **around).double().eval()
    x, states, outputs = torch.randn(3, 12, 1, dtype=torch.float64), None, []
    with torch.no_grad():
        for t in range(12):
            y, states = model.step(x[:, t], states)
            outputs.append(y)
        torch.testing.assert_close(torch.stack(outputs, dim=1), model(x), rtol=1e-6, atol=1e-6)
