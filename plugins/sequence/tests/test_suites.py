"""The suites that come with the plugin: every run of theirs can be planned."""

from pathlib import Path

import pytest

from harness.testing import Bench

SUITES = Path(__file__).parents[3] / "suites"
RUNS = {"lra": 90, "lra-mini": 72, "recall": 105, "forecasting": 63}


@pytest.mark.parametrize("suite", RUNS)
def test_suite(tmp_path, suite):
    done = Bench(tmp_path, [])("run", str(SUITES / f"{suite}.yaml"), "--dry-run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert f"{RUNS[suite]} runs" in done.stdout.splitlines()[-1]
    assert "unknown" not in done.stderr
