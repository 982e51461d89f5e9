"""A session's journal: what is on disk when, who lives, and what becomes of one that was taken for dead."""

import json
import os
import subprocess
import sys
import threading
import time
import zlib

import pytest

from harness import journal
from harness.errors import ResultsError
from harness.journal import SILENCE, Journal, is_alive, machine, parse, read, taken_over

RECORD = {"common": {"run": "a"}, "values": []}


def line(record):
    text = json.dumps(record).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


@pytest.fixture
def begin(tmp_path):
    """Return a function that begins a journal; all are closed at the end."""
    begun = []

    def make(header=None):
        begun.append(Journal(tmp_path, header or {"suite": "s"}))
        return begun[-1]

    yield make
    for one in begun:
        one.close()


@pytest.fixture
def foreign(tmp_path):
    """Return a function that leaves the journal of a session on another machine, silent for so many seconds."""

    def leave(silent, *lines):
        path = tmp_path / "20260101T000000-00000000.journal"
        path.write_bytes(b"".join([line({"suite": "s", "machine": "another"}), *lines]))
        then = time.time() - silent
        os.utime(path, (then, then))
        return path

    return leave


def test_record_is_on_disk_when_append_returns(begin):
    one = begin()
    assert one.append(RECORD)
    assert one.append(RECORD | {"values": [1.5]})
    contents = read(one.path)
    assert contents.header == {"suite": "s", "machine": machine()}
    assert contents.records == [RECORD, RECORD | {"values": [1.5]}]
    assert contents.damages == []
    assert one.session == one.path.stem


def test_values_that_json_does_not_know_come_back(begin):
    one = begin()
    one.append({"common": {"reason": "naïve ∞ \n\r\0 \u2028"}, "values": [float("inf"), float("nan"), 2**63]})
    (record,) = read(one.path).records
    assert record["common"]["reason"] == "naïve ∞ \n\r\0 \u2028"
    assert str(record["values"]) == "[inf, nan, 9223372036854775808]"


def test_names_of_sessions_differ_and_sort_by_time(begin):
    assert len({begin().session for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"00000000",  # the checksum of nothing
        b"00000000 ",
        b"\0" * 64,
        line([1, 2])[:-1],
        line("text")[:-1],
        line(5)[:-1],
        line({})[:-1],
        line({"common": {}})[:-1],
        line({"common": [], "values": []})[:-1],
        line({"common": {}, "values": {}})[:-1],
        line({"suite": "a second header"})[:-1],
        b"%08x %s" % (zlib.crc32(b"{"), b"{"),
        b"%08x %s" % (zlib.crc32(b"[" * 100_000), b"[" * 100_000),
        line(RECORD)[:-1].upper(),
        line(RECORD)[1:-1],
        b" " + line(RECORD)[:-1],
    ],
)
def test_damaged_line_is_named_and_costs_no_other(tmp_path, damage):
    path = tmp_path / "x.journal"
    path.write_bytes(line({"suite": "s"}) + line(RECORD) + damage + b"\n" + line(RECORD))
    contents = read(path)
    assert contents.header == {"suite": "s"}
    assert contents.records == [RECORD, RECORD]
    assert contents.damages == [f"{path}:3: damaged line"]


def test_every_cut_and_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "x.journal"
    whole = line({"suite": "s"}) + line(RECORD) + line({"common": {"run": "b"}, "values": []})
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        contents = read(path)
        assert contents.damages == []
        assert len(contents.records) == max(0, whole[:cut].count(b"\n") - 1)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        contents = read(path)
        assert contents.damages or whole[place + 1 :] == b""  # without its last line break, a line was cut off
        assert all(record in (RECORD, {"common": {"run": "b"}, "values": []}) for record in contents.records)


def test_damaged_header_costs_no_record(tmp_path):
    path = tmp_path / "x.journal"
    path.write_bytes(b"broken\n" + line(RECORD))
    assert (read(path).header, read(path).records) == ({}, [RECORD])
    assert read(path).damages == [f"{path}:1: damaged line"]


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "x.journal")
    assert not is_alive(tmp_path / "x.journal")
    with taken_over(tmp_path / "x.journal") as is_dead:
        assert not is_dead


def test_folder_instead_of_a_journal(tmp_path):
    (tmp_path / "x.journal").mkdir()
    with pytest.raises(ResultsError, match=r"x\.journal: cannot be read: "):
        read(tmp_path / "x.journal")


def test_session_lives_until_it_is_closed(begin):
    one = begin()
    assert is_alive(one.path)
    with taken_over(one.path) as is_dead:
        assert not is_dead
    path = one.path
    one.close()
    assert not is_alive(path)
    with taken_over(path) as is_dead:
        assert is_dead
        assert is_alive(path)  # to others, as long as it is being published
        with taken_over(path) as is_dead_too:
            assert not is_dead_too


def test_session_of_a_process_dies_with_it(tmp_path):
    program = (
        "import sys; from pathlib import Path; from harness.journal import Journal\n"
        "print(Journal(Path(sys.argv[1]), {}).path, flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        path = tmp_path / process.stdout.readline().strip()
        assert is_alive(path)
        process.kill()
        process.wait()
    assert not is_alive(path)


@pytest.mark.parametrize(("silent", "alive"), [(0, True), (SILENCE - 5, True), (SILENCE + 1, False), (10**6, False)])
def test_session_of_another_machine_lives_until_it_is_silent(foreign, silent, alive):
    path = foreign(silent)
    assert is_alive(path) == alive
    with taken_over(path) as is_dead:
        assert is_dead != alive


def test_clock_of_another_machine_that_is_ahead(foreign):
    assert is_alive(foreign(-3600))


def test_silence_is_measured_by_the_clock_of_the_disk(foreign, monkeypatch):
    """Our own clock may be hours off from that of a file server."""
    path = foreign(10)
    monkeypatch.setattr(journal.time, "time", lambda: time.monotonic())
    assert is_alive(path)


def test_folder_that_cannot_be_written_still_tells_who_lives(foreign, monkeypatch):
    def refuse(**_):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(journal.tempfile, "TemporaryFile", refuse)
    assert is_alive(foreign(10))
    assert not is_alive(foreign(SILENCE + 1))


def test_journal_of_another_user_is_left_to_them(begin, monkeypatch):
    one = begin()
    one.close()

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(journal, "open", refuse, raising=False)
    with taken_over(one.path) as is_dead:
        assert not is_dead


@pytest.mark.parametrize("error", [FileNotFoundError, BlockingIOError, ResultsError])
def test_error_while_a_journal_is_taken_over_is_told(begin, error):
    one = begin()
    one.close()
    with pytest.raises(error, match=r"^mine$"), taken_over(one.path):
        raise error("mine")
    with taken_over(one.path) as is_dead:  # and the lock is gone
        assert is_dead


def test_session_gives_signs_of_life(begin, monkeypatch):
    monkeypatch.setattr(journal, "BEAT", 0.01)
    one = begin()
    os.utime(one.path, (0, 0))
    end = time.monotonic() + 100
    while one.path.stat().st_mtime < time.time() - 60:
        assert time.monotonic() < end
        time.sleep(0.01)
    threads = threading.active_count()
    one.close()
    while threading.active_count() >= threads:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_session_that_was_taken_for_dead_goes_on_under_another_name(begin):
    one = begin()
    assert one.append(RECORD)
    first = one.path
    first.unlink()  # as another machine does when it has published it
    assert not one.append(RECORD)
    assert one.path != first
    assert read(one.path).header == {"suite": "s", "machine": machine()}
    assert read(one.path).records == []
    assert one.append(RECORD)
    assert read(one.path).records == [RECORD]
    assert is_alive(one.path)


def test_session_that_cannot_go_on_says_so(begin, monkeypatch):
    one = begin()
    one.path.unlink()

    def refuse(*_):
        raise OSError("no room")

    monkeypatch.setattr(one, "_begin", refuse)
    with pytest.raises(ResultsError, match="cannot be written: no room"):
        one.append(RECORD)


def test_failed_write_leaves_the_file_as_it_was(begin, monkeypatch):
    one = begin()
    one.append(RECORD)
    before = one.path.read_bytes()

    def fail(descriptor):
        raise OSError("no room")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ResultsError, match="cannot be written: no room"):
        one.append(RECORD)
    monkeypatch.undo()
    assert one.path.read_bytes() == before
    one.append(RECORD)
    assert read(one.path).records == [RECORD, RECORD]


def test_write_that_the_system_takes_in_parts(begin):
    class Slow:
        def __init__(self, file):
            self.file, self.name, self.fileno = file, file.name, file.fileno

        def write(self, text):
            return self.file.write(text[:3])

    one = begin()
    journal._append(Slow(one._file), RECORD)
    assert read(one.path).records == [RECORD]


def test_parse_and_line_agree(begin):
    one = begin()
    one.append(RECORD)
    assert parse(line(RECORD)[:-1]) == RECORD
    assert line(RECORD) in one.path.read_bytes()
