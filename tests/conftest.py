"""Fixtures of the core's tests: the command line with the toy plugin installed beside the real ones."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import store
from harness.testing import Bench, bench, faulty, install_plugin  # noqa: F401 - `bench` and `faulty` are fixtures

TOY = Path(__file__).parent / "toy" / "bench_toy.py"


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    install_plugin(folder, "bench-toy", "bench_toy", TOY.read_text())
    return folder


@pytest.fixture
def toy(tmp_path: Path, toy_folder: Path) -> Bench:
    """The command line in an empty folder, with the toy plugin."""
    return Bench(tmp_path, [toy_folder])


SUITE = """\
seeds: [0, 1, 2]
tasks: [guess]
methods:
  - method: shift
    grid: {offset: [0.5, -1.0]}
  - noise
"""
ENDINGS = "tasks: [guess]\nmethods: [raises, exits, dies, diverges, declines, shift]\n"


@pytest.fixture
def suite(toy: Bench) -> str:
    """A suite of nine runs in the folder of `toy`, all of which succeed."""
    toy.write("s.yaml", SUITE)
    return "s.yaml"


@dataclass(frozen=True)
class Done:
    """A folder in which sessions have been run, once for all tests, and what each has said."""

    folder: Path
    said: tuple[subprocess.CompletedProcess[str], ...]

    def copy_to(self, other: Bench) -> None:
        """Put all that is there into the folder of another program."""
        shutil.copytree(self.folder, other.folder, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory, toy_folder: Path) -> Callable[..., Done]:
    """Return a function that runs a suite ``s.yaml`` of the toy plugin, session by session, once for all processes."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def run(name: str, text: str, *sessions: tuple[str, ...]) -> Done:
        program, said = Bench(root / name, [toy_folder]), root / f"{name}.said"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.exists():
                program.folder.mkdir()
                program.write("s.yaml", text)
                found = [program("run", "s.yaml", *options) for options in sessions]
                said.write_text(json.dumps([[one.returncode, one.stdout, one.stderr] for one in found]))
        words = json.loads(said.read_text())
        return Done(program.folder, tuple(subprocess.CompletedProcess("", *one) for one in words))

    return run


@pytest.fixture(scope="session")
def begun(run_once: Callable[..., Done]) -> Done:
    """The suite of `suite`, of which seed 0 has been run."""
    return run_once("begun", SUITE, ("--select", "seed=0"))


@pytest.fixture(scope="session")
def ends(run_once: Callable[..., Done]) -> Done:
    """A suite whose methods end in every way, run twice."""
    return run_once("ends", ENDINGS, (), ())


VALUE = {"split": "test", "step": 2, "metric": "mse", "value": 0.25, "unit": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A results folder that does not exist yet."""
    return tmp_path / "results" / "s"


@pytest.fixture
def began():
    """Return a function that begins a session in a results folder and stores an attempt at each of some runs.

    A run is named by its id, or is a pair of it and columns that differ. All sessions are dead at the end.
    """
    sessions = []

    def begin(folder, *runs, **header):
        session = store.open_session(folder, {"suite": "s", **header})
        sessions.append(session)
        for run in runs:
            name, columns = (run, {}) if isinstance(run, str) else run
            session.append(_attempt(name, **columns), [VALUE])
        return session

    yield begin
    for session in sessions:
        session.journal.close()


@pytest.fixture
def ended(began):
    """Like `began`, for a session that ends well; the function returns its file."""

    def end(folder, *runs, **header):
        session = began(folder, *runs, **header)
        path = session.close()
        assert path is not None or not runs
        return path

    return end


@pytest.fixture
def died(began):
    """Like `began`, for a session that dies; the function returns its journal."""

    def die(folder, *runs, **header):
        session = began(folder, *runs, **header)
        session.journal.close()  # as the end of its process does
        return session.journal.path

    return die


def _attempt(run, **columns):
    return {
        "suite": "s", "run": run, "family": "f", "method": "m", "method_params": "{}", "method_version": "1",
        "task": "t", "task_params": "{}", "task_version": "1", "seed": 0, "status": "done", "reason": "", "attempt": 1,
        "started_at": "2026-01-02T03:04:05.000006+00:00", "seconds": 1.5, "device": "cpu", "hardware": "h",
        "environment": "e", "source": "c", "task_source": "t", "libraries": "{}", "data": "", "host": "here", **columns,
    }  # fmt: skip
