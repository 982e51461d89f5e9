"""Results folders verified, compacted and merged: nothing is lost or doubled, whenever the program dies."""

import contextlib
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import journal, logs, store, upkeep
from harness.errors import ResultsError
from harness.ledger import Ledger
from harness.testing import Bench
from harness.upkeep import compact, merge, verify


def rows_in(folder):
    """Return how often each run with its attempt is read."""
    rows = store.read(folder).rows
    return Counter(zip(rows["run"].to_pylist(), rows["attempt"].to_pylist(), strict=True))


def runs_in(folder):
    return sorted(run for run, _ in rows_in(folder).elements())


def tree(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "upkeep.lock"
    }


# Verify


def test_verify_of_a_sound_folder(folder, ended, died, began):
    file, dead, living = ended(folder, "a", "b"), died(folder, "c"), began(folder, "d", "e").journal.path
    (folder / "_checkpoints" / "c.pt").write_bytes(b"state")
    found = verify(folder)
    assert found.problems == []
    assert sorted(found.lines) == sorted([
        f"{file}: 2 rows of 1 session",
        f"{dead}: 1 attempts of a session that died, and the next `bench run` publishes it",
        f"{living}: 2 attempts of a session that is running",
        f"{folder}/_checkpoints: 1 runs to be taken up again",
    ])  # fmt: skip


def test_verify_names_all_that_is_damaged(folder, ended, died):
    ended(folder, "a")
    (folder / "x.parquet").write_bytes(b"PAR1")
    path = died(folder, "b", "c")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], b"?", *lines[2:]]))
    problems = verify(folder).problems
    assert len(problems) == 2
    assert problems[0].startswith(f"{folder}/x.parquet: damaged, or not a results file: ")
    assert problems[1] == f"{path}:2: damaged line"
    store.publish_abandoned(folder)
    kept = path.with_suffix(".damaged")
    told = f"{kept}: has damaged lines; the others are published, so delete it once you have looked"
    assert verify(folder).problems[1] == told


def test_verify_names_an_attempt_that_two_sessions_stored(folder, ended):
    ended(folder, "a", "b")
    ended(folder, "a", ("b", {"attempt": 2}))
    assert verify(folder).problems == ["run a, attempt 1: two sessions have stored it; the first counts"]


def test_verify_writes_nothing(folder, ended, died):
    ended(folder, "a")
    died(folder, "b")
    before = tree(folder)
    verify(folder)
    assert tree(folder) == before


# Compact


def test_compact_merges_ended_and_dead_sessions(folder, ended, died):
    ended(folder, "a", title="first")
    ended(folder, ("b", {"status": "failed"}))
    died(folder, "c")
    before = store.read(folder)
    told = compact(folder)
    (path,) = store.files(folder)
    assert told == f"{path}: 3 rows of 3 sessions"
    after = store.read(folder)
    assert after.rows.sort_by("run").equals(before.rows.sort_by("run"))
    assert after.headers == before.headers
    assert after.damages == []
    assert store.journals(folder) == []
    assert compact(folder) == f"{folder}: nothing to merge"


def test_compact_of_compacted_files(folder, ended):
    for number in range(1, 6):
        ended(folder, str(number))
        ended(folder, str(number) + "a")
        assert compact(folder).endswith(f" {2 * number} rows of {2 * number} sessions")
        assert len(store.files(folder)) == 1
    assert len(runs_in(folder)) == len(set(runs_in(folder))) == 10


def test_compact_of_one_file_and_of_none(folder, ended):
    folder.mkdir(parents=True)
    assert compact(folder) == f"{folder}: nothing to merge"
    ended(folder, "a")
    before = tree(folder)
    assert compact(folder) == f"{folder}: nothing to merge"
    assert tree(folder) == before
    with pytest.raises(ResultsError, match="nowhere: no such results folder"):
        compact(folder / "nowhere")


def test_compact_beside_a_living_session(folder, ended, began):
    session = began(folder, "a")
    ended(folder, "b")
    ended(folder, "c")
    compact(folder)
    assert journal.is_alive(session.journal.path)
    assert runs_in(folder) == ["a", "b", "c"]
    session.append(_again(folder, "d"), [])
    compact(folder)
    session.close()
    assert runs_in(folder) == ["a", "b", "c", "d"]
    compact(folder)
    assert runs_in(folder) == ["a", "b", "c", "d"]
    assert len(store.files(folder)) == 1


def _again(folder, run):
    common = dict(store.read(folder).rows.to_pylist()[0])
    return common | {"run": run, "started_at": common["started_at"].isoformat()}


def test_compact_of_published_files_alone(folder, ended, tmp_path):
    """What a project publishes is the Parquet files, without the folders beside them."""
    ended(folder, "a")
    ended(folder, "b")
    copy = tmp_path / "published"
    copy.mkdir()
    for path in store.files(folder):
        shutil.copy(path, copy)
    compact(copy)
    assert len(store.files(copy)) == 1
    assert runs_in(copy) == ["a", "b"]


def test_damaged_file_stays_as_it_is(folder, ended):
    ended(folder, "a")
    ended(folder, "b")
    (folder / "x.parquet").write_bytes(b"PAR1")
    (told,) = [compact(folder)]
    assert "; left alone: " in told
    assert f"{folder}/x.parquet: damaged" in told
    assert (folder / "x.parquet").read_bytes() == b"PAR1"
    assert runs_in(folder) == ["a", "b"]


def test_whole_that_was_damaged_does_not_replace_its_parts(folder, ended, monkeypatch):
    ended(folder, "a")
    ended(folder, "b")
    parts = store.files(folder)
    write_file = store.write_file

    def spoil(path, rows, headers):
        write_file(path, rows, headers)
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 0xFF
        path.write_bytes(content)

    monkeypatch.setattr(store, "write_file", spoil)
    with pytest.raises(ResultsError, match="damaged, or not a results file"):
        compact(folder)
    monkeypatch.undo()
    assert set(parts) <= set(store.files(folder))
    assert runs_in(folder) == ["a", "b"]


def test_parts_that_a_death_left_beside_their_whole_count_once_and_go(folder, ended, monkeypatch):
    for run in "abcd":
        ended(folder, run)
    parts = store.files(folder)

    def die(path, missing_ok=False):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(folder), "unlink", die)
    with pytest.raises(KeyboardInterrupt):
        compact(folder)
    monkeypatch.undo()
    assert set(parts) < set(store.files(folder))
    assert runs_in(folder) == ["a", "b", "c", "d"]
    parts[0].unlink()  # as if it had come so far
    assert runs_in(folder) == ["a", "b", "c", "d"]
    ended(folder, "e")  # and a session has ended since
    assert compact(folder).endswith("5 rows of 5 sessions")
    assert runs_in(folder) == ["a", "b", "c", "d", "e"]
    assert len(store.files(folder)) == 1


def test_half_written_file_of_a_death_is_cleared_away(folder, ended):
    ended(folder, "a")
    left = folder / "_journal" / "20260101T000000-2-sessions-0123abcd.parquet.tmp"
    left.write_bytes(b"PAR1")
    mine = folder / "_journal" / "20260101T000000-00000000.parquet.tmp"  # being published, by a session on its way
    mine.write_bytes(b"PAR1")
    compact(folder)
    assert not left.exists()
    assert mine.exists()


def test_full_disk_loses_nothing(folder, ended, monkeypatch):
    ended(folder, "a")
    ended(folder, "b")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.pq, "write_table", fail)
    before = tree(folder)
    with pytest.raises(ResultsError, match=r"cannot be changed: .*No space left on device; nothing is lost"):
        compact(folder)
    assert tree(folder) == before


def test_two_compacts_that_know_nothing_of_each_other_keep_one_whole(folder, ended, monkeypatch):
    """On a disk without locks each writes a whole, and may remove what it takes for a part."""
    for run in "abc":
        ended(folder, run)
    monkeypatch.setattr(upkeep.fcntl, "flock", lambda *_: None)
    write, calls = upkeep._write, []

    def interrupted(*arguments):
        path = write(*arguments)
        calls.append(path)
        if len(calls) == 1:
            compact(folder)
        return path

    monkeypatch.setattr(upkeep, "_write", interrupted)
    with contextlib.suppress(ResultsError):
        compact(folder)
    assert runs_in(folder) == ["a", "b", "c"]
    monkeypatch.undo()
    compact(folder)
    assert runs_in(folder) == ["a", "b", "c"]
    assert len(store.files(folder)) == 1


@contextlib.contextmanager
def program(text, *arguments):
    """Run a Python program while the body runs, and kill it then."""
    command = [sys.executable, "-c", text, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"ready\n", process.stderr.read().decode()
            yield process
        finally:
            process.kill()


COMPACTS = """
import sys
from pathlib import Path
from harness import upkeep
print("ready", flush=True)
while True:
    upkeep.compact(Path(sys.argv[1]))
"""
SPLITS = """
import os, sys
from pathlib import Path
from harness import store, upkeep
folder, parent = Path(sys.argv[1]), os.getpid()

def compact_and_split():
    while os.getppid() == parent:
        upkeep.compact(folder)
        (path,) = store.files(folder)
        file = store.read_file(path)
        for session, header in file.headers.items():
            rows = file.rows.filter(store.pc.equal(file.rows["session"], session))
            store.write_file(folder / f"{session}.parquet", rows, {session: header})
        path.unlink()  # what was one is many again, for the next compact

print("ready", flush=True)
while sys.stdin.readline():  # a new process for each line, which has imported already what it needs
    if (pid := os.fork()) == 0:
        compact_and_split()
    print(pid, flush=True)
    print(os.WTERMSIG(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_kill_at_any_moment_of_a_compact_loses_and_doubles_nothing(folder, ended):
    """The splitting half of the loop loses nothing by itself: the parts are whole before the whole goes."""
    for run in "0123456789":
        ended(folder, run)
    expected = runs_in(folder)
    drawn = random.Random(0)
    with program(SPLITS, folder) as process:
        for _ in range(25):
            process.stdin.write(b"go\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            time.sleep(drawn.uniform(0, 0.25))
            os.kill(pid, signal.SIGKILL)
            assert int(process.stdout.readline()) == signal.SIGKILL
            assert runs_in(folder) == expected
            ledger = Ledger(folder)
            ledger.refresh()
            assert all(ledger.last(run).status == "done" for run in expected)
            assert ledger.damages == []
    compact(folder)
    assert runs_in(folder) == expected
    assert len(store.files(folder)) == 1
    assert not list((folder / "_journal").glob("*-sessions-*"))


@pytest.mark.slow
def test_reader_writers_and_compacts_at_once(folder, ended):
    """At every moment a reader sees each row of the sessions that have ended, and sees it once."""
    folder.mkdir(parents=True)
    with program(COMPACTS, folder), program(COMPACTS, folder):
        stored = []
        while len(stored) < 40:
            ended(folder, f"{len(stored):x}")
            stored.append(f"{len(stored):x}")
            assert runs_in(folder) == sorted(stored)
            ledger = Ledger(folder)
            ledger.refresh()
            assert all(ledger.last(run).status == "done" for run in stored)
    assert runs_in(folder) == sorted(stored)


# Merge


@pytest.fixture
def other(tmp_path):
    return tmp_path / "other" / "s"


def test_merge_into_a_new_folder(folder, other, ended, died):
    ended(folder, "a", title="first")
    died(folder, ("b", {"status": "failed"}), title="second")
    before, source = tree(folder), store.read(folder)
    told = merge(other, folder)
    (path,) = store.files(other)
    assert told == f"{path}: 2 attempts added; 0 left out, since {other} has them or has done their runs"
    assert store.read(other).rows.sort_by("run").equals(source.rows.sort_by("run"))
    assert store.read(other).headers == source.headers
    assert tree(folder) == before
    assert verify(other).problems == []


def test_merge_into_an_empty_folder(folder, other, ended):
    ended(folder, "a")
    other.mkdir(parents=True)
    merge(other, folder)
    assert runs_in(other) == ["a"]


def test_merge_of_one_attempt_says_so(folder, other, ended):
    ended(folder, "a")
    assert ": 1 attempt added; 0 left out" in merge(other, folder)


def test_merge_twice_changes_nothing(folder, other, ended):
    ended(folder, "a", ("b", {"status": "failed"}))
    ended(other, "c")
    merge(other, folder)
    before = tree(other)
    assert merge(other, folder) == f"{other}: has all of {folder} already"
    assert tree(other) == before
    compact(other)
    assert merge(other, folder) == f"{other}: has all of {folder} already"
    assert runs_in(other) == ["a", "b", "c"]


def test_merge_there_and_back_makes_both_alike(folder, other, ended):
    ended(folder, "a", ("b", {"status": "failed"}))
    ended(other, "c", ("d", {"status": "killed"}))
    merge(other, folder)
    merge(folder, other)
    assert rows_in(folder) == rows_in(other)
    before = tree(folder), tree(other)
    merge(other, folder)
    merge(folder, other)
    assert (tree(folder), tree(other)) == before


def test_sessions_that_both_have_count_once(folder, other, ended):
    ended(folder, "a", ("b", {"status": "failed"}))
    shutil.copytree(folder, other)
    ended(folder, "c", ("b", {"attempt": 2}))
    ended(other, "d", ("b", {"attempt": 2, "status": "killed"}))
    told = merge(other, folder)
    assert ": 2 attempts added; 2 left out" in told
    assert rows_in(other) == {("a", 1): 1, ("b", 1): 1, ("c", 1): 1, ("d", 1): 1, ("b", 2): 1, ("b", 3): 1}
    assert verify(other).problems == []
    ledger = Ledger(other)
    ledger.refresh()
    assert ledger.last("b").status == "done"


def test_runs_that_the_target_has_done_are_left_out(folder, other, ended):
    ended(folder, "a", "b")
    ended(other, ("a", {"attempt": 1, "status": "failed"}), ("a", {"attempt": 2}), ("c", {"status": "failed"}))
    merge(other, folder)
    assert rows_in(other) == {("a", 1): 1, ("a", 2): 1, ("b", 1): 1, ("c", 1): 1}


def test_attempts_are_numbered_on_and_their_logs_come_along(folder, other, ended):
    failed = {"status": "failed"}
    ended(other, ("a", failed), ("a", {**failed, "attempt": 2}))
    ended(folder, ("a", failed), ("a", {**failed, "attempt": 2, "reason": "2"}), ("a", {"attempt": 3, "reason": "3"}))
    for number in (1, 2):
        logs.log_path(other, "a", number).write_text(f"ours {number}")
    for number in (1, 3):
        logs.log_path(folder, "a", number).write_text(f"theirs {number}")
    merge(other, folder)
    assert rows_in(other) == {("a", number): 1 for number in (1, 2, 3, 4, 5)}
    reasons = {row["attempt"]: row["reason"] for row in store.read(other).rows.to_pylist()}
    assert reasons == {1: "", 2: "", 3: "", 4: "2", 5: "3"}
    kept = {path.name: path.read_text() for path in (other / "_logs").iterdir()}
    assert kept == {"a-1.log": "ours 1", "a-2.log": "ours 2", "a-3.log": "theirs 1", "a-5.log": "theirs 3"}


def test_logs_come_before_the_rows(folder, other, ended, monkeypatch):
    """Else a death in between would cost the logs for good: a second merge finds the rows and adds nothing."""
    ended(folder, "a")
    logs.log_path(folder, "a", 1).write_text("printed")

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "write_file", die)
    with pytest.raises(KeyboardInterrupt):
        merge(other, folder)
    monkeypatch.undo()
    assert runs_in(other) == []
    merge(other, folder)
    assert logs.log_path(other, "a", 1).read_text() == "printed"


def test_running_session_is_not_merged_by_half(folder, other, ended, began):
    ended(folder, "a")
    session = began(folder, "b")
    with pytest.raises(ResultsError, match=r"\.journal: its session is running; merge when it has ended"):
        merge(other, folder)
    assert not other.exists()
    session.append(_again(folder, "c"), [])
    session.close()
    merge(other, folder)
    assert runs_in(other) == ["a", "b", "c"]


def test_running_session_of_the_target_may_be_at_the_same_runs(folder, other, ended, began):
    ended(folder, "a")
    began(other, "b")
    with pytest.raises(ResultsError, match="its session is running"):
        merge(other, folder)
    assert store.files(other) == []


def test_session_that_went_on_under_another_name_is_merged_with_its_header(folder, other, began):
    session = began(folder, "a", title="long")
    session.journal.path.rename(session.journal.path.with_name("20260101T000000-renamed.journal"))
    session.journal.close()
    merge(other, folder)
    assert runs_in(other) == ["a"]
    assert store.read(other).damages == []


@pytest.mark.parametrize("damage", ["file", "journal"])
def test_damaged_source_is_refused_and_left(folder, other, ended, died, damage):
    ended(folder, "a")
    path = died(folder, "b", "c")
    if damage == "file":
        (folder / "x.parquet").write_bytes(b"PAR1")
    else:
        lines = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join([lines[0], b"?", *lines[2:]]))
    before = tree(folder)
    with pytest.raises(ResultsError, match=r"; merge would leave out what it holds: repair or move it away first$"):
        merge(other, folder)
    assert not other.exists()
    assert tree(folder) == before


def test_source_without_results_is_refused(folder, other, ended, tmp_path):
    """Such as the folder above the suites' own, which would seem to be merged."""
    ended(folder, "a")
    with pytest.raises(ResultsError, match="holds no results; name the results folder of one suite"):
        merge(other, folder.parent)
    assert not other.exists()
    with pytest.raises(ResultsError, match="no such results folder"):
        merge(other, tmp_path / "nowhere")


def test_other_suite_and_itself_are_refused(folder, other, ended):
    ended(folder, "a")
    ended(other, ("b", {"suite": "t"}))
    with pytest.raises(ResultsError, match="hold different suites: s, t"):
        merge(other, folder)
    with pytest.raises(ResultsError, match="cannot be merged with itself"):
        merge(folder, folder / ".." / "s")
    assert runs_in(other) == ["b"]


def test_target_that_cannot_be_written(folder, ended, tmp_path):
    ended(folder, "a")
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ResultsError, match=r"taken/s cannot be changed: .*; nothing is lost"):
        merge(tmp_path / "taken" / "s", folder)


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def table(folder, **columns):
    """Return the rows of a folder with other columns."""
    rows = store.read(folder).rows
    for name, column in columns.items():
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


@pytest.mark.parametrize(
    "run", ["../../../evil", "..", "/etc/passwd", "a/b", "", "A", "a\0", "a\n", "abcdefabcdefa", "a-1", "*", "%s", "ä"]
)
def test_name_of_a_run_that_leads_elsewhere_is_refused(folder, other, ended, tmp_path, run):
    """Its log would be copied to where the name leads."""
    ended(folder, "a")
    (path,) = store.files(folder)
    headers = store.read_file(path).headers
    store.write_file(path, table(folder, run=pa.array([run])), headers)
    (tmp_path / "results" / "evil-1.log").write_text("evil")
    before = tree(tmp_path)
    with pytest.raises(ResultsError, match="which is not the id of a run"):
        merge(other, folder)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("session", ["../../x", "/", "..", "", "a\0b", "x" * 300])
def test_name_of_a_session_leads_nowhere(folder, other, ended, session, tmp_path):
    ended(folder, "a")
    (path,) = store.files(folder)
    store.write_file(path, table(folder, session=pa.array([session])), {session: {"title": "evil"}})
    merge(other, folder)
    assert runs_in(other) == ["a"]
    assert {path.parent for path in tmp_path.rglob("*.parquet")} == {folder, other}


@pytest.mark.parametrize("kind", ["folder", "link", "nothing"])
def test_log_that_is_no_file_is_left(folder, other, ended, tmp_path, kind):
    ended(folder, "a")
    log = logs.log_path(folder, "a", 1)
    (tmp_path / "secret").write_text("secret")
    if kind == "folder":
        log.mkdir()
    elif kind == "link":
        log.symlink_to(tmp_path / "secret")
    merge(other, folder)
    assert runs_in(other) == ["a"]
    assert list((other / "_logs").iterdir()) == []


def test_pickles_in_a_source_are_not_executed(folder, other, ended, monkeypatch, tmp_path):
    ended(folder, "a")
    monkeypatch.chdir(tmp_path)
    rows = table(folder, reason=pa.array([pickle.dumps(Bomb())]))
    metadata = {"bench": json.dumps({"x": {}}), "pandas": json.dumps({"columns": [{"pandas_type": "object"}]})}
    pq.write_table(rows.replace_schema_metadata(metadata), folder / "x.parquet")
    with pytest.raises(ResultsError, match="'reason' is binary, not string"):
        merge(other, folder)
    assert not (tmp_path / "exploded").exists()
    assert not other.exists()


# The command line


def test_commands(toy: Bench, suite, begun):
    begun.copy_to(toy)
    toy("run", suite, "--select", "seed=1", "--results", "elsewhere")
    done = toy("results", "merge", "results/s", "elsewhere/s")
    assert done.returncode == 0
    assert ": 3 attempts added; 0 left out" in done.stdout
    assert "has all of elsewhere/s already" in toy("results", "merge", "results/s", "elsewhere/s").stdout
    assert ": 12 rows of 2 sessions\n" in toy("results", "compact", suite).stdout
    assert toy("results", "compact", "results/s").stdout == "results/s: nothing to merge\n"
    verified = toy("results", "verify", "s")
    assert (verified.returncode, verified.stdout.count("\n")) == (0, 1)
    assert "9 runs, 3 to run" in toy("run", suite, "--dry-run").stdout
    (toy.folder / "results" / "s" / "x.parquet").write_bytes(b"")
    verified = toy("results", "verify", "s")
    assert verified.returncode == 1
    assert "problem: results/s/x.parquet: damaged, or not a results file: " in verified.stdout
    assert toy("results", "merge", "results/s", "elsewhere").returncode == 2
    assert toy("results", "merge", "results/s", "nowhere").returncode == 2
    assert toy("results", "verify", "nowhere").returncode == 2
