"""The results folder: the journal of a session, its Parquet file, and sessions that died or still live."""

import json
import os
import resource
import subprocess
import sys

import pandas as pd
import pytest

from harness import store
from harness.errors import ResultsError
from harness.store import SCHEMA, open_session, publish_abandoned, read, read_headers

HEADER = {"suite": "s", "metrics": {"mse": {"better": "lower"}}}


def common(run, **columns):
    return {
        "suite": "s", "run": run, "family": "f", "method": "m", "method_params": "{}", "method_version": "1",
        "task": "t", "task_params": "{}", "task_version": "1", "seed": 0, "status": "done", "reason": "", "attempt": 1,
        "started_at": "2026-01-02T03:04:05.000006+00:00", "seconds": 1.5, "device": "cpu", "hardware": "h",
        "environment": "e", "source": "c", "libraries": "{}", "data": "", "host": "here", **columns,
    }  # fmt: skip


VALUE = {"split": "test", "step": 2, "metric": "mse", "value": 0.25, "unit": ""}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results" / "s"


@pytest.fixture
def dead(folder):
    """Return a function that leaves the journal of a session that died, with one row for each run."""

    def leave(*runs):
        session = open_session(folder, HEADER)
        for run in runs:
            session.append(common(run), [VALUE])
        session.file.close()  # as the end of its process does
        return folder / "_journal" / f"{session.name}.jsonl"

    return leave


def runs_in(folder):
    return sorted(read(folder)["run"].to_pylist())


def files(folder):
    return sorted(path.name for path in folder.glob("*.parquet"))


def test_append_is_on_disk_before_it_returns(folder):
    session = open_session(folder, HEADER)
    rows = session.append(common("a"), [VALUE, {**VALUE, "metric": "mae"}])
    (journal,) = (folder / "_journal").iterdir()
    header, record = map(json.loads, journal.read_text().splitlines())
    assert header == HEADER
    assert [value["metric"] for value in record["values"]] == ["mse", "mae"]
    assert [row["metric"] for row in rows] == ["mse", "mae"]
    assert {row["session"] for row in rows} == {session.name}
    session.close()


def test_append_is_synced(folder, monkeypatch):
    synced = []

    def fsync(descriptor):
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    (journal,) = (folder / "_journal").iterdir()
    assert journal.stat().st_size in synced
    session.close()


def test_close_leaves_one_parquet_file_with_the_header(folder):
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    session.append(common("b", status="failed", reason="no luck"), [])
    path = session.close()
    assert path == folder / f"{session.name}.parquet"
    assert not list((folder / "_journal").iterdir())
    assert read(folder).schema.equals(SCHEMA)
    assert read_headers(folder) == [HEADER]
    a, b = read(folder).to_pylist()
    assert (a["run"], a["value"], a["step"], a["started_at"].microsecond) == ("a", 0.25, 2, 6)
    assert a["schema_version"] == store.SCHEMA_VERSION
    assert (b["run"], b["reason"], b["split"], b["value"], b["step"]) == ("b", "no luck", None, None, None)


def test_empty_session_leaves_no_file(folder):
    assert open_session(folder, HEADER).close() is None
    assert files(folder) == []
    assert not list((folder / "_journal").iterdir())
    assert read(folder).num_rows == 0


def test_journal_of_a_session_that_runs_is_read(folder):
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    assert runs_in(folder) == ["a"]
    assert read_headers(folder) == [HEADER]
    session.close()


def test_journal_of_a_dead_session_is_read_and_published(folder, dead):
    journal = dead("a", "b")
    before = read(folder)
    assert runs_in(folder) == ["a", "b"]
    assert publish_abandoned(folder) == [folder / f"{journal.stem}.parquet"]
    assert not journal.exists()
    assert read(folder).equals(before)
    assert read_headers(folder) == [HEADER]
    assert publish_abandoned(folder) == []


def test_dead_session_that_stored_nothing_is_cleared_away(folder, dead):
    journal = dead()
    assert publish_abandoned(folder) == []
    assert not journal.exists()
    assert files(folder) == []


def test_session_that_died_before_its_header_was_written(folder):
    open_session(folder, HEADER).close()
    (folder / "_journal" / "20260101T000000-0.jsonl").write_text('{"suite"')
    assert read(folder).num_rows == 0
    assert read_headers(folder) == [{}]
    assert publish_abandoned(folder) == []


def test_live_session_is_left_alone(folder):
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    assert publish_abandoned(folder) == []  # flock holds between open files, whosever they are
    session.append(common("b"), [VALUE])
    assert runs_in(folder) == ["a", "b"]
    assert session.close() is not None


def test_live_session_of_another_process_is_left_alone_until_it_is_killed(folder):
    program = f"""
from pathlib import Path
from harness.store import open_session
session = open_session(Path({str(folder)!r}), {{}})
session.append({common("a")!r}, [{VALUE!r}])
print("ready", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        assert publish_abandoned(folder) == []
        assert runs_in(folder) == ["a"]
        process.kill()
        process.wait()
    assert len(publish_abandoned(folder)) == 1
    assert runs_in(folder) == ["a"]


def test_session_that_is_just_being_opened_is_left_alone(folder, monkeypatch):
    """Another session may look for abandoned journals between the making of this one and its locking."""
    flock = store.fcntl.flock

    def interrupted(file, operation):
        monkeypatch.setattr(store.fcntl, "flock", flock)
        publish_abandoned(folder)
        flock(file, operation)

    monkeypatch.setattr(store.fcntl, "flock", interrupted)
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    assert runs_in(folder) == ["a"]
    session.close()
    assert runs_in(folder) == ["a"]


def test_journal_that_vanishes_after_it_was_listed(folder, dead):
    """Two sessions that begin at once publish the same abandoned journals."""
    dead("a")
    (folder / "_journal" / "20260101T000000-gone.jsonl").symlink_to(folder / "nowhere")  # listed, but not to be opened
    assert len(publish_abandoned(folder)) == 1
    assert runs_in(folder) == ["a"]


def test_line_that_a_death_cut_off_is_passed_over(folder, dead):
    journal = dead("a", "b")
    journal.write_text(journal.read_text()[:-30])
    assert runs_in(folder) == ["a"]
    publish_abandoned(folder)
    assert runs_in(folder) == ["a"]


@pytest.mark.parametrize(
    "damage", [b'{"common": {', b"5", b"{}", b"\xff\xfe{}", b"null", b'{"common": {}, "values": []}']
)
def test_damaged_line_in_the_middle_is_named(folder, dead, damage):
    journal = dead("a", "b", "c")
    lines = journal.read_bytes().split(b"\n")
    lines[2] = damage
    journal.write_bytes(b"\n".join(lines))
    for look in (read, publish_abandoned):
        with pytest.raises(ResultsError) as caught:
            look(folder)
        assert str(caught.value).startswith(f"{journal}:3: damaged line")
    assert journal.exists()


def test_journal_and_parquet_of_one_session_count_once(folder, dead):
    journal = dead("a")
    kept = journal.read_text()
    publish_abandoned(folder)
    journal.write_text(kept)  # the session died after it had renamed its file and before it removed the journal
    assert runs_in(folder) == ["a"]
    assert len(read_headers(folder)) == 1
    publish_abandoned(folder)
    assert not journal.exists()
    assert runs_in(folder) == ["a"]


def test_publication_that_was_cut_off_is_made_anew(folder, dead):
    journal = dead("a")
    aside = journal.with_name(f"{journal.stem}.parquet.tmp")
    aside.write_bytes(b"PAR1 half")
    assert runs_in(folder) == ["a"]
    publish_abandoned(folder)
    assert runs_in(folder) == ["a"]
    assert not aside.exists()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no such thing", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_damaged_parquet_file_is_named(folder, dead, content):
    dead("a")
    (folder / "mine.parquet").write_bytes(content)
    for look in (read, read_headers):
        with pytest.raises(ResultsError) as caught:
            look(folder)
        assert str(caught.value).startswith(f"{folder}/mine.parquet: damaged, or not a results file")


@pytest.mark.parametrize("columns", [{"x": [1]}, {"run": [1.5], "status": [2]}])
def test_parquet_file_of_something_else_is_named(folder, dead, columns):
    dead("a")
    pd.DataFrame(columns).to_parquet(folder / "mine.parquet")
    with pytest.raises(ResultsError, match=r"mine.parquet: (damaged|not written by bench)"):
        read(folder)


def test_sessions_are_read_together(folder, dead):
    dead("a")
    publish_abandoned(folder)
    dead("b")
    session = open_session(folder, {"suite": "newest"})
    session.append(common("c"), [VALUE])
    assert runs_in(folder) == ["a", "b", "c"]
    assert len(read_headers(folder)) == 3
    session.close()
    assert runs_in(folder) == ["a", "b", "c"]


def test_headers_come_oldest_first(folder, dead):
    for number in (2, 1, 3):
        path = dead("a")
        lines = path.read_text().split("\n")
        path.write_text("\n".join([json.dumps({"number": number}), *lines[1:]]))
        path.rename(path.with_name(f"2026010{number}T000000-x.jsonl"))
    assert [header["number"] for header in read_headers(folder)] == [1, 2, 3]
    publish_abandoned(folder)
    assert [header["number"] for header in read_headers(folder)] == [1, 2, 3]


def test_pandas_reads_the_folder_as_the_whole_table(folder, dead):
    dead("a")
    publish_abandoned(folder)
    dead("b")
    publish_abandoned(folder)
    dead("c")  # stays a journal
    (folder / "_logs" / "a.log").write_text("text")
    (folder / "_report" / "report.md").write_text("text")
    (folder / "_journal" / "x.parquet.tmp").write_bytes(b"half")
    table = pd.read_parquet(folder)
    assert sorted(table["run"]) == ["a", "b"]
    assert list(table.columns) == SCHEMA.names


def test_hidden_parquet_files_are_passed_over(folder, dead):
    dead("a")
    (folder / "_mine.parquet").write_bytes(b"half")
    (folder / "._mine.parquet").write_bytes(b"what macOS leaves")
    assert runs_in(folder) == ["a"]
    assert read_headers(folder) == [HEADER]


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(ResultsError, match="nowhere: no such results folder"):
        read(tmp_path / "nowhere")


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ResultsError, match=r"taken/s cannot be written: .*; choose another with --results"):
        open_session(tmp_path / "taken" / "s", HEADER)


def test_disk_that_is_full(folder):
    """A limit on the file's size stops a write half-way, as a full disk does."""
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = os.fstat(session.file.fileno()).st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    try:
        with pytest.raises(ResultsError, match=r"_journal/.*jsonl: cannot be written: "):
            session.append(common("b"), [VALUE])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert runs_in(folder) == ["a"]
    session.append(common("c"), [VALUE])  # there is room again
    assert session.close() is not None
    assert runs_in(folder) == ["a", "c"]
