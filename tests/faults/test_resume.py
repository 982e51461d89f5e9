"""A run that was broken off in the middle of its training goes on from there, and ends as if nothing had happened."""

import signal
import subprocess
from pathlib import Path

import pytest

from harness.aftermath import stored, wait_until
from harness.drills import check_nothing_is_left, write_suite
from harness.testing import Bench

STEPS = 30


def steps(folder: Path) -> int:
    """Return how many steps the last attempt at the only run in a results folder has taken."""
    logs = list((folder / "_logs").glob("*.log"))
    return max((log.read_text().count("of this attempt\n") for log in logs), default=0)


def broken_off(bench: Bench, number: int, *options: str) -> int:
    """Start a session, send it a signal when its run is some steps further, and return how many steps that were."""
    folder = bench.folder / "results" / "s"
    for log in (folder / "_logs").glob("*.log"):
        log.unlink()
    session: subprocess.Popen = bench.start("run", "s.yaml", *options)
    wait_until(lambda: steps(folder) >= 5 or session.poll() is not None)
    session.send_signal(number)
    _, errors = session.communicate(timeout=600)
    assert session.returncode == (130 if number == signal.SIGINT else -number), errors
    return steps(folder)


@pytest.mark.slow
def test_run_that_is_broken_off_twice_ends_bit_for_bit_as_one_that_is_not(faulty: Bench):
    """By Ctrl-C, on which it saves its state, and by `kill -9` of the session, which leaves what it saved before."""
    write_suite(faulty, {"ending": "done"}, task={"steps": STEPS, "pause": 0.05})
    folder = faulty.folder / "results" / "s"
    taken = broken_off(faulty, signal.SIGINT)
    assert list((folder / "_checkpoints").iterdir())
    taken += broken_off(faulty, signal.SIGKILL, "--checkpoint", "0s")
    assert faulty("run", "s.yaml").returncode == 0
    taken += steps(folder)
    assert STEPS <= taken <= STEPS + 1  # the step in which the session was killed may have come too late to be saved
    check_nothing_is_left(faulty)
    assert not list((folder / "_checkpoints").iterdir())
    (resumed,) = stored(folder)
    assert faulty("run", "s.yaml", "--results", "again").returncode == 0
    (whole,) = stored(faulty.folder / "again" / "s")
    assert steps(faulty.folder / "again" / "s") == STEPS
    assert (resumed.attempt, resumed.run, resumed.values) == (whole.attempt, whole.run, whole.values)
