"""Sessions that are told to stop, and processes of theirs that are killed, beside what the drills ask for."""

import json
import signal
import subprocess

import psutil
import pytest

from harness.aftermath import Stored, processes, stored, wait_until
from harness.drills import at_work, check_nothing_is_left, write_suite
from harness.testing import Bench, install_plugin


def attempts(bench: Bench) -> list[tuple[str, str]]:
    """Return the ending and the status of every stored attempt."""
    return sorted((one.ending, one.status) for one in everything(bench))


def everything(bench: Bench) -> list[Stored]:
    return stored(bench.folder / "results" / "s")


def server_of(session: subprocess.Popen) -> psutil.Process:
    """Return the process from which a session's runs are forked."""
    (server,) = psutil.Process(session.pid).children()
    return server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["terminate", "hang-up"])
def test_signal_that_is_heeded_like_ctrl_c(faulty: Bench, number):
    session = at_work(faulty, "local", "leaves-children-and-hangs")
    session.send_signal(number)
    _, errors = session.communicate(timeout=600)
    assert session.returncode == 130, errors
    assert errors == "bench: interrupted; 1 of 2 runs are stored, and the same command resumes\n"
    check_nothing_is_left(faulty)
    assert attempts(faulty) == [("done", "done")]


def test_ctrl_c_before_anything_runs(faulty: Bench):
    """While the server still imports what the runs need."""
    write_suite(faulty, {"ending": "done"}, {"ending": "changes-folder"})
    session = faulty.start("run", "s.yaml")
    wait_until(lambda: psutil.Process(session.pid).children() or session.poll() is not None)
    session.send_signal(signal.SIGINT)
    _, errors = session.communicate(timeout=600)
    assert session.returncode == 130, errors
    assert errors == "bench: interrupted; 0 of 2 runs are stored, and the same command resumes\n"
    check_nothing_is_left(faulty)


def test_worker_that_is_killed(faulty: Bench):
    session = at_work(faulty, "local", "leaves-children-and-hangs", "--retry", "1")
    for worker in server_of(session).children():
        worker.kill()
    output, errors = session.communicate(timeout=600)
    assert (session.returncode, errors) == (0, ""), output + errors
    assert attempts(faulty) == [
        ("done", "done"),
        ("leaves-children-and-hangs", "done"),
        ("leaves-children-and-hangs", "killed"),
    ]
    check_nothing_is_left(faulty)


def test_run_that_kills_the_server(faulty: Bench):
    """A new one takes its place; what the lost one's runs have started is ended, daemons included."""
    marker = str(faulty.folder / "marker")
    write_suite(faulty, {"ending": "kills-its-parent", "once": marker}, {"ending": "done"})
    session = faulty("run", "s.yaml", "--jobs", "1", "--retry", "1")
    assert (session.returncode, session.stderr) == (0, ""), session.stderr
    assert attempts(faulty) == [("done", "done"), ("kills-its-parent", "done"), ("kills-its-parent", "killed")]
    check_nothing_is_left(faulty)


@pytest.mark.slow
def test_sessions_killed_at_any_moment(faulty: Bench):
    """Whatever was reported is stored, and not done again; no row is there twice."""
    write_suite(faulty, {"ending": "done"}, {"ending": "leaves-a-thread"}, task={"pause": 0.01}, seeds=list(range(12)))
    reported: list[str] = []
    for count in (1, 9):
        session = faulty.start("run", "s.yaml")
        assert session.stdout is not None
        reported += [session.stdout.readline() for _ in range(count)]
        session.kill()
        reported += session.communicate()[0].splitlines(keepends=True)
    session = faulty("run", "s.yaml")
    assert (session.returncode, session.stderr) == (0, "")
    labels = [
        line.partition("] done ")[2].partition(":")[0]
        for line in (*reported, *session.stdout.splitlines())
        if "] done " in line
    ]
    assert len(labels) == len(set(labels))
    assert [(one.attempt, one.status) for one in everything(faulty)] == [(1, "done")] * 24
    assert len(labels) >= 24 - 2 * 2  # at each death, those that had just been stored may not have been reported yet
    check_nothing_is_left(faulty)


BROKEN = """
from harness import Method, hookimpl
from harness.faults import FAULT

@hookimpl
def bench_methods():
    yield Method("broken", FAULT, "bench_broken.method:broken", reference="")
"""


def test_method_whose_module_ends_what_imports_it(faulty: Bench, tmp_path):
    """It fails, and nothing else does."""
    install_plugin(tmp_path / "broken", "bench-broken", "bench_broken", BROKEN)
    package = tmp_path / "broken" / "bench_broken"
    package.mkdir()
    (tmp_path / "broken" / "bench_broken.py").rename(package / "__init__.py")
    (package / "method.py").write_text("import os\nos._exit(5)\ndef broken(*, width: int): pass\n")
    faulty.path.append(tmp_path / "broken")
    methods = [{"method": "fault", "grid": {"at": [1, 2, 3]}}, "broken"]
    faulty.write("s.yaml", json.dumps({"tasks": ["fault-drill"], "methods": methods}))
    session = faulty("run", "s.yaml")
    assert (session.returncode, session.stderr) == (1, ""), session.stderr
    assert "4 runs: 3 done, 1 failed, 0 skipped\n" in session.stdout
    assert "the process exited with code 5 before the run was over" in session.stdout
    assert not processes(faulty)
