"""Results -> what people read."""

import shutil
from pathlib import Path

from . import million


class Leaderboards:
    """Every leaderboard, and the methods over all tasks, of a million values."""

    version = "1"
    timeout = 300
    repeat = (3, 6, 20.0)
    number = 1
    rounds = 1
    warmup_time = 0.0

    def setup_cache(self) -> None:
        million.write(Path("stored"), sessions=1)

    def setup(self) -> None:
        from harness.results import Results

        self.results = Results.load(Path("stored"))

    def time_leaderboards(self) -> None:
        if len(self.results.leaderboards()) != million.TASKS:
            raise AssertionError("a leaderboard is missing")

    def time_overview(self) -> None:
        self.results.overviews()


class Report:
    """A whole report, read from disk: 6 methods on 3 tasks, 5 seeds."""

    version = "1"
    params = (["html", "md", "latex"],)
    param_names = ("format",)
    timeout = 300
    repeat = (3, 6, 20.0)
    number = 1
    rounds = 1
    warmup_time = 0.0

    def setup(self, form: str) -> None:
        million.write(Path("stored"), sessions=1, methods=6, tasks=3, seeds=5)
        shutil.rmtree("report", ignore_errors=True)

    def time_report(self, form: str) -> None:
        from harness.catalog import load_catalog
        from harness.report.write import write_report
        from harness.results import Results

        stored = Path("stored")
        write_report(Results.load(stored), load_catalog(), Path("report"), [form], stored=stored)
