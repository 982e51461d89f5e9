"""What the ledger knows of a results folder that others write to, compact and damage meanwhile."""

import pytest

from harness import store, upkeep
from harness.ledger import NEVER, Last, Ledger
from harness.results import Results


def at(time, status="done", attempt=1):
    return {"status": status, "attempt": attempt, "started_at": f"2026-01-02T{time}+00:00"}


@pytest.fixture
def ledger(folder):
    return Ledger(folder)


def test_folder_that_is_not_there_holds_nothing(ledger):
    ledger.refresh()
    assert ledger.last("a") == NEVER == Last(0, "")
    assert ledger.damages == []


def test_sessions_of_every_kind_count(ledger, folder, ended, died, began):
    ended(folder, "a")
    died(folder, "b")
    began(folder, "c", ("d", {"status": "failed", "reason": "no luck"}))
    ledger.refresh()
    assert [ledger.last(run) for run in "abcde"] == [
        Last(1, "done"), Last(1, "done"), Last(1, "done"), Last(1, "failed", "no luck"), NEVER,
    ]  # fmt: skip


def test_what_a_living_session_adds_is_seen_and_read_once(ledger, folder, began, monkeypatch):
    session = began(folder, "a")
    ledger.refresh()
    began_with = ledger._read[session.journal.path]
    session.append({**_common(folder), "run": "b"}, [])
    ledger.refresh()
    assert ledger.last("b") == Last(1, "done")
    assert ledger._read[session.journal.path] > began_with
    monkeypatch.setattr(ledger, "_take", lambda row: pytest.fail(f"{row} is read twice"))
    ledger.refresh()


def _common(folder):
    return dict(store.read(folder).rows.to_pylist()[0]) | {"started_at": "2026-01-02T03:04:05+00:00"}


def test_line_that_is_half_written_is_read_when_it_is_whole(ledger, folder, died):
    path = died(folder, "a", "b")
    whole = path.read_bytes()
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        ledger.refresh()
    path.write_bytes(whole)
    ledger.refresh()
    assert ledger.damages == []
    assert ledger.last("b") == Last(1, "done")


def test_session_that_is_published_meanwhile_is_not_lost(ledger, folder, died):
    died(folder, "a")
    ledger.refresh()
    store.publish_abandoned(folder)
    ledger.refresh()
    assert ledger.last("a") == Last(1, "done")
    assert ledger.damages == []


def test_file_that_is_compacted_after_it_was_listed_is_not_lost(ledger, folder, ended, monkeypatch):
    ended(folder, "a")
    ended(folder, "b")
    read_file, calls = store.read_file, []

    def interrupted(path):
        if not calls:
            calls.append(path)
            upkeep.compact(folder)
        return read_file(path)

    monkeypatch.setattr(store, "read_file", interrupted)
    ledger.refresh()
    assert (ledger.last("a").status, ledger.last("b").status) == ("done", "done")
    assert ledger.damages == []


def test_last_attempt_counts_in_whatever_order_it_is_stored(ledger, folder, ended):
    ended(folder, ("a", at("03:00:00", "done", 3)))
    ended(folder, ("a", at("01:00:00", "failed", 1)), ("a", at("02:00:00", "killed", 2)))
    ledger.refresh()
    assert ledger.last("a") == Last(3, "done")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (at("01:00:00"), at("02:00:00", "killed")),
        (at("01:00:00", "killed"), at("02:00:00")),
        (at("01:00:00"), at("01:00:00.5", "killed")),
        (at("01:00:00.25", "killed"), at("01:00:00.5")),
    ],
)
@pytest.mark.parametrize("stored", ["first", "last"])
@pytest.mark.parametrize("published", [True, False])
def test_of_an_attempt_that_two_sessions_made_the_first_counts(
    ledger, folder, ended, died, first, second, stored, published
):
    order = [first, second] if stored == "first" else [second, first]
    leave = ended if published else died
    for columns in order:
        leave(folder, ("a", columns))
    ledger.refresh()
    assert ledger.last("a").status == first["status"]


def test_the_ledger_and_the_results_agree(ledger, folder, ended):
    ended(folder, ("a", at("02:00:00", "killed")), ("b", {**at("01:00:00"), "seed": 1}))
    ended(folder, ("a", at("01:00:00")), ("b", {**at("02:00:00", "failed"), "seed": 1}))
    ledger.refresh()
    runs = Results.load(folder).runs.set_index("run")
    assert {run: ledger.last(run).status for run in "ab"} == dict(runs["status"]) == {"a": "done", "b": "done"}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_damaged_file_is_named_once(ledger, folder, ended, content):
    ended(folder, "a")
    (folder / "x.parquet").write_bytes(content)
    ledger.refresh()
    ledger.refresh()
    (damage,) = ledger.damages
    assert damage.startswith(f"{folder}/x.parquet: damaged, or not a results file")
    assert ledger.last("a").status == "done"


def test_file_whose_values_are_damaged_does_not_count(ledger, folder, ended):
    """Else its runs would count as done, and have no value."""
    path = ended(folder, "a")
    content = bytearray(path.read_bytes())
    place = content.index(b"\0\0\0\0\0\0\xd0\x3f")  # 0.25
    content[place + 7] ^= 1
    path.write_bytes(content)
    ledger.refresh()
    assert len(ledger.damages) == 1
    assert ledger.last("a") == NEVER


def test_damaged_line_is_named_once(ledger, folder, died):
    path = died(folder, "a", "b", "c")
    lines = path.read_bytes().split(b"\n")
    lines[2] = b"\xff" + lines[2]
    path.write_bytes(b"\n".join(lines))
    ledger.refresh()
    ledger.refresh()
    assert ledger.damages == [f"{path}: damaged line"]
    assert [ledger.last(run).attempt for run in "abc"] == [1, 0, 1]
