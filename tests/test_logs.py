"""`bench log`: which file a user means by the beginning of a run's id."""

import os
import subprocess

import pytest

from harness import logs
from harness.errors import ResultsError
from harness.logs import find, is_run, log_path
from harness.testing import Bench

RUN, NEAR, FAR = "0123456789ab", "01234567ffff", "fedcba987654"


@pytest.fixture
def results(tmp_path):
    """A folder with the logs of three runs in two suites."""
    for suite, run, attempt in (("s", RUN, 1), ("s", RUN, 2), ("s", RUN, 10), ("s", NEAR, 1), ("t", FAR, 3)):
        path = log_path(tmp_path / "results" / suite, run, attempt)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{run} {attempt}")
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("run", "attempt", "text"),
    [
        (RUN, None, f"{RUN} 10"),  # the last by number, not by name
        (RUN, 2, f"{RUN} 2"),
        (RUN[:9], 1, f"{RUN} 1"),
        (NEAR[:9], None, f"{NEAR} 1"),
        ("f", None, f"{FAR} 3"),
        (FAR, 3, f"{FAR} 3"),
    ],
)
def test_run_is_found_by_the_beginning_of_its_id(results, run, attempt, text):
    assert find(results, run, attempt).read_text() == text


def test_beginning_of_several_runs(results):
    with pytest.raises(ResultsError, match=f"^several runs begin with 01234567: {RUN}, {NEAR} under "):
        find(results, "01234567")


@pytest.mark.parametrize("run", ["1", "ab", RUN[:-1] + "c"])
def test_unknown_run(results, run):
    with pytest.raises(ResultsError, match=f"^no run {run} has left a log under .*; --results names another folder$"):
        find(results, run)


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(ResultsError, match="has left a log under "):
        find(tmp_path / "nowhere", RUN)


@pytest.mark.parametrize("attempt", [3, 99])
def test_unknown_attempt(results, attempt):
    with pytest.raises(ResultsError, match=f"^run {RUN} has no attempt {attempt}; there are 1, 2, 10$"):
        find(results, RUN, attempt)


ODD = ["", " ", "../x", "..", "/etc/passwd", "*", "?", "[0-9]", "**", "ABC", "0123456789abc", "g", "0-1", "0\n", "0\0",
       "é", "-1", "0/1", "~", "a b", "٣"]  # fmt: skip


@pytest.mark.parametrize("run", ODD)
def test_text_that_is_no_id(results, run):
    assert not is_run(run)
    with pytest.raises(ResultsError, match=r"is not the id of a run: up to twelve of the characters 0-9 and a-f$"):
        find(results, run)


@pytest.mark.parametrize(
    "name", [f"{RUN}-x.log", f"{RUN}-.log", f"{RUN}-1.log.swp", f"{RUN}-2 (copy).log", f"{RUN}.log"]
)
def test_file_that_is_no_log_is_passed_over(results, name):
    (results / "s" / "_logs" / name).write_text("stray")
    assert find(results, RUN).read_text() == f"{RUN} 10"
    with pytest.raises(ResultsError, match=r"there are 1, 2, 10$"):
        find(results, RUN, 7)


def test_same_run_in_two_suites_shows_what_was_printed_last(results):
    """The id of a run says nothing of its suite: the same cell may stand in several."""
    for suite, attempt, when in (("s", 10, 2000), ("s", 2, 1000), ("t", 2, 3000), ("t", 1, 500)):
        path = log_path(results / suite, RUN, attempt)
        path.write_text(f"{suite} {attempt}")
        os.utime(path, (when, when))
    os.utime(log_path(results / "s", RUN, 1), (100, 100))
    assert find(results, RUN, 2).read_text() == "t 2"
    assert find(results, RUN).read_text() == "t 2"
    assert find(results, RUN, 10).read_text() == "s 10"


def test_command(toy: Bench, ends):
    ends.copy_to(toy)
    (run,) = [
        line.split()[0]
        for line in ends.said[-1].stdout.splitlines()
        if " failed " in line and "ValueError" in line and line[0] != "["
    ]
    log = toy("log", run[:7])
    assert (log.returncode, log.stderr) == (0, f"bench: results/s/_logs/{run}-2.log\n")
    assert log.stdout.startswith("about to fail\nTraceback")
    assert toy("log", run, "--attempt", "1").stderr == f"bench: results/s/_logs/{run}-1.log\n"
    wrong = toy("log", run, "--attempt", "3")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == f"bench: run {run} has no attempt 3; there are 1, 2\n"
    assert toy("log", run, "--attempt", "0").returncode == 2
    assert toy("log", "../../etc/passwd").returncode == 2
    assert toy("log", run, "--results", "elsewhere").stderr == (
        f"bench: no run {run} has left a log under elsewhere; --results names another folder\n"
    )
    path = toy.folder / "results" / "s" / "_logs" / f"{run}-2.log"
    path.write_bytes(b"\xff\xfe\0 binary")
    command, environment = toy.command("log", run)
    shown = subprocess.run(command, env=environment, cwd=toy.folder, capture_output=True, check=True)
    assert shown.stdout == b"\xff\xfe\0 binary"
    assert logs.log_path(toy.folder / "results" / "s", run, 2) == path
