"""The fault drills of executors: each a function ``drill_<name>(bench, executor)`` that starts whole sessions.

`harness.testing.executor_cases` makes cases of them. They ask what the user of any executor is promised: every run gets
a row that says how it ended, what is finished is stored once, the others go on, and no process is left.
"""

from __future__ import annotations

import inspect
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import store
from harness.aftermath import Stored, stored, survivors, wait_until

if TYPE_CHECKING:
    from harness.testing import Bench

# How runs end: the status, and what the reason has to hold. What kills a process, every executor says in its own words.
ENDINGS = {
    "done": ("done", "^$"),
    "raises": ("failed", "^ValueError: no such luck$"),
    "raises-unprintably": ("failed", "^UnprintableError: "),
    "quits": ("failed", "."),
    "declines": ("skipped", "^it is not to its liking$"),
    "diverges": ("diverged", "^the training loss is nan at step 3$"),
    "exits": ("failed", r"\b3\b"),
    "segfaults": ("killed", "SIGSEGV|11"),
    "aborts": ("killed", "SIGABRT|6"),
    "killed": ("killed", "SIGKILL|9"),
    "terminated": ("killed", "SIGTERM|15"),
    "ended-by-a-nameless-signal": ("killed", "."),
    "memory-error": ("out-of-memory", "^MemoryError"),
    "allocator-error": ("out-of-memory", "can't allocate memory"),
    "leaves-children": ("done", "^$"),
    "leaves-a-thread": ("done", "^$"),
    "forks": ("done", "^$"),
    "closes-descriptors": ("failed", "."),
    "changes-folder": ("done", "^$"),
    "prints-much": ("done", "^$"),
    "prints-no-text": ("done", "^$"),
}


@dataclass(frozen=True)
class ExecutorCase:
    """One drill."""

    name: str
    drill: Callable[[Bench, str], None]

    def __str__(self) -> str:
        return self.name

    def check(self, bench: Bench, executor: str) -> None:
        """Put an executor to the drill. Raises AssertionError where it does not stand it."""
        self.drill(bench, executor)


def executor_cases() -> list[ExecutorCase]:
    """Return the drills for executors. Leave out, by `str`, what an executor does not promise, such as memory limits.

    `case.check(bench, "my-executor")` wants the fixture `harness.testing.faulty`, or a `Bench` that finds the plugin
    `harness.faults`, and the executor, by its name as installed.
    """
    drills = inspect.getmembers(sys.modules[__name__], inspect.isfunction)
    return [
        ExecutorCase(name.removeprefix("drill_").replace("_", "-"), drill)
        for name, drill in drills
        if name.startswith("drill_")
    ]


def write_suite(bench: Bench, *methods: dict[str, Any], task: dict[str, Any] | None = None, **top: Any) -> None:
    """Write the suite ``s.yaml``, which poses the drill to the method `fault` with each of these parameters."""
    tasks = [{"task": "fault-drill", "params": task or {}}]
    entries = [{"method": "fault", "params": params} for params in methods]
    bench.write("s.yaml", json.dumps({**top, "tasks": tasks, "methods": entries}))


def drill_endings(bench: Bench, executor: str) -> None:
    """Each ending is a row with status and reason, and a log, and ends nothing else."""
    write_suite(bench, *({"ending": ending} for ending in ENDINGS))
    session = bench("run", "s.yaml", "--executor", executor)
    assert (session.returncode, session.stderr) == (1, ""), session.stdout + session.stderr
    found = _by_ending(bench)
    assert found.keys() == ENDINGS.keys()
    for ending, (status, reason) in ENDINGS.items():
        one = found[ending]
        assert (one.status, one.attempt) == (status, 1), one
        assert re.search(reason, one.reason), one
        log = _log(bench, one)
        assert log.startswith("step 1 of this attempt\nstep 2 of this attempt\nstep 3 of this attempt\n"), ending
        assert status != "done" or "step 8 of this attempt" in log, ending
        is_listed = any(re.match(rf"{one.run} +{status} +fault ", line) for line in session.stdout.splitlines())
        assert is_listed == (status not in ("done", "skipped")), ending
    assert bytes(range(256)) in _log_path(bench, found["prints-no-text"]).read_bytes()
    assert "Traceback" in _log(bench, found["raises-unprintably"])
    check_nothing_is_left(bench)


def drill_time_limit(bench: Bench, executor: str) -> None:
    """What hangs is ended at its limit, in whatever way it hangs."""
    write_suite(bench, *({"ending": ending} for ending in ("done", "ignores-signals", "stopped")))
    session = bench("run", "s.yaml", "--executor", executor, "--time-limit", "10s")
    assert (session.returncode, session.stderr) == (1, ""), session.stderr
    found = _by_ending(bench)
    assert {ending: one.status for ending, one in found.items()} == {
        "done": "done", "ignores-signals": "timed-out", "stopped": "timed-out"
    }  # fmt: skip
    assert all("10 s" in one.reason for one in found.values() if one.status != "done")
    check_nothing_is_left(bench)


def drill_memory_limit(bench: Bench, executor: str) -> None:
    """What takes more memory than it may, by itself or with its children, is ended; what has many does no harm."""
    write_suite(
        bench, *({"ending": ending} for ending in ("eats-memory", "eats-memory-in-children", "has-many-children"))
    )
    session = bench("run", "s.yaml", "--executor", executor, "--memory", "1GiB")
    assert (session.returncode, session.stderr) == (1, ""), session.stderr
    found = _by_ending(bench)
    assert {ending: one.status for ending, one in found.items()} == {
        "eats-memory": "out-of-memory", "eats-memory-in-children": "out-of-memory", "has-many-children": "done"
    }  # fmt: skip
    assert all(one.reason for one in found.values() if one.status != "done")
    check_nothing_is_left(bench)


def drill_lacking_hardware(bench: Bench, executor: str) -> None:
    """Runs whose hardware is not there are skipped with the reason."""
    write_suite(bench, {"ending": "done"}, hardware={"memory": "1000000GiB"})
    session = bench("run", "s.yaml", "--executor", executor)
    assert session.returncode == 0, session.stderr
    (one,) = _all(bench)
    assert one.status == "skipped"
    assert "memory" in one.reason
    check_nothing_is_left(bench)


def drill_retry_and_resume(bench: Bench, executor: str) -> None:
    """A killed run is tried again, from its checkpoint on, and ends bit for bit as one that was not; others are not."""
    marker = str(bench.folder / "marker")
    write_suite(
        bench,
        {"ending": "killed", "at": 6, "once": marker},
        {"ending": "terminated"},
        {"ending": "memory-error"},
        {"ending": "raises"},
    )
    session = bench("run", "s.yaml", "--executor", executor, "--retry", "1", "--checkpoint", "0s")
    assert (session.returncode, session.stderr) == (1, ""), session.stderr
    statuses: dict[str, list[str]] = {}
    for one in _all(bench):
        statuses.setdefault(one.ending, []).append(one.status)
    assert statuses == {
        "killed": ["killed", "done"],
        "terminated": ["killed"] * 2,
        "memory-error": ["out-of-memory"] * 2,
        "raises": ["failed"],
    }
    resumed = _by_ending(bench)["killed"]
    assert _log(bench, resumed).splitlines() == [f"step {n} of this attempt" for n in (1, 2, 3)]  # 6, 7 and 8
    session = bench("run", "s.yaml", "--executor", executor, "--results", "again", "--select", f"run={resumed.run}")
    assert session.returncode == 0, session.stderr
    (whole,) = stored(bench.folder / "again" / "s")
    assert len(_log(bench, whole, "again").splitlines()) == 8
    assert whole.values == resumed.values
    check_nothing_is_left(bench)


def drill_interruption(bench: Bench, executor: str) -> None:
    """Ctrl-C stops what runs and keeps what is finished; the next session does the rest."""
    session = at_work(bench, executor, "leaves-children-and-hangs")
    session.send_signal(signal.SIGINT)
    _, errors = session.communicate(timeout=600)
    assert session.returncode == 130, errors
    assert "1 of 2 runs are stored, and the same command resumes" in errors.splitlines()[-1]
    check_nothing_is_left(bench)
    assert [one.ending for one in _all(bench)] == ["done"]
    check_the_rest_is_done(bench, executor)


def drill_interruption_at_once(bench: Bench, executor: str) -> None:
    """A second Ctrl-C ends at once what does not want to stop."""
    session = at_work(bench, executor, "ignores-signals")
    session.send_signal(signal.SIGINT)
    wait_until(lambda: _has_ended_or_hears(session, signal.SIGINT))
    _, errors = session.communicate(timeout=600)
    assert session.returncode == 130, errors
    assert "the same command resumes" in errors.splitlines()[-1]
    assert [one.ending for one in _all(bench)] == ["done"]
    check_the_rest_is_done(bench, executor)


def drill_lost_session(bench: Bench, executor: str) -> None:
    """After `kill -9` of the program all that it reported is there, no process is, and the next session goes on."""
    session = at_work(bench, executor, "leaves-children-and-hangs")
    session.kill()
    session.communicate(timeout=600)
    left = survivors(bench)
    assert not left, f"processes are left: {left}"
    assert [one.ending for one in _all(bench)] == ["done"]
    check_the_rest_is_done(bench, executor)


def drill_sessions_at_once(bench: Bench, executor: str) -> None:
    """Sessions that share a suite and a folder share the work: each run is done once."""
    write_suite(bench, {"ending": "done"}, {"ending": "raises"}, task={"pause": 0.03}, seeds=list(range(6)))
    sessions = [bench.start("run", "s.yaml", "--executor", executor, "--jobs", "1") for _ in range(2)]
    for session in sessions:
        output, errors = session.communicate(timeout=600)
        assert session.returncode == 1, output + errors
        assert "12 runs: 6 done, 6 failed, 0 skipped" in output
    assert [one.attempt for one in _all(bench)] == [1] * 12
    check_nothing_is_left(bench)


def drill_alone(bench: Bench, executor: str) -> None:
    """A run that is to be alone meets no other on its machine, of its own session or of others; all get their turn."""
    tasks = [{"task": name, "params": {"pause": 0.03}} for name in ("fault-drill", "fault-drill-alone")]
    for suite in ("s", "others"):
        bench.write(f"{suite}.yaml", json.dumps({"tasks": tasks, "methods": ["fault"], "seeds": [0, 1, 2], "pack": 2}))
    sessions = [bench.start("run", f"{suite}.yaml", "--executor", executor) for suite in ("s", "others")]
    for session in sessions:
        output, errors = session.communicate(timeout=600)
        assert session.returncode == 0, output + errors
    spans = [span for suite in ("s", "others") for span in _spans(bench.folder / "results" / suite)]
    assert [is_alone for is_alone, _, _ in spans].count(True) == 6
    for is_alone, start, end in spans:
        met = [other for other in spans if other[1] < end and start < other[2]]
        assert not is_alone or len(met) == 1, f"a run that is to be alone met {len(met) - 1} others"
    check_nothing_is_left(bench)


def _spans(folder: Path) -> list[tuple[bool, datetime, datetime]]:
    """Return for each finished run whether it was to be alone, when it began and when it ended."""
    runs = {row["run"]: row for row in store.read(folder).rows.to_pylist() if row["status"] == "done"}
    return [
        (row["task"] == "fault-drill-alone", row["started_at"], row["started_at"] + timedelta(seconds=row["seconds"]))
        for row in runs.values()
    ]


def at_work(bench: Bench, executor: str, ending: str, *options: str, **suite: Any) -> subprocess.Popen[str]:
    """Start a session, and return when its first run is done, and its second hangs, as `ending` does the first time."""
    marker = str(bench.folder / "marker")
    write_suite(bench, {"ending": "done"}, {"ending": ending, "at": 1, "once": marker}, **suite)
    session = bench.start("run", "s.yaml", "--executor", executor, "--jobs", "1", *options)
    assert session.stdout is not None
    assert "done fault" in session.stdout.readline()
    logs = bench.folder / "results" / "s" / "_logs"
    wait_until(lambda: session.poll() is not None or any("hangs" in log.read_text() for log in logs.glob("*.log")))
    assert session.poll() is None, session.communicate()
    return session


def _has_ended_or_hears(session: subprocess.Popen[str], number: int) -> bool:
    """Tell whether a session has ended; send it a signal where it has not, since one before may not be heard yet."""
    if session.poll() is None:
        session.send_signal(number)
    return session.poll() is not None


def check_the_rest_is_done(bench: Bench, executor: str) -> None:
    session = bench("run", "s.yaml", "--executor", executor)
    assert session.returncode == 0, session.stdout + session.stderr
    assert session.stdout.count("] done fault") == 1  # what was finished is not done again
    assert [(one.attempt, one.status) for one in _all(bench)] == [(1, "done")] * 2
    check_nothing_is_left(bench)


def check_nothing_is_left(bench: Bench) -> None:
    left = survivors(bench)
    assert not left, f"processes are left: {left}"
    folder = bench.folder / "results" / "s"
    assert not list((folder / "_journal").iterdir()), "a session has left its journal"


def _all(bench: Bench) -> list[Stored]:
    return stored(bench.folder / "results" / "s")


def _by_ending(bench: Bench) -> dict[str, Stored]:
    """Return the last attempt of each ending."""
    return {one.ending: one for one in _all(bench)}


def _log_path(bench: Bench, one: Stored, results: str = "results") -> Path:
    return bench.folder / results / "s" / "_logs" / f"{one.run}-{one.attempt}.log"


def _log(bench: Bench, one: Stored, results: str = "results") -> str:
    return _log_path(bench, one, results).read_text(errors="replace")
