"""Sessions that share a suite and a results folder, beside what the drills ask for."""

from collections import Counter

import pytest

from harness.aftermath import stored, wait_until
from harness.drills import at_work, check_nothing_is_left
from harness.testing import Bench, install_plugin

OBSERVER = """
import os, time
from pathlib import Path
from harness import Task, hookimpl
from harness.faults import FAULT

@hookimpl
def bench_tasks():
    yield Task("fussy", FAULT, "harness.faults.drill:FaultDrill", metrics=("mse",), requires=frozenset({"grace"}))

@hookimpl
def bench_run_started(run):
    with open("started", "a") as file:
        file.write(run.id + "\\n")

@hookimpl
def bench_run_finished(run, status):
    if status == "skipped" and "HOLD" in os.environ:
        Path("held").touch()
        while not Path("go").exists():
            time.sleep(0.01)
"""


@pytest.fixture
def observed(faulty: Bench) -> Bench:
    """The command line, with a plugin that lists the runs that start, and where $HOLD is set, holds up a session."""
    install_plugin(faulty.folder / "observer", "bench-observer", "bench_observer", OBSERVER)
    faulty.path.append(faulty.folder / "observer")
    return faulty


@pytest.mark.slow
def test_leases_of_a_session_that_is_killed(observed: Bench):
    """Two others do all of the rest, once, and then the run that the dead session had begun."""
    seeds = list(range(4))
    killed = at_work(observed, "local", "leaves-children-and-hangs", seeds=seeds)
    folder = observed.folder / "results" / "s"
    others = [observed.start("run", "s.yaml") for _ in range(2)]
    wait_until(lambda: len(stored(folder)) == 7)
    assert all(other.poll() is None for other in others)  # they wait for the run that is leased
    killed.kill()
    killed.communicate()
    for other in others:
        output, errors = other.communicate(timeout=600)
        assert (other.returncode, errors) == (0, ""), output + errors
        assert "8 runs: 8 done, 0 failed" in output
    found = stored(folder)
    assert [(one.attempt, one.status) for one in found] == [(1, "done")] * 8
    starts = Counter((observed.folder / "started").read_text().split())
    assert starts.keys() == {one.run for one in found}
    assert sorted(starts.values()) == [1] * 7 + [2]
    assert observed("run", "s.yaml").returncode == 0  # publishes what the dead one has left
    check_nothing_is_left(observed)


def test_runs_that_another_session_ends_while_this_one_skips_others(observed: Bench, monkeypatch):
    observed.write("s.yaml", "tasks: [fussy, fault-drill]\nmethods: [{method: fault, grid: {at: [1, 2]}}]\n")
    monkeypatch.setenv("HOLD", "yes")
    held = observed.start("run", "s.yaml")
    wait_until(lambda: (observed.folder / "held").exists())
    monkeypatch.delenv("HOLD")
    assert observed("run", "s.yaml").returncode == 0
    (observed.folder / "go").touch()
    output, errors = held.communicate(timeout=600)
    assert (held.returncode, errors) == (0, ""), output + errors
    elsewhere = [line for line in output.splitlines() if line.endswith(", by another session")]
    assert sum("] done " in line for line in elsewhere) == 2
    assert sorted((one.attempt, one.status) for one in stored(observed.folder / "results" / "s")) == sorted(
        [(1, "done")] * 2 + [(1, "skipped")] * 2
    )
