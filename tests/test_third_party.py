"""A stranger's distribution, installed by pip, is listed, run and ranked with no change to the core."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.testing import Bench

SOURCE = Path(__file__).parent / "third_party"

SUITE = """\
seeds: [0, 1]
tasks: [running-mean, {task: delay, params: {steps: 3, length: 16, lag: 4}}]
methods:
  - {method: moving-average, grid: {decay: [0.5, 0.9]}}
  - {method: linear-attention, params: {heads: 2}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "--target", str(target), str(SOURCE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def stranger(tmp_path, installed) -> Bench:
    return Bench(tmp_path, [installed])


def test_listed(stranger: Bench):
    plugins = json.loads(stranger("list", "plugins", "--json").stdout)
    assert {"plugin": "bench-thirdparty 0.7.0", "module": "bench_thirdparty", "state": "works"} in plugins
    assert "moving-average" in stranger("list", "methods").stdout
    assert "decay: float = 0.9" in stranger("show", "moving-average").stdout


def test_run_and_ranked(stranger: Bench):
    stranger.write("s.yaml", SUITE)
    done = stranger("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 runs: 12 done" in done.stdout
    table = pd.read_parquet(stranger.folder / "results" / "s")
    mine = table[table["method"] == "moving-average"]
    assert set(mine["method_version"]) == {"0.7.0"}
    assert set(mine["task"]) == {"running-mean", "delay"}
    board = pd.read_csv(stranger.folder / "results" / "s" / "_report" / "leaderboard.csv")
    ranked = board[board["task"] == "running-mean"].set_index("rank")
    assert set(ranked["method"]) == {"moving-average decay=0.5", "moving-average decay=0.9", "linear-attention"}
    assert set(board["n"]) == {2}
    final = table[(table["task"] == "running-mean") & (table["metric"] == "mse")]
    means = final.groupby(["method", "method_params"])["value"].mean().sort_values()
    assert list(ranked["mean"]) == pytest.approx(list(means))


def test_conformance_checks_apply_to_it(installed):
    program = """
import contextlib, unittest
from harness.testing import conformance_cases
cases = conformance_cases("sequence-mixer", "bench-thirdparty")
names = {case.name for case in cases}
assert {"causal", "linear", "shape"} <= names and not {"bidirectional", "stepwise"} & names, names
for case in cases:
    with contextlib.suppress(unittest.SkipTest):  # what this machine cannot check
        case.check()
"""
    environment = {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}  # threads of small tensors only wait
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
