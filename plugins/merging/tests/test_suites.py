"""The suites of merging: every run of theirs can be planned."""

from pathlib import Path

import pytest

from harness.catalog import load_catalog
from harness.plan import plan
from harness.suite import read_suite

SUITES = sorted((Path(__file__).parents[3] / "suites").glob("merging*.yaml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_suite(path):
    suite = read_suite(path)
    runs = plan(suite, load_catalog(), hardware="any")
    assert {run.seed for run in runs} == set(suite.seeds)
    assert not [run.label for run in runs if run.skip]
