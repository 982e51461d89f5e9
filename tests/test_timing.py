"""Calls timed in turns, by a clock of the test's own: warm-up apart, order, samples, ratios and their intervals."""

import gc
import random
import statistics

import pytest

from harness.conditions import FEWEST_ROUNDS
from harness.measure import WARM_UP_STEPS, Ratio, Timing, first_call, interleaved, ratio
from harness.measure.timing import SAMPLE_SECONDS


class Machine:
    """A machine whose clock only its calls move: `call(name, seconds)` takes so long, times `slowness` of the time."""

    def __init__(self, slowness=lambda now: 1.0):
        self.now, self.log, self.slowness = 0.0, [], slowness

    def clock(self):
        return self.now

    def call(self, name, seconds, first=None):
        lasts = [first] if first else []

        def run():
            self.log.append(name)
            self.now += (lasts.pop() if lasts else seconds) * self.slowness(self.now)

        return run

    def race(self, calls, **options):
        return interleaved(calls, "cpu", clock=self.clock, **options)


def test_first_call_is_apart():
    machine = Machine()
    call = machine.call("a", 0.1, first=3.0)
    assert first_call(call, "cpu", machine.clock) == 3.0
    assert first_call(call, "cpu", machine.clock) == pytest.approx(0.1)


def test_warm_up_is_not_counted():
    machine = Machine()
    timing = machine.race({"a": machine.call("a", 0.1, first=3.0)}, rounds=8)["a"]
    assert timing.samples == pytest.approx([0.1] * 8)
    assert machine.log == ["a"] * (WARM_UP_STEPS + 8)


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 1), (SAMPLE_SECONDS / 2, 2), (SAMPLE_SECONDS / 100, 100)])
def test_sample_is_as_many_calls_as_a_clock_needs(seconds, calls):
    machine = Machine()
    timing = machine.race({"a": machine.call("a", seconds)}, rounds=6)["a"]
    assert timing.median == pytest.approx(seconds)
    assert len(machine.log) - WARM_UP_STEPS == pytest.approx(6 * calls, abs=6)  # rounding up what may be 100.0001


def test_each_round_has_each_call_and_every_second_goes_backwards():
    machine = Machine()
    machine.race({name: machine.call(name, 0.1) for name in "abc"}, rounds=40)
    log = machine.log[3 * WARM_UP_STEPS :]
    rounds = [tuple(log[i : i + 3]) for i in range(0, len(log), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert all(back == forth[::-1] for forth, back in zip(rounds[::2], rounds[1::2], strict=True))
    assert len(set(rounds)) == 6  # all orders come up


def test_order_is_that_of_the_seed():
    def order(seed):
        machine = Machine()
        machine.race({name: machine.call(name, 0.1) for name in "abc"}, rounds=20, seed=seed)
        return machine.log

    assert order(1) == order(1) != order(2)


def test_steady_drift_leaves_the_ratio():
    """A machine that slows down to a tenth: one call after the other would be off by far more."""
    machine = Machine(slowness=lambda now: 1 + 9 * now / 100)
    calls = {"a": machine.call("a", 0.2), "b": machine.call("b", 0.1)}
    times = machine.race(calls, rounds=40)
    found = ratio(times["a"], times["b"])
    assert found.low < 2 < found.high
    assert found.median == pytest.approx(2, rel=0.02)
    assert max(times["b"].samples) > 2 * min(times["b"].samples)


def test_bursts_of_noise_leave_the_ratio():
    drawn = random.Random(0)
    machine = Machine(slowness=lambda now: 20.0 if drawn.random() < 0.1 else 1.0)
    calls = {"a": machine.call("a", 0.3), "b": machine.call("b", 0.1)}
    times = machine.race(calls, rounds=30)
    assert ratio(times["a"], times["b"]).median == pytest.approx(3)


def test_noise_floor_is_the_reference_against_itself():
    """Its interval holds 1, is as wide as the noise, and narrows with more rounds."""
    widths = []
    for rounds in (10, 160):
        drawn = random.Random(3)
        machine = Machine(slowness=lambda now, drawn=drawn: drawn.lognormvariate(0, 0.1))
        call = machine.call("b", 0.1)
        times = machine.race({"reference": call, "again": call}, rounds=rounds)
        found = ratio(times["again"], times["reference"])
        assert found.low < 1 < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2 < 0.2


def test_interval_covers_the_median():
    """95 % of intervals from heavy-tailed ratios hold the true median, at 6 rounds as at 15."""
    drawn = random.Random(0)
    for rounds in (6, 15):
        held = 0
        for _ in range(2000):
            sample = [drawn.lognormvariate(0, 3) for _ in range(rounds)]
            found = ratio(Timing(tuple(sample)), Timing((1.0,) * rounds))
            held += found.low <= 1 <= found.high
        assert 0.94 < held / 2000 < 0.99


def test_interval_is_between_order_statistics():
    """P(a median of n is outside) = 2 P(Binomial(n, 1/2) < k): k is 1 of 6, 3 of 12, 6 of 20."""
    for n, k in ((6, 1), (12, 3), (20, 6)):
        numbers = [float(i + 1) for i in range(n)]
        found = ratio(Timing(tuple(reversed(numbers))), Timing((1.0,) * n))
        assert found == Ratio(statistics.median(numbers), numbers[k - 1], numbers[n - k])


def test_too_few_rounds():
    machine = Machine()
    with pytest.raises(ValueError, match=r"^an interval needs at least 6 rounds, and there are 5$"):
        machine.race({"a": machine.call("a", 1.0)}, rounds=5)
    with pytest.raises(ValueError, match=r"^an interval needs at least 6 rounds, and there are 5$"):
        ratio(Timing((1.0,) * 5), Timing((1.0,) * 5))


def test_limit_ends_the_rounds_but_for_the_fewest():
    for limit, rounds in ((0.0, FEWEST_ROUNDS), (10.0, 11), (1000.0, 30)):
        machine = Machine()
        times = machine.race({"a": machine.call("a", 1.0)}, rounds=30, limit=limit)
        assert len(times["a"].samples) == rounds


def test_quartiles():
    assert Timing((1.0, 2.0, 3.0, 4.0, 100.0)).quartiles == (2.0, 4.0)


def test_the_collector_waits_and_is_let_go_even_after_an_error():
    seen = []

    def fails():
        seen.append(gc.isenabled())
        if not seen[-1]:
            raise KeyError

    with pytest.raises(KeyError):
        interleaved({"a": fails}, "cpu", rounds=6)
    assert seen[-1] is False
    assert gc.isenabled()
