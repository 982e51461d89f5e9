"""Time and memory that run out, beside what the drills ask of any executor."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.aftermath import stored, survivors
from harness.drills import write_suite
from harness.testing import Bench

MIB = 2**20


def endings(bench: Bench) -> dict[str, str]:
    """Return how each ending of the suite ended, each of its runs at its first attempt."""
    found = stored(bench.folder / "results" / "s")
    assert {one.attempt for one in found} == {1}
    return {one.ending: one.status for one in found}


@pytest.mark.slow
def test_runs_that_share_a_process_are_judged_each_by_itself(faulty: Bench):
    """What ends a process ends one run of it; the others begin anew in another."""
    methods = ("changes-folder", "ends-when-shown", "forks", "hangs", "leaves-children", "killed", "done")
    write_suite(faulty, *({"ending": ending, "at": 8} for ending in methods), task={"pause": 0.1}, pack=len(methods))
    session = faulty("run", "s.yaml", "--jobs", "1", "--time-limit", "6s")
    assert (session.returncode, session.stderr) == (1, ""), session.stderr
    assert endings(faulty) == dict.fromkeys(methods, "done") | {"hangs": "timed-out", "killed": "killed"}
    logs = [path.read_text() for path in (faulty.folder / "results" / "s" / "_logs").iterdir()]
    assert len(logs) == len(methods)
    assert any("in hangs\n" in log for log in logs)  # what was ended tells where it was
    assert not survivors(faulty)


@pytest.fixture
def small_group(tmp_path):
    """A control group of processes that together may take 1 GiB."""
    root = next((Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines()
                 if line.split()[2] == "cgroup" and "memory" in line.split()[3].split(",")), None)  # fmt: skip
    if root is None:
        pytest.skip("no memory controller of version 1 is mounted here")
    group = root / f"bench-faults-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(1024 * MIB))
    except OSError as error:
        pytest.skip(f"control groups cannot be made here: {error}")
    yield group
    group.rmdir()


def test_system_that_runs_out_of_memory(faulty: Bench, small_group: Path):
    """The kernel picks a process and kills it; it is named for what it was, tried again, and ends nothing else."""
    marker = str(faulty.folder / "marker")
    write_suite(faulty, {"ending": "eats-memory", "once": marker}, {"ending": "done"}, {"ending": "killed"})
    command, environment = faulty.command("run", "s.yaml", "--jobs", "1", "--retry", "1")
    enter = ["sh", "-c", f'echo $$ > {small_group / "cgroup.procs"} && exec "$@"', "sh"]
    session = subprocess.run(
        [*enter, *command], env=environment, cwd=faulty.folder, capture_output=True, text=True, check=False
    )
    assert (session.returncode, session.stderr) == (1, ""), session.stderr
    found = [(one.ending, one.status) for one in stored(faulty.folder / "results" / "s")]
    assert sorted(found) == sorted(
        [
            ("eats-memory", "out-of-memory"),
            ("eats-memory", "done"),
            ("done", "done"),
            ("killed", "killed"),
            ("killed", "killed"),
        ]
    )
    assert not survivors(faulty)
