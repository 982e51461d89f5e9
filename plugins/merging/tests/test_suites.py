"""The suites of merging: every run of theirs can be planned, and every pool is at hand where it is offered."""

from pathlib import Path
from typing import get_args

import pytest

from bench_merging.pools.registry import POOLS
from harness import source
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


def test_tasks_declare_the_data_of_the_pools_that_they_offer():
    offered = set()
    for task in load_catalog().tasks.values():
        if task.target.startswith("bench_merging.") and "pool" in (known := source.parameters(task.target)):
            pools = get_args(known["pool"].type)
            offered.update(pools)
            assert {POOLS[pool].dataset for pool in pools} <= set(task.datasets), task.name
    assert offered == set(POOLS)


def test_every_method_is_in_a_suite_that_needs_no_checkpoints():
    ours = {name for name, method in load_catalog().methods.items() if method.target.startswith("bench_merging.")}
    found = {entry.name for path in SUITES if path.stem != "merging-clip" for entry in read_suite(path).methods}
    assert ours <= found
