"""asv as a program: benchmarks discovered and run at the commit that is checked out, into a folder of its own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness import processes
from harness.text import one_line
from harness.tracking import tree
from harness.tracking.commits import Commit
from harness.tracking.settings import Settings
from harness.tracking.worktree import NotMeasurableError, WorkTree, clean_environment

# asv asks who the machine is in the user's home; here it is told.
_ASV = """
import sys
from asv.machine import MachineCollection
MachineCollection.get_machine_file_path = staticmethod(lambda path=sys.argv.pop(1): path)
from asv.main import main
main()
"""


MARK = "BENCH_ASV"  # in the environment of all that a session starts


class Asv:
    """asv as a program, which writes into a folder of its own."""

    def __init__(self, settings: Settings, work_tree: WorkTree, machine: dict[str, str]) -> None:
        self._python, self._folder, self._machine = work_tree.python, settings.work / "asv", machine["machine"]
        self._config, self._machines = self._folder / "asv.conf.json", self._folder / "machines.json"
        config = {name: settings.raw[name] for name in ("launch_method", "default_benchmark_timeout")}
        config |= {"version": 1, "project": settings.project, "repo": str(work_tree.tree), "branches": ["HEAD"]}
        config |= {"environment_type": "existing", "benchmark_dir": str(settings.benchmarks)}
        config["results_dir"] = str(self._results)
        tree.write_json(self._config, config)
        tree.write_json(self._machines, {"version": 1, self._machine: machine})

    def end_strays(self) -> None:
        """End what a session that was killed has left running here, which would disturb what is measured."""
        processes.kill_marked(MARK, str(self._folder))

    @property
    def _results(self) -> Path:
        return self._folder / "results"

    def discover(self, commit: Commit) -> list[tree.Benchmark]:
        """Return the benchmarks that there are at a commit. Raises NotMeasurableError where they cannot be imported."""
        said = self._start(commit, ["just-discover"])
        try:
            found = tree.read_json(self._results / "benchmarks.json")
        except FileNotFoundError:
            raise NotMeasurableError(f"its benchmarks cannot be imported: {_complaint(said)}") from None
        return [found[name] for name in sorted(found) if name != "version"]

    def run(
        self, commit: Commit, spelled: Sequence[str], attributes: Sequence[str] = ()
    ) -> tuple[dict[str, Any] | None, str]:
        """Return what asv has stored of benchmarks, each spelled with its parameters, and what it has printed.

        `attributes` are set on all of them, as in "rounds=1".
        """
        said = self._start(commit, [f"^{re.escape(one)}$" for one in spelled], attributes)
        files = list((self._results / self._machine).glob(f"{commit.hash[:8]}-*.json"))
        return (tree.read_json(files[0]) if len(files) == 1 else None), said

    def _start(self, commit: Commit, patterns: Sequence[str], attributes: Sequence[str] = ()) -> str:
        shutil.rmtree(self._results, ignore_errors=True)
        command = [sys.executable, "-P", "-c", _ASV, str(self._machines), "run", "--config", str(self._config)]
        command += ["--machine", self._machine, "--environment", f"existing:{self._python}", "--no-pull"]
        command += ["--set-commit-hash", commit.hash, "--record-samples", "--show-stderr"]
        command += [word for pattern in patterns for word in ("--bench", pattern)]
        command += [word for attribute in attributes for word in ("--attribute", attribute)]
        asv = subprocess.Popen(
            command, env=clean_environment() | {MARK: str(self._folder)}, cwd=self._folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            return asv.communicate()[0]
        except BaseException:
            _end(asv)
            raise


def _end(asv: subprocess.Popen[str]) -> None:
    """End asv and all that it has started; given a moment, it removes its temporary folders."""
    started = processes.tree(asv.pid)
    with suppress(ProcessLookupError):
        asv.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        asv.wait(3)
    processes.kill({*started, *processes.tree(asv.pid)})
    asv.wait()
    if asv.stdout is not None:
        asv.stdout.close()


def _complaint(said: str) -> str:
    """Return the line of what asv printed that says most: that of an exception, or else the last."""
    lines = [line.strip(" ·") for line in said.splitlines() if line.strip(" ·")] or ["asv printed nothing"]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return one_line((raised or lines)[-1])
