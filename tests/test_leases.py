"""Which session does which run: of all that want it one gets it, and of one that died another takes it over."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
import zlib
from collections import Counter

import pytest

from harness import journal
from harness import leases as leases_module
from harness.errors import ResultsError
from harness.leases import Leases


@pytest.fixture
def leases(folder, began):
    """Return a function that begins a session and returns its leases."""
    return lambda: Leases(folder, began(folder).journal)


def links(folder):
    return {path.name: os.readlink(path) for path in (folder / "_leases").iterdir()}


def foreign(folder, silent, name="20260101T000000-0000000f"):
    """Leave the journal of a session on another machine, silent for so many seconds."""
    text = json.dumps({"suite": "s", "machine": "another"}).encode()
    path = folder / "_journal" / f"{name}.journal"
    path.write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    then = time.time() - silent
    os.utime(path, (then, then))
    return path


def test_run_is_leased_by_one(leases, folder):
    mine, other = leases(), leases()
    assert mine.take("a")
    assert links(folder) == {"a.1": mine.journal.session}
    assert not other.take("a")
    assert not mine.take("a")
    assert other.take("b")
    mine.release("a")
    assert links(folder) == {"b.1": other.journal.session}
    assert other.take("a")
    other.release("never taken")


def test_run_whose_id_begins_like_another(leases, folder):
    mine, other = leases(), leases()
    assert mine.take("ab")
    assert other.take("a")
    mine.release("ab")
    assert set(links(folder)) == {"a.1"}


def test_lease_of_a_dead_session_is_taken_over(leases, folder):
    dead, mine, other = leases(), leases(), leases()
    assert dead.take("a")
    assert not mine.take("a")
    dead.journal.close()
    assert mine.take("a")
    assert links(folder) == {"a.1": dead.journal.session, "a.2": mine.journal.session}
    assert not other.take("a")
    mine.journal.close()
    assert other.take("a")
    assert set(links(folder)) == {"a.1", "a.2", "a.3"}
    other.release("a")
    assert links(folder) == {}


@pytest.mark.parametrize("published", [True, False])
def test_lease_of_a_session_whose_journal_is_gone_counts_no_more(leases, folder, published):
    dead, mine = leases(), leases()
    dead.take("a")
    dead.journal.close()
    if published:
        dead.journal.path.unlink()
    assert mine.take("a")


def test_numbers_are_compared_as_numbers(leases, folder):
    mine = leases()
    for number in (2, 9, 10):
        os.symlink("dead", folder / "_leases" / f"a.{number}")
    assert mine.take("a")
    assert "a.11" in links(folder)
    mine.release("a")
    assert links(folder) == {}


@pytest.mark.parametrize("silent", [0, journal.SILENCE - 5])
def test_session_of_another_machine_holds_its_run_until_it_is_silent(leases, folder, silent):
    mine = leases()
    path = foreign(folder, silent)
    os.symlink(path.stem, folder / "_leases" / "a.1")
    assert not mine.take("a")
    then = time.time() - journal.SILENCE - 1
    os.utime(path, (then, then))
    assert mine.take("a")
    assert set(links(folder)) == {"a.1", "a.2"}


def test_living_lease_below_a_dead_one_counts(leases, folder):
    """A session that was slow may have made a link whose number was given up."""
    mine, other = leases(), leases()
    os.symlink(other.journal.session, folder / "_leases" / "a.1")
    os.symlink("dead", folder / "_leases" / "a.2")
    assert not mine.take("a")


@pytest.mark.parametrize("stranger", ["a", "a.", "a.x", "a.1.swp", "a.-1", ".nfs0001", "a.1~", "a.²", "a.b.1"])
def test_file_that_is_no_lease_is_passed_over(leases, folder, stranger):
    mine = leases()
    (folder / "_leases" / stranger).write_text("not a link")
    assert mine.take("a")
    mine.release("a")
    assert [path.name for path in (folder / "_leases").iterdir()] == [stranger]


def test_file_in_the_place_of_a_lease_holds_nothing(leases, folder):
    mine = leases()
    (folder / "_leases" / "a.1").write_text("not a link")
    assert mine.take("a")
    assert (folder / "_leases" / "a.2").is_symlink()


def test_own_lease_goes_last(leases, folder, monkeypatch):
    """As long as it stands, nobody makes a link that this session would then remove for an old one."""
    mine, other = leases(), leases()
    for number in (1, 2):
        os.symlink("dead", folder / "_leases" / f"a.{number}")
    mine.take("a")
    unlink, seen = type(folder).unlink, []

    def watched(path, missing_ok=False):
        seen.append(path.name)
        assert not other.take("a")
        unlink(path, missing_ok)

    monkeypatch.setattr(type(folder), "unlink", watched)
    mine.release("a")
    assert seen == ["a.1", "a.2", "a.3"]
    monkeypatch.undo()
    assert other.take("a")


@pytest.mark.parametrize("before", [[], ["a.1"], ["a.1", "a.2"]])
def test_two_that_saw_different_links_do_not_both_get_the_run(leases, folder, monkeypatch, before):
    """One listed the links before a third session gave them up, the other afterwards."""
    first, second = leases(), leases()
    for name in before:
        os.symlink("dead", folder / "_leases" / name)
    symlink, taken = os.symlink, []

    def interrupted(session, link):
        monkeypatch.setattr(leases_module.os, "symlink", symlink)
        for name in before:
            (folder / "_leases" / name).unlink()
        taken.append(second.take("a"))
        symlink(session, link)

    monkeypatch.setattr(leases_module.os, "symlink", interrupted)
    with contextlib.suppress(FileExistsError):
        taken.append(first.take("a"))
    assert taken == [True, False]
    assert list(links(folder).values()) == [second.journal.session]
    second.release("a")
    assert first.take("a")


def test_link_that_was_made_after_others_were_given_up_is_not_taken_for_one_of_them(leases, folder, monkeypatch):
    """Two sessions saw two dead links; while one was slow, the other did the run, and a third began to take it."""
    slow, third = leases(), leases()
    for name in ("a.1", "a.2"):
        os.symlink("dead", folder / "_leases" / name)
    symlink = os.symlink

    def interrupted(session, link):
        monkeypatch.setattr(leases_module.os, "symlink", symlink)
        for name in ("a.1", "a.2"):
            (folder / "_leases" / name).unlink()
        symlink(session, link)

    monkeypatch.setattr(leases_module.os, "symlink", interrupted)
    assert slow.take("a")
    assert set(links(folder)) == {"a.3"}
    os.symlink(third.journal.session, folder / "_leases" / "a.1")  # it is about to look once more, and to let go
    slow.release("a")
    assert links(folder) == {"a.1": third.journal.session}


def test_session_that_goes_on_under_another_name_leases_under_it(leases, folder):
    mine, other = leases(), leases()
    mine.take("a")
    mine.journal.path.unlink()  # taken for dead, and published
    mine.journal.append({"common": {}, "values": []})
    assert mine.take("b")
    assert not other.take("b")
    assert other.take("a")  # which is then made twice; that is the price of so long a silence


def test_folder_that_cannot_be_written_is_named(leases, folder, monkeypatch):
    mine = leases()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "symlink", fail)
    with pytest.raises(ResultsError, match=r"_leases/a\.1: a run cannot be leased: .*No space left"):
        mine.take("a")
    (folder / "_leases").rmdir()
    with pytest.raises(ResultsError, match=r"_leases: cannot be read: "):
        mine.take("a")


WORKER = """
import os, random, sys, time
from pathlib import Path
from harness import journal
from harness.leases import Leases
from harness.store import open_session

folder, seed, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
drawn, held = random.Random(seed), folder.parent.parent / "held"
session = open_session(folder, {})
leases = Leases(folder, session.journal)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(rounds):
    run = drawn.choice("abc")
    if not leases.take(run):
        continue
    try:
        os.symlink(session.journal.session, held / run)
    except FileExistsError:
        holder = os.readlink(held / run)
        if journal.is_alive(folder / "_journal" / f"{holder}.journal"):
            print("both hold", run, flush=True)
        (held / run).unlink()
        os.symlink(session.journal.session, held / run)
    time.sleep(drawn.uniform(0, 0.0005))
    if os.readlink(held / run) != session.journal.session:
        print("somebody else got", run, flush=True)
    (held / run).unlink()
    leases.release(run)
    print("had", run, flush=True)
print("end", flush=True)
"""
ONCE = """
import sys
from pathlib import Path
from harness.leases import Leases
from harness.store import open_session
session = open_session(Path(sys.argv[1]), {})
leases = Leases(Path(sys.argv[1]), session.journal)
print("ready", flush=True)
sys.stdin.readline()
print(*[run for run in sys.argv[2].split() if leases.take(run)], flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start():
    """Return a function that starts a Python program; all that still run at the end are killed."""
    with contextlib.ExitStack() as stack:

        def of(text, *arguments):
            process = subprocess.Popen(
                [sys.executable, "-c", text, *map(str, arguments)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield of


def go(processes):
    """Have programs that are ready begin, all at once."""
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()


@pytest.mark.parametrize("left", ["nothing", "leases of the dead"])
def test_each_run_is_leased_by_exactly_one_of_several_processes(leases, folder, start, left):
    runs = [f"{number:03x}" for number in range(300)]
    dead = leases()
    if left != "nothing":
        for number, run in enumerate(runs):
            for generation in range(1, 1 + number % 3):
                os.symlink(dead.journal.session, folder / "_leases" / f"{run}.{generation}")
    dead.journal.close()
    processes = [start(ONCE, folder, " ".join(runs)) for _ in range(4)]
    go(processes)
    got = [process.stdout.readline().split() for process in processes]
    assert sorted(run for each in got for run in each) == runs


@pytest.mark.slow
@pytest.mark.slow
def test_leases_exclude_each_other_while_sessions_come_and_go(folder, start, tmp_path):
    """Taking and giving up as fast as can be, with sessions that are killed in the middle of either."""
    drawn, said = random.Random(0), []
    (tmp_path / "held").mkdir()
    processes = [start(WORKER, folder, seed, 10**6) for seed in range(4)]
    go(processes)
    for seed in range(4, 16):
        time.sleep(drawn.uniform(0.1, 0.25))
        victim = processes.pop(drawn.randrange(len(processes)))
        victim.kill()
        said += victim.communicate()[0].splitlines()
        new = start(WORKER, folder, seed, 10**6)
        go([new])
        processes.append(new)
    for process in processes:
        process.kill()
        said += process.communicate()[0].splitlines()
    kinds = Counter(line.partition(" ")[0] for line in said)
    assert set(kinds) == {"had"}, [line for line in said if not line.startswith("had ")]
    assert kinds["had"] > 100
