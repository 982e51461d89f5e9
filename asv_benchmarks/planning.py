"""A suite's text -> its runs, ids included."""

import os
from pathlib import Path

from . import empty_plugin


class Plan:
    version = "1"
    params = ([10, 1_000, 100_000],)
    param_names = ("runs",)
    timeout = 300
    repeat = (3, 6, 10.0)
    number = 1
    rounds = 1
    warmup_time = 0.0

    def setup(self, runs: int) -> None:
        from harness import provenance
        from harness.catalog import load_catalog

        empty_plugin.install(Path.cwd())
        self.path = empty_plugin.suite(Path.cwd(), runs)
        self.catalog = load_catalog()
        self.hardware = provenance.fingerprint(provenance.hardware())
        os.environ["CUDA_VISIBLE_DEVICES"] = ""

    def time_plan(self, runs: int) -> None:
        from harness.plan import plan
        from harness.suite import read_suite

        if len(plan(read_suite(self.path), self.catalog, hardware=self.hardware)) != runs:
            raise AssertionError("the suite has another number of runs")
