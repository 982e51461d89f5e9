"""What finished runs cost on disk: a line of the journal, a million values read, and many files made one."""

import shutil
import tempfile
from pathlib import Path

from . import million

RECORD = {
    "common": {"run": "0" * 12, "status": "done", "method": "s4d", "task": "delay", "seconds": 1.5, "host": "here"},
    "values": [{"split": "test", "step": i, "metric": "mse", "value": 0.25, "unit": ""} for i in range(10)],
}


class Journal:
    """A line on disk, synced: of a run with ten values."""

    version = "1"
    repeat = (6, 20, 5.0)

    def setup(self) -> None:
        from harness.journal import Journal

        self.folder = tempfile.mkdtemp(dir=".")
        self.journal = Journal(Path(self.folder), {"suite": "s"})

    def time_append(self) -> None:
        self.journal.append(RECORD)

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)


class Million:
    """A million values that ten sessions have stored."""

    version = "1"
    timeout = 300
    repeat = (3, 6, 20.0)
    number = 1
    rounds = 1
    warmup_time = 0.0

    def setup_cache(self) -> None:
        million.write(Path("stored"), sessions=10)

    def setup(self) -> None:
        shutil.rmtree("copy", ignore_errors=True)
        shutil.copytree("stored", "copy")

    def time_read(self) -> None:
        from harness.results import Results

        Results.load(Path("copy"))

    def time_compact(self) -> None:
        from harness.upkeep import compact

        compact(Path("copy"))
        if len(list(Path("copy").glob("*.parquet"))) != 1:
            raise AssertionError("the files were not merged")

    def peakmem_read(self) -> None:
        self.time_read()
