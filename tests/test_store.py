"""The results folder: the journal of a session, its Parquet file, and sessions that died or still live."""

import contextlib
import json
import os
import pickle
import resource
import subprocess
import sys
import types

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import journal, schema, store, upkeep
from harness.errors import ResultsError
from harness.journal import machine
from harness.ledger import Ledger
from harness.schema import SCHEMA
from harness.store import open_session, publish_abandoned, read

HEADER = {"suite": "s", "metrics": {"mse": {"better": "lower"}}}
HEADER_READ = HEADER | {"machine": machine()}


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

    def leave(*runs, header=HEADER):
        session = open_session(folder, header)
        for run in runs:
            session.append(common(run), [VALUE])
        session.journal.close()  # as the end of its process does
        return folder / "_journal" / f"{session.journal.session}.journal"

    return leave


def runs_in(folder):
    return sorted(read(folder).rows["run"].to_pylist())


def files(folder):
    return sorted(path.name for path in folder.glob("*.parquet"))


def test_append_is_on_disk_before_it_returns(folder):
    session = open_session(folder, HEADER)
    rows = session.append(common("a"), [VALUE, {**VALUE, "metric": "mae"}])
    (path,) = (folder / "_journal").iterdir()
    contents = journal.read(path)
    (record,) = contents.records
    assert contents.header == HEADER_READ
    assert [value["metric"] for value in record["values"]] == ["mse", "mae"]
    assert [row["metric"] for row in rows] == ["mse", "mae"]
    assert {row["session"] for row in rows} == {session.journal.session}
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
    assert path == folder / f"{session.journal.session}.parquet"
    assert not list((folder / "_journal").iterdir())
    assert read(folder).rows.schema.equals(SCHEMA)
    assert read(folder).headers == [HEADER_READ]
    a, b = read(folder).rows.to_pylist()
    assert (a["run"], a["value"], a["step"], a["started_at"].microsecond) == ("a", 0.25, 2, 6)
    assert a["schema_version"] == schema.SCHEMA_VERSION
    assert (b["run"], b["reason"], b["split"], b["value"], b["step"]) == ("b", "no luck", None, None, None)


def test_empty_session_leaves_no_file(folder):
    assert open_session(folder, HEADER).close() is None
    assert files(folder) == []
    assert not list((folder / "_journal").iterdir())
    assert read(folder).rows.num_rows == 0


def test_journal_of_a_session_that_runs_is_read(folder):
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    assert runs_in(folder) == ["a"]
    assert read(folder).headers == [HEADER_READ]
    session.close()


def test_journal_of_a_dead_session_is_read_and_published(folder, dead):
    journal = dead("a", "b")
    before = read(folder)
    assert runs_in(folder) == ["a", "b"]
    assert publish_abandoned(folder) == [folder / f"{journal.stem}.parquet"]
    assert not journal.exists()
    assert read(folder).rows.equals(before.rows)
    assert read(folder).headers == [HEADER_READ]
    assert publish_abandoned(folder) == []


def test_dead_session_that_stored_nothing_is_cleared_away(folder, dead):
    journal = dead()
    assert publish_abandoned(folder) == []
    assert not journal.exists()
    assert files(folder) == []


def test_session_that_died_before_its_header_was_written(folder):
    open_session(folder, HEADER).close()
    (folder / "_journal" / "20260101T000000-0.journal").write_text('{"suite"')
    assert read(folder).rows.num_rows == 0
    assert read(folder).headers == [{}]
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
    flock = journal.fcntl.flock

    def interrupted(file, operation):
        monkeypatch.setattr(journal.fcntl, "flock", flock)
        publish_abandoned(folder)
        flock(file, operation)

    monkeypatch.setattr(journal.fcntl, "flock", interrupted)
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    assert runs_in(folder) == ["a"]
    session.close()
    assert runs_in(folder) == ["a"]


def test_journal_that_vanishes_after_it_was_listed(folder, dead):
    """Two sessions that begin at once publish the same abandoned journals."""
    dead("a")
    (folder / "_journal" / "20260101T000000-gone.journal").symlink_to(
        folder / "nowhere"
    )  # listed, but not to be opened
    assert len(publish_abandoned(folder)) == 1
    assert runs_in(folder) == ["a"]


def test_line_that_a_death_cut_off_is_passed_over(folder, dead):
    journal = dead("a", "b")
    journal.write_text(journal.read_text()[:-30])
    assert runs_in(folder) == ["a"]
    publish_abandoned(folder)
    assert runs_in(folder) == ["a"]


@pytest.mark.parametrize(
    "damage", [b"", b"5", b"00000000 {}", b"\xff\xfe{}", b'{"common": {}, "values": []}', b'12345678 {"common": {']
)
def test_damaged_line_in_the_middle_is_named(folder, dead, damage):
    journal = dead("a", "b", "c")
    lines = journal.read_bytes().split(b"\n")
    lines[2] = damage
    journal.write_bytes(whole := b"\n".join(lines))
    assert read(folder).damages == [f"{journal}:3: damaged line"]
    assert runs_in(folder) == ["a", "c"]
    publish_abandoned(folder)
    assert runs_in(folder) == ["a", "c"]
    assert not journal.exists()
    assert journal.with_suffix(".damaged").read_bytes() == whole  # nothing is deleted that somebody could still mend


def test_journal_and_parquet_of_one_session_count_once(folder, dead):
    journal = dead("a")
    kept = journal.read_text()
    publish_abandoned(folder)
    journal.write_text(kept)  # the session died after it had renamed its file and before it removed the journal
    assert runs_in(folder) == ["a"]
    assert len(read(folder).headers) == 1
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
    (damage,) = read(folder).damages
    assert damage.startswith(f"{folder}/mine.parquet: damaged, or not a results file")
    assert runs_in(folder) == ["a"]
    assert (folder / "mine.parquet").read_bytes() == content


@pytest.mark.parametrize("columns", [{"x": [1]}, {"run": [1.5], "status": [2]}])
def test_parquet_file_of_something_else_is_named(folder, dead, columns):
    dead("a")
    pd.DataFrame(columns).to_parquet(folder / "mine.parquet")
    assert read(folder).damages == [
        f"{folder}/mine.parquet: not written by bench: its metadata has no key 'bench'; move it away"
    ]
    assert runs_in(folder) == ["a"]


def test_sessions_are_read_together(folder, dead):
    dead("a")
    publish_abandoned(folder)
    dead("b")
    session = open_session(folder, {"suite": "newest"})
    session.append(common("c"), [VALUE])
    assert runs_in(folder) == ["a", "b", "c"]
    assert len(read(folder).headers) == 3
    session.close()
    assert runs_in(folder) == ["a", "b", "c"]


def test_headers_come_oldest_first(folder, dead):
    for number in (2, 1, 3):
        path = dead("a", header={"number": number})
        path.rename(path.with_name(f"2026010{number}T000000-x.journal"))
    assert [header["number"] for header in read(folder).headers] == [1, 2, 3]
    publish_abandoned(folder)
    assert [header["number"] for header in read(folder).headers] == [1, 2, 3]


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
    assert read(folder).headers == [HEADER_READ]


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
    size = session.journal.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    try:
        with pytest.raises(ResultsError, match=r"_journal/.*journal: cannot be written: "):
            session.append(common("b"), [VALUE])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert runs_in(folder) == ["a"]
    session.append(common("c"), [VALUE])  # there is room again
    assert session.close() is not None
    assert runs_in(folder) == ["a", "c"]


def test_session_that_was_taken_for_dead_keeps_every_row_under_its_names(folder):
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    first = session.journal.session
    with monkeypatched_lock():
        publish_abandoned(folder)
    (row,) = session.append(common("b"), [VALUE])
    second = session.journal.session
    assert row["session"] == second != first
    session.close()
    assert [path.stem for path in store.files(folder)] == sorted([first, second])
    assert {row["run"]: row["session"] for row in read(folder).rows.to_pylist()} == {"a": first, "b": second}
    assert {session for file in store.read_files(folder)[0] for session in file.headers} == {first, second}


def test_session_that_was_taken_for_dead_after_its_last_run_ends_well(folder):
    session = open_session(folder, HEADER)
    session.append(common("a"), [VALUE])
    with monkeypatched_lock():
        publish_abandoned(folder)
    assert session.close() is None
    assert runs_in(folder) == ["a"]


def monkeypatched_lock():
    """Have locks of journals not reach here, as those of another machine may not."""
    patch = pytest.MonkeyPatch()
    patch.setattr(journal.fcntl, "flock", lambda *_: None)
    return contextlib.closing(types.SimpleNamespace(close=patch.undo))


def test_text_that_is_no_text_does_not_cost_the_session(folder):
    session = open_session(folder, HEADER | {"title": "\udcff"})
    session.append(common("a", reason="no file a\udcff"), [])
    session.append(common("b", reason="\ud800 \0 \r\n \u2028 ∞"), [VALUE])
    reasons = [row["reason"] for row in read(folder).rows.to_pylist()]
    assert reasons == ["no file a?", "? \0 \r\n \u2028 ∞"]
    session.close()
    assert [row["reason"] for row in read(folder).rows.to_pylist()] == reasons


@pytest.mark.parametrize(
    "columns",
    [
        {"attempt": "first"},
        {"started_at": "yesterday"},
        {"started_at": None},
        {"seed": 2**63},
        {"status": ["done"]},
        {"attempt": None},
    ],
)
def test_record_of_another_program_is_named_and_costs_no_other(folder, dead, columns):
    """Its checksum is right, so that it is not damaged; no version of this program has written it."""
    dead("a")
    publish_abandoned(folder)
    session = open_session(folder, HEADER)
    session.append(common("c"), [VALUE])
    session.journal.append({"common": whole("b") | columns, "values": [VALUE]})
    session.append(common("d"), [VALUE])
    path = session.journal.path
    (damage,) = read(folder).damages
    assert damage.startswith(f"{path}: a record is not as this version of bench writes it: ")
    assert runs_in(folder) == ["a", "c", "d"]
    session.close()
    assert runs_in(folder) == ["a", "c", "d"]
    assert path.with_suffix(".damaged").exists()


def test_reader_beside_a_compaction_sees_every_row(folder, dead, monkeypatch):
    """Files may be merged between the moment they are listed and the moment they are read."""
    dead("a"), dead("b")
    publish_abandoned(folder)
    read_file, once_more = store.read_file, []

    def interrupted(path):
        if not once_more:
            once_more.append(path)
            upkeep.compact(folder)
        return read_file(path)

    monkeypatch.setattr(store, "read_file", interrupted)
    assert runs_in(folder) == ["a", "b"]
    assert len(store.files(folder)) == 1


def test_link_that_leads_nowhere_is_no_file(folder, dead):
    dead("a")
    (folder / "x.parquet").symlink_to(folder / "nowhere")
    assert runs_in(folder) == ["a"]
    assert read(folder).damages == []


def write(folder, name, *sessions):
    """Write a file with one run in each session, named as the session."""
    rows = [row for session in sessions for row in schema.as_rows({"common": whole(session), "values": [VALUE]})]
    store.write_file(folder / name, pa.Table.from_pylist(rows, schema=SCHEMA), {session: {} for session in sessions})


def whole(session):
    return common(session, session=session, schema_version=1, task_source="t")


@pytest.mark.parametrize(
    "contents",
    [
        ["a", "ab"],
        ["ab", "a"],
        ["ab", "ab"],  # copied, or compacted by two machines at once
        ["ab", "ab", "ab", "a", "b"],
        ["abd", "abe", "de"],  # compacted on two machines and copied together
        ["ab", "bc", "ca"],
        ["a", "b", "d", "e"],
    ],
)
def test_session_that_stands_in_several_files_counts_once(folder, contents):
    folder.mkdir(parents=True)
    for number, sessions in enumerate(contents):
        write(folder, f"{number}.parquet", *sessions)
    assert runs_in(folder) == sorted(set("".join(contents)))
    assert len(read(folder).headers) == len(set("".join(contents)))
    upkeep.compact(folder)
    assert len(store.files(folder)) == 1
    assert runs_in(folder) == sorted(set("".join(contents)))


def test_file_of_the_first_version_holds_one_header(folder):
    folder.mkdir(parents=True)
    rows = schema.as_rows({"common": whole("a"), "values": [VALUE]})
    table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({"bench": '{"schema_version": 1, "title": "old"}'}))
    pq.write_table(table, folder / "a.parquet")
    assert runs_in(folder) == ["a"]
    assert read(folder).headers == [{"schema_version": 1, "title": "old"}]


def test_file_and_journal_of_version_1_know_no_tuning(folder, dead):
    folder.mkdir(parents=True)
    rows = schema.as_rows({"common": whole("a"), "values": [VALUE]})
    new = {"variant", "recipe", "origin", "trials", "trial"}
    old = pa.schema([field for field in SCHEMA if field.name not in new])
    table = pa.Table.from_pylist([{k: v for k, v in row.items() if k not in new} for row in rows], schema=old)
    pq.write_table(table.replace_schema_metadata({"bench": '{"a": {}}'}), folder / "a.parquet")
    dead("b")
    found = read(folder)
    assert (found.damages, found.rows.schema.equals(SCHEMA)) == ([], True)
    for row in found.rows.to_pylist():
        assert row["variant"] == row["method_params"]
        assert (row["recipe"], row["origin"], row["trials"], row["trial"]) == ("{}", None, 0, 0)
    upkeep.compact(folder)
    assert sorted(read(folder).rows["run"].to_pylist()) == ["a", "b"]


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def table_of(session="a", **columns):
    """Return a table of one row as this program writes it, with these columns instead of its own."""
    rows = schema.as_rows({"common": whole(session), "values": [VALUE]})
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def hostile(kind):
    """Return a table and the metadata under "bench" with which a stranger may try a reader."""
    good = json.dumps({"a": {}})
    if kind == "pickle":
        return table_of(reason=pa.array([pickle.dumps(Bomb())])), good
    if kind == "null":
        return table_of(run=pa.array([None], pa.string())), good
    if kind == "missing":
        return table_of().drop_columns(["reason"]), good
    if kind == "another":
        return table_of().append_column("more", pa.array([1])), good
    metadata = {"list": "[]", "text": '"a"', "numbers": '{"a": 1}', "none": "{}", "deep": "[" * 100_000, "half": "{",
                "bytes": b"\xff\xfe"}  # fmt: skip
    return table_of(), metadata[kind]


KINDS = ["pickle", "null", "missing", "another", "list", "text", "numbers", "none", "deep", "half", "bytes"]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_file_is_named_and_never_executed(folder, dead, monkeypatch, tmp_path, kind):
    dead("b")
    publish_abandoned(folder)
    monkeypatch.chdir(tmp_path)
    table, metadata = hostile(kind)
    pq.write_table(table.replace_schema_metadata({"bench": metadata, "pandas": b"{}"}), folder / "a.parquet")
    found, ledger = read(folder), Ledger(folder)
    ledger.refresh()
    (damage,) = found.damages
    assert damage.startswith(f"{folder / 'a.parquet'}: ")
    assert found.rows["run"].to_pylist() == ["b"]
    assert ledger.damages == found.damages
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["arrow.py_extension_type", "arrow.opaque", "pandas.period", "loader"])
def test_type_of_an_extension_is_never_loaded(folder, dead, monkeypatch, tmp_path, name):
    dead("b")
    publish_abandoned(folder)
    monkeypatch.chdir(tmp_path)
    about = {"ARROW:extension:name": name, "ARROW:extension:metadata": pickle.dumps(Bomb())}
    field = pa.field("reason", pa.string(), metadata=about)
    schema = SCHEMA.set(SCHEMA.get_field_index("reason"), field).with_metadata({"bench": '{"a": {}}'})
    pq.write_table(pa.table(table_of().columns, schema=schema), folder / "a.parquet")
    found = read(folder)  # a type that nobody has registered is the text that it is stored as
    assert found.damages or found.rows.schema.equals(SCHEMA)
    assert "b" in found.rows["run"].to_pylist()
    assert not (tmp_path / "exploded").exists()


def test_every_changed_byte_of_a_file_is_noticed_or_changes_nothing(folder, dead):
    dead("a")
    (path,) = publish_abandoned(folder)
    before, content = read(folder).rows, path.read_bytes()
    for place in range(0, len(content), 41):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        found = read(folder)
        if found.damages:
            assert found.rows.num_rows == 0
        elif not found.rows.equals(before):
            pytest.fail(f"byte {place} of {len(content)} changes what is read")
