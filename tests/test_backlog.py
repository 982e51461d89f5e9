"""What a session still has to do: retries, runs that other sessions hold or have ended, and checkpoints."""

from types import SimpleNamespace

import pytest

from harness import backlog as backlog_module
from harness.backlog import Backlog, Stop
from harness.executors import EndedElsewhere
from harness.leases import Leases
from harness.ledger import Last, Ledger

STATUSES = ["done", "failed", "killed", "timed-out", "out-of-memory", "diverged", "skipped"]


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(backlog_module, "time", clock)
    return clock


class Side:
    """One session with its backlog, as `harness.runner` puts them together."""

    def __init__(self, folder, session, runs, retry):
        self.folder, self.session, self.stop, self.passed = folder, session, Stop(), []
        self.ledger = Ledger(folder)
        self.ledger.refresh()
        leases = Leases(folder, session.journal)
        runs = [SimpleNamespace(id=run) for run in runs]
        self.backlog = Backlog(runs, self.ledger, leases, self.stop, retry=retry, passed=self.passed.append)

    def take(self):
        """Take the next attempt and return its run's id and its number."""
        self.attempt = self.backlog.take()
        return self.attempt and (self.attempt.run.id, self.attempt.number)

    def end(self, status, attempt=None):
        attempt = attempt or self.attempt
        common = _attempt(attempt.run.id, attempt=attempt.number, status=status, reason="", session="")
        self.session.append(common, [])
        self.backlog.ended(attempt, status)

    def die(self):
        self.session.journal.close()


def _attempt(run, **columns):
    return {"run": run, "started_at": "2026-01-02T03:04:05+00:00", **columns}


@pytest.fixture
def side(folder, began, clock):
    return lambda *runs, retry=0: Side(folder, began(folder), runs, retry)


@pytest.fixture
def links(folder):
    return lambda: sorted(path.name for path in (folder / "_leases").iterdir())


def test_runs_come_in_order_with_their_files(side, folder):
    mine = side("a", "b")
    assert mine.backlog.waiting == 2
    first, second = mine.backlog.take(), mine.backlog.take()
    assert (first.run.id, first.number, second.run.id, second.number) == ("a", 1, "b", 1)
    assert first.log == folder / "_logs" / "a-1.log"
    assert first.checkpoint == folder / "_checkpoints" / "a.pt"
    assert mine.backlog.waiting == 0
    assert mine.backlog.take() is None


def test_attempts_are_numbered_on(side, folder, ended):
    ended(folder, ("a", {"status": "failed"}), ("a", {"status": "failed", "attempt": 2}))
    mine = side("a")
    assert mine.take() == ("a", 3)
    assert mine.attempt.log == folder / "_logs" / "a-3.log"


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("retry", [0, 1, 3])
@pytest.mark.parametrize("status", STATUSES)
def test_what_may_be_luck_is_retried_so_often_in_each_session(side, folder, ended, links, status, retry, before):
    for number in range(1, before + 1):
        ended(folder, ("a", {"status": "killed", "attempt": number}))
    mine = side("a", retry=retry)
    tries = 1 + retry if status in ("killed", "out-of-memory") else 1
    for number in range(before + 1, before + 1 + tries):
        assert mine.take() == ("a", number)
        assert links() == ["a.1"]
        mine.end(status)
    assert mine.take() is None
    assert mine.backlog.waiting == 0
    assert links() == []
    assert mine.ledger.last("a") == Last(before + tries, status)


def test_retry_comes_after_the_others_and_stops_when_it_succeeds(side):
    mine = side("a", "b", retry=5)
    assert mine.take() == ("a", 1)
    mine.end("killed")
    assert mine.backlog.waiting == 2
    assert mine.take() == ("b", 1)
    mine.end("done")
    assert mine.take() == ("a", 2)
    mine.end("done")
    assert mine.take() is None


def test_no_other_session_gets_a_run_between_its_tries(side, clock):
    mine, other = side("a", retry=1), side("a")
    mine.take()
    mine.end("killed")
    assert other.take() is None
    assert other.backlog.waiting == 1
    mine.take()
    mine.end("failed")
    clock.now += 10
    assert other.take() is None
    assert other.backlog.waiting == 0
    assert [(event.run.id, event.status) for event in other.passed] == [("a", "failed")]


@pytest.mark.parametrize("status", STATUSES)
def test_run_that_was_ended_elsewhere_is_passed_over_however_it_ended(side, status, links):
    mine, other = side("a", "b"), side("a", "b")
    assert other.take() == ("a", 1)
    other.end(status)
    assert mine.take() == ("b", 1)
    (event,) = mine.passed
    assert isinstance(event, EndedElsewhere)
    assert (event.run.id, event.status) == ("a", status)
    assert links() == ["b.1"]
    assert mine.backlog.waiting == 0


@pytest.mark.parametrize("status", STATUSES)
def test_run_that_ended_elsewhere_by_what_may_be_luck_is_retried_where_this_session_retries(side, status):
    mine, other = side("a", retry=1), side("a")
    other.take()
    other.end(status)
    if status in ("killed", "out-of-memory"):
        assert mine.take() == ("a", 2)
        mine.end(status)
        assert mine.passed == []
    assert mine.take() is None


def test_run_that_another_session_holds_is_looked_at_again_after_a_while(side, clock):
    mine, other = side("a", "b"), side("a")
    other.take()
    assert mine.take() == ("b", 1)
    assert mine.backlog.waiting == 1
    looked = []
    take = mine.backlog._leases.take
    mine.backlog._leases.take = lambda run: looked.append(run) or take(run)
    for _ in range(5):
        clock.now += backlog_module.POLL / 10
        assert mine.take() is None
    assert looked == []
    clock.now += backlog_module.POLL
    for _ in range(5):
        assert mine.take() is None
    assert looked == ["a"]
    other.end("done")
    assert mine.backlog.waiting == 1
    clock.now += backlog_module.POLL * 1.01
    assert mine.take() is None
    assert mine.backlog.waiting == 0
    assert [event.status for event in mine.passed] == ["done"]


def test_new_runs_are_taken_before_those_that_others_hold(side, clock):
    mine, other = side("a", "b", "c", "d"), side("a")
    other.take()
    assert mine.take() == ("b", 1)
    clock.now += 10
    assert mine.take() == ("c", 1)
    assert mine.take() == ("d", 1)


@pytest.mark.parametrize("stored", [None, "killed", "done"])
def test_run_of_a_session_that_died_is_taken_over(side, clock, stored, links):
    mine, other = side("a"), side("a", retry=1)
    other.take()
    assert mine.take() is None
    if stored:
        common = _attempt("a", attempt=1, status=stored, reason="", session="")
        other.session.append(common, [])  # and it dies before it gives up its lease
    other.die()
    clock.now += 10
    if stored:
        assert mine.take() is None
        assert [event.status for event in mine.passed] == [stored]
        assert links() == []
    else:
        assert mine.take() == ("a", 1)
        assert links() == ["a.1", "a.2"]
        mine.end("done")
        assert links() == []
        assert mine.passed == []


def test_new_session_makes_the_next_attempt_where_another_died(side, clock):
    first = side("a", retry=9)
    first.take()
    first.end("killed")
    first.die()
    second = side("a")
    assert second.take() == ("a", 2)


@pytest.mark.parametrize("status", STATUSES)
def test_checkpoint_stays_where_another_attempt_may_go_on_from_it(side, folder, status):
    mine = side("a", "b")
    mine.take()
    mine.attempt.checkpoint.write_bytes(b"state")
    beside = folder / "_checkpoints" / "a.pt.12345"  # of a process that was killed while it saved
    beside.write_bytes(b"half")
    (folder / "_checkpoints" / "b.pt").write_bytes(b"state")
    mine.end(status)
    stays = status in ("killed", "out-of-memory", "timed-out")
    assert mine.attempt.checkpoint.exists() == stays
    assert beside.exists() == stays
    assert (folder / "_checkpoints" / "b.pt").exists()


def test_run_without_a_checkpoint_ends_like_any_other(side):
    mine = side("a")
    mine.take()
    mine.end("done")


def test_stop_is_passed_on(side):
    mine = side("a")
    assert not mine.backlog.stopping
    mine.stop.is_requested = True
    assert mine.backlog.stopping


@pytest.mark.parametrize("sessions", [2, 3])
def test_sessions_share_the_runs_and_each_hears_of_all(side, clock, sessions):
    runs = [f"{number:02x}" for number in range(20)]
    sides = [side(*runs) for _ in range(sessions)]
    made = []
    while any(one.backlog.waiting for one in sides):
        for one in sides:
            if taken := one.take():
                made.append(taken)
                one.end("done")
        clock.now += 2
    assert sorted(made) == [(run, 1) for run in runs]
    for one in sides:
        elsewhere = [event.run.id for event in one.passed]
        assert len(elsewhere) == len(set(elsewhere))
        assert all(one.ledger.last(run) == Last(1, "done") for run in runs)
