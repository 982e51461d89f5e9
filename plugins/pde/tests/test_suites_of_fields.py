"""The suites of solvers, fields and several problems: runs can be planned, and skipped is what is not claimed."""

from pathlib import Path

import pytest

from harness.catalog import load_catalog
from harness.plan import plan
from harness.suite import read_suite

SUITES = Path(__file__).parents[3] / "suites"
STEADY = ("solve-poisson", "solve-steady-allen-cahn", "solve-helmholtz")
SKIPPED = {
    "pde-solvers": {(method, task) for method in ("insr", "semi-lagrangian") for task in STEADY},
    "pde-several": set(),
    "fields": {("dncnn", "denoise-laplace"), ("dncnn", "denoise-gaussian")},
}


@pytest.mark.parametrize("suite", SKIPPED)
def test_suite(suite):
    runs = plan(read_suite(SUITES / f"{suite}.yaml"), load_catalog(), hardware="any")
    assert {(run.method, run.task) for run in runs if run.skip} == SKIPPED[suite]
    assert len(runs) > 20
