"""Size, time and memory."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from harness.measure import WARM_UP_STEPS, PeakMemory, Size, StepTimer, parameter_count, size, timing
from harness.measure import memory as memory_module


class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.real = nn.Parameter(torch.zeros(2, 3))
        self.complex = nn.Parameter(torch.zeros(5, dtype=torch.complex64))
        self.frozen = nn.Parameter(torch.zeros(7), requires_grad=False)
        self.register_buffer("fixed", torch.zeros(11))


def test_parameters_are_trainable_real_numbers():
    assert parameter_count(Mixed()) == 2 * 3 + 2 * 5


def test_size_tells_trainable_total_and_bytes():
    assert size(Mixed()) == Size(trainable=16, total=23, bytes=4 * 6 + 8 * 5 + 4 * 7)
    assert size(Mixed().double()).bytes == 8 * 6 + 8 * 5 + 8 * 7  # double() leaves complex numbers as they are


def test_shared_parameter_counts_once():
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    assert parameter_count(nn.Sequential(first, second, first)) == 9


def test_model_without_parameters():
    assert parameter_count(nn.Identity()) == 0


@pytest.fixture
def sleep(monkeypatch):
    """Return what lets time pass on the clock of the timer: what the machine does besides changes no measurement."""
    now = [1000.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def sleep(seconds):
        now[0] += seconds

    return sleep


@pytest.fixture
def timed(sleep):
    def timed(*seconds, pause=0.0):
        timer = StepTimer("cpu")
        for step in seconds:
            with timer:
                sleep(step)
            sleep(pause)
        return pytest.approx(timer.seconds_per_step)

    return timed


def test_timer_leaves_out_warm_up(timed):
    assert timed(*[50.0] * WARM_UP_STEPS, 1.0, 1.0, 1.0) == 1.0


def test_timer_leaves_out_the_time_between_steps(timed):
    assert timed(*[1.0] * (WARM_UP_STEPS + 3), pause=30.0) == 1.0


def test_timer_is_a_median(timed):
    assert timed(*[0.0] * WARM_UP_STEPS, 1.0, 300.0, 2.0) == 2.0


def test_timer_of_fewer_steps_than_warm_up(timed):
    assert timed(10.0) == 10.0


def test_timer_measures_the_time_of_the_clock_on_the_wall():
    timer = StepTimer("cpu")
    with timer:
        time.sleep(0.01)
    assert timer.seconds_per_step >= 0.01


@pytest.fixture
def carried_over(sleep):
    """Return the seconds per step of a run of several attempts, each with these seconds."""

    def carried_over(*attempts):
        state = {"warm_up": [], "seconds": []}
        for seconds in attempts:
            timer = StepTimer("cpu")
            timer.load(state)
            for step in seconds:
                with timer:
                    sleep(step)
            state = timer.state()
        return pytest.approx(timer.seconds_per_step)

    return carried_over


def test_timer_leaves_out_the_warm_up_of_each_attempt(carried_over):
    assert carried_over([50.0] * WARM_UP_STEPS + [1.0], [50.0] * WARM_UP_STEPS + [1.0]) == 1.0


def test_timer_counts_the_steps_of_earlier_attempts(carried_over):
    warm_up = [0.0] * WARM_UP_STEPS
    assert carried_over([*warm_up, 30.0, 30.0, 30.0], [*warm_up, 1.0]) == 30.0
    assert carried_over([*warm_up, 30.0], []) == 30.0


def test_timer_of_attempts_no_longer_than_warm_up(carried_over):
    assert carried_over([10.0], [10.0], []) == 10.0


needs_linux = pytest.mark.skipif(memory_module._status("VmHWM") is None, reason="this system does not tell the peak")


@needs_linux
def test_peak_sees_a_big_allocation_after_it_is_gone():
    memory = PeakMemory("cpu")
    array = np.ones(2**27, dtype=np.uint8)  # 128 MiB
    del array
    assert 120 < memory.mib < 200


@needs_linux
def test_peak_does_not_see_what_was_held_before():
    held = np.ones(2**27, dtype=np.uint8)
    memory = PeakMemory("cpu")
    assert memory.mib < 60
    assert held[-1] == 1


@needs_linux
def test_peak_does_not_see_what_was_gone_before():
    array = np.ones(2**27, dtype=np.uint8)
    del array
    assert PeakMemory("cpu").mib < 60


@needs_linux
def test_peak_of_an_earlier_attempt_counts_and_what_resuming_took_does_not():
    memory = PeakMemory("cpu")
    array = np.ones(2**27, dtype=np.uint8)
    del array
    memory.resume(earlier=70.0)
    assert memory.mib == 70.0
    array = np.ones(2**27, dtype=np.uint8)
    del array
    assert 120 < memory.mib < 200


@needs_linux
def test_peak_of_an_earlier_attempt_that_the_system_did_not_tell():
    memory = PeakMemory("cpu")
    memory.resume(earlier=None)
    assert memory.mib < 60


def test_peak_is_absent_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.setattr(memory_module, "_status", lambda field: None)
    assert PeakMemory("cpu").mib is None
