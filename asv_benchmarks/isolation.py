"""What a run costs beyond what its task does: a process of its own, scored, journalled and synced."""

import itertools
import logging
import os
import statistics
import time
from pathlib import Path

from . import empty_plugin

RUNS = 40


class Isolated:
    version = "1"
    params = ([1, 20],)
    param_names = ("pack",)
    timeout = 300
    unit = "seconds"

    def setup(self, pack: int) -> None:
        logging.disable()
        os.environ["BENCH_LOCKS"] = str(Path("locks").absolute())  # waits for no other session of this user
        empty_plugin.install(Path.cwd())
        self.suite = empty_plugin.suite(Path.cwd(), RUNS)
        self.suite.write_text(f"pack: {pack}\n" + self.suite.read_text())

    def track_overhead(self, pack: int) -> float:
        """Return the median time between the ends of two runs of an empty task that are neighbours."""
        from harness import runner
        from harness.backlog import Stop
        from harness.catalog import load_catalog
        from harness.executors import Ended, Event
        from harness.suite import read_suite

        ends: list[float] = []

        def observe(event: Event) -> None:
            if isinstance(event, Ended):
                ends.append(time.perf_counter())

        job = runner.prepare(read_suite(self.suite), load_catalog(), runner.Options(results=Path("results"), jobs=1))
        runner.run(job, observe, Stop())
        if len(ends) != RUNS:
            raise AssertionError(f"{len(ends)} of {RUNS} runs have ended")
        return statistics.median(after - before for before, after in itertools.pairwise(ends))
