"""Disks that are full or read-only, and files that are damaged: the message names the file, and the rest is there."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import psutil
import pytest

from harness.aftermath import processes, stored, survivors
from harness.drills import at_work, check_nothing_is_left, write_suite
from harness.testing import Bench


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def small_disk(faulty: Bench):
    """A disk of 4 MiB on which the results of `faulty` lie."""
    folder = faulty.folder / "results"
    folder.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("disks cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def check_read_only(bench: Bench) -> None:
    """What is stored can be looked at, and nothing more."""
    session = bench("run", "s.yaml")
    assert session.returncode == 2, session.stdout
    assert only_line(session.stderr).startswith("bench: results folder results/s cannot be written: ")
    look = bench("report", "s.yaml", "--out", "elsewhere")
    assert (look.returncode, look.stderr) == (0, "")


def statuses(bench: Bench) -> list[tuple[int, str]]:
    return [(one.attempt, one.status) for one in stored(bench.folder / "results" / "s")]


@pytest.mark.slow
def test_disk_that_fills_and_is_mounted_read_only(faulty: Bench, small_disk):
    write_suite(
        faulty, {"ending": "done"}, {"ending": "prints-much"}, *({"ending": "done", "at": n} for n in range(10, 19))
    )
    session = faulty("run", "s.yaml", "--jobs", "1")
    assert session.returncode == 2, session.stdout
    line = only_line(session.stderr)
    assert line.startswith("bench: results/s/")
    assert "No space left on device" in line
    assert not survivors(faulty)
    before = stored(small_disk / "s")
    assert "done" in {one.status for one in before}
    reported = [line for line in session.stdout.splitlines() if "/11] " in line]
    assert len(reported) == len(before)
    mount("-o", "remount,ro", small_disk)
    check_read_only(faulty)
    mount("-o", "remount,rw,size=64m", small_disk)
    assert faulty("run", "s.yaml").returncode == 0
    after = {(one.run, one.attempt): one for one in stored(small_disk / "s")}
    assert len({one.run for one in after.values() if one.status == "done"}) == 11
    assert all(after[one.run, one.attempt] == one for one in before)
    check_nothing_is_left(faulty)


def test_file_that_may_not_grow(faulty: Bench):
    write_suite(faulty, *({"ending": "done", "at": n} for n in range(12)))
    command, environment = faulty.command("run", "s.yaml", "--jobs", "1")
    limited = ["sh", "-c", 'ulimit -f 16 && exec "$@"', "sh", *command]
    session = subprocess.run(limited, env=environment, cwd=faulty.folder, capture_output=True, text=True, check=False)
    assert session.returncode == 2, session.stdout + session.stderr
    assert "File too large" in only_line(session.stderr)
    before = statuses(faulty)
    assert set(before) == {(1, "done")}
    assert faulty("run", "s.yaml").returncode == 0
    assert statuses(faulty) == [(1, "done")] * 12
    check_nothing_is_left(faulty)


@pytest.fixture
def mortal(faulty: Bench, monkeypatch) -> Bench:
    """`faulty`, without the privilege that root has to write what is read-only."""
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may write everywhere, and there is no setpriv to change that")
        command = faulty.command

        def without(*arguments: str):
            words, environment = command(*arguments)
            return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words], environment

        monkeypatch.setattr(faulty, "command", without)
    return faulty


def set_writable(folder: Path, is_writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200 if is_writable else path.stat().st_mode & ~0o222)


@pytest.mark.slow
def test_folder_that_is_made_read_only(mortal: Bench):
    folder = mortal.folder / "results" / "s"
    session = at_work(mortal, "local", "leaves-children-and-hangs", "--retry", "1", seeds=[0, 1])
    set_writable(folder, False)
    for process in processes(mortal):
        with contextlib.suppress(psutil.NoSuchProcess):  # it fell with another
            if process.ppid() != session.pid and process.pid != session.pid:
                process.kill()
    output, errors = session.communicate(timeout=600)
    assert session.returncode == 2, output + errors
    assert "results/s/" in only_line(errors)
    assert "Permission denied" in errors
    before = stored(folder)
    assert (1, "done") in statuses(mortal)
    check_read_only(mortal)
    set_writable(folder, True)
    assert mortal("run", "s.yaml").returncode == 0
    assert all(one in stored(folder) for one in before)
    assert {one.run for one in stored(folder) if one.status == "done"} == {one.run for one in stored(folder)}
    check_nothing_is_left(mortal)


@pytest.mark.slow
def test_damaged_files(faulty: Bench):
    """They are named, never deleted, and their runs done again; all others stay readable, checkable and mergeable."""
    write_suite(faulty, *({"ending": "done", "at": n} for n in (1, 2)), seeds=[0, 1])
    folder = faulty.folder / "results" / "s"
    for select in ("at=1,seed=0", "at=1,seed=1"):
        assert faulty("run", "s.yaml", "--select", select).returncode == 0
    whole = stored(folder)
    damaged, sound = sorted(folder.glob("*.parquet"))
    text = damaged.read_bytes()
    damaged.write_bytes(text[: len(text) // 2])
    lines = [b"00000000 {}", b"what is this", b"\xff\x00"]
    stray = folder / "_journal" / "20200101T000000-00000000.journal"
    stray.write_bytes(b"\n".join(lines) + b"\nand half a li")
    os.utime(stray, (0, 0))

    check = faulty("results", "verify", "s.yaml")
    assert check.returncode == 1
    assert f"problem: {damaged.relative_to(faulty.folder)}: damaged" in check.stdout
    assert f"problem: {stray.relative_to(faulty.folder)}:1: damaged line" in check.stdout
    session = faulty("run", "s.yaml")
    assert session.returncode == 0, session.stderr
    assert f"bench: {damaged.relative_to(faulty.folder)}: damaged" in session.stderr
    assert session.stdout.count("] done fault") == 3
    compacted = faulty("results", "compact", "s.yaml")
    assert compacted.returncode == 0, compacted.stderr
    assert damaged.name in compacted.stdout
    assert not sound.exists()  # all that it held stands in the new file
    merged = faulty("results", "merge", "other", "results/s")
    assert merged.returncode == 2
    assert damaged.name in only_line(merged.stderr)

    assert damaged.read_bytes() == text[: len(text) // 2]
    assert stray.with_suffix(".damaged").read_bytes().startswith(lines[0])
    damaged.unlink()
    stray.with_suffix(".damaged").unlink()
    found = stored(folder)
    assert [(one.attempt, one.status) for one in found] == [(1, "done")] * 4
    assert {(one.run, str(one.values)) for one in whole} <= {(one.run, str(one.values)) for one in found}
