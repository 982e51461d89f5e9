"""The helper of speed and scaling tasks: what it yields and what metrics make of it, by a clock of the test's own."""

import types
from functools import partial

import pytest
import torch
from torch import nn

from harness import scoring, speed, speed_metrics
from harness.measure import first_call, interleaved
from harness.speed import Subject, compared, scaled, trained
from harness.train import Examples


class Machine:
    """A clock that only calls move, and the context of a run whose reference takes n per call, and the method n²."""

    def __init__(self, monkeypatch, joules=None):
        self.now, self.reports = 0.0, []
        monkeypatch.setattr(speed, "interleaved", partial(interleaved, clock=lambda: self.now))
        monkeypatch.setattr(speed, "first_call", partial(first_call, clock=lambda: self.now))
        monkeypatch.setattr(speed, "joules_per_call", lambda call, device: joules)
        self.context = types.SimpleNamespace(
            device="cpu",
            seeds=scoring.seeds(0),
            reference=lambda: 1,
            report=lambda *done, **latest: self.reports.append(done),
        )

    def make(self, build, n=7):
        power, warm = build(), [n]

        def call():
            self.now += n**power + (100 * warm.pop() if warm else 0)
            torch.ones(3, 4) @ torch.ones(4, 5)

        return Subject(nn.Linear(3, 2), {"applied": call}, items=35)


def values(outputs):
    """Return what the metrics make of outputs."""
    found = {}
    for name in ("time_ratio", "time_ratio_low", "noise_floor", "seconds_per_call", "seconds_of_first_call",
                 "throughput", "flops_per_call", "joules_per_call", "exponent", "exponent_low", "exponent_high",
                 "reference_exponent", "parameters_total", "parameter_bytes"):  # fmt: skip
        metric = getattr(speed_metrics, name)
        if scoring._required(metric) <= outputs.values.keys():
            found[name] = scoring._value(name, metric, outputs).value
    return found


def test_method_is_compared_with_the_reference(monkeypatch):
    machine = Machine(monkeypatch, joules=0.25)
    call, costs = compared(machine.make, lambda: 2, machine.context, rounds=6, limit=1e9)
    assert (call.split, call.step) == ("test-applied", 0)
    assert values(call) == pytest.approx(
        {
            "time_ratio": 7,
            "time_ratio_low": 7,
            "noise_floor": 0,
            "seconds_per_call": 49,
            "seconds_of_first_call": 749,
            "throughput": 35 / 49,
            "flops_per_call": 2 * 3 * 4 * 5,
            "joules_per_call": 0.25,
        }
    )
    assert (costs.split, costs.step) == ("train", 0)
    assert values(costs) == {"parameters_total": 8, "parameter_bytes": 32}
    assert costs.values["parameters"] == 8


def test_energy_that_is_not_told_is_absent(monkeypatch):
    machine = Machine(monkeypatch)
    call, _ = compared(machine.make, lambda: 2, machine.context, rounds=6, limit=1e9)
    assert "joules" not in call.values


def test_exponents(monkeypatch):
    machine = Machine(monkeypatch)
    monkeypatch.setattr(speed, "PeakMemory", lambda device: types.SimpleNamespace(mib=3.0))
    *sizes, applied, memory = scaled(machine.make, lambda: 2, machine.context, [2, 4, 8], rounds=6, limit=1e9)
    assert [(o.split, o.step) for o in sizes] == [(s, n) for n in (2, 4, 8) for s in ("size-applied", "size")]
    assert [values(o)["time_ratio"] for o in sizes[::2]] == pytest.approx([2, 4, 8])
    assert (applied.split, applied.step, memory.split) == ("test-applied", 0, "test-memory")
    growth = {"exponent": 2, "exponent_low": 2, "exponent_high": 2}
    assert values(applied) == pytest.approx({**growth, "reference_exponent": 1})
    assert values(memory) == pytest.approx(dict.fromkeys(growth, 0), abs=1e-12)
    assert machine.reports == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("peaks", [[None] * 3, [0.0, 3.0, 5.0]])
def test_memory_that_is_not_told_has_no_exponent(monkeypatch, peaks):
    machine = Machine(monkeypatch)
    monkeypatch.setattr(speed, "PeakMemory", lambda device, left=list(peaks): types.SimpleNamespace(mib=left.pop(0)))
    outputs = list(scaled(machine.make, lambda: 2, machine.context, [2, 4, 8], rounds=6, limit=1e9))
    assert [o.split for o in outputs if o.split.startswith("test")] == ["test-applied"]


def test_too_few_sizes(monkeypatch):
    machine = Machine(monkeypatch)
    with pytest.raises(ValueError, match=r"need at least three sizes, and these are \[2, 4, 4\]"):
        list(scaled(machine.make, lambda: 2, machine.context, [2, 4, 4], rounds=6, limit=1e9))


class Watched(nn.Linear):
    def forward(self, x):
        self.seen = (self.training, torch.is_grad_enabled())
        return super().forward(x)


def test_what_is_timed_is_a_step_of_training_and_an_inference(monkeypatch):
    machine, model = Machine(monkeypatch), Watched(3, 1)
    examples = Examples((torch.randn(5, 3),), torch.randn(5, 1))
    subject = trained(model, examples, nn.functional.mse_loss, 5, machine.context)
    before = model.weight.detach().clone()
    for _ in range(2):
        subject.calls["inference"]()
        assert model.seen == (False, False)
        assert torch.equal(model.weight, before)
        subject.calls["training"]()
        assert model.seen == (True, True)
        assert not torch.equal(model.weight, before)
        before = model.weight.detach().clone()
