"""The suites that come with the plugin: every run of theirs can be planned."""

from pathlib import Path

import pytest

from harness.catalog import load_catalog
from harness.plan import plan
from harness.suite import read_suite

SUITES = Path(__file__).parents[3] / "suites"
RUNS = {"lra": 126, "lra-mini": 96, "recall": 135, "forecasting": 90, "forecasting-networks": 36}


@pytest.mark.parametrize("suite", RUNS)
def test_suite(suite):
    runs = plan(read_suite(SUITES / f"{suite}.yaml"), load_catalog(), hardware="any")
    assert len(runs) == RUNS[suite]
    causal_only = {"s6", "hyena", "mamba"} if suite == "recall" else set()
    assert {run.method for run in runs if run.skip} <= causal_only
