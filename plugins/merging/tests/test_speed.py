"""The tasks of speed: what they hand to the clock, and how many experts a call goes through."""

from types import SimpleNamespace

import torch

from bench_merging.methods.average import average
from bench_merging.methods.ties import ties
from bench_merging.speed_tasks import MergeScaling, MergeSpeed, subject
from harness.scoring import seeds

CONTEXT = SimpleNamespace(device="cpu", seeds=seeds(0), reference=average, report=lambda *_, **__: None)
SIZES = {"width": 8, "layers": 2}


def test_a_call_is_a_merge_of_the_same_experts_every_time():
    made = [subject(ties, CONTEXT, experts=3, **SIZES) for _ in range(2)]
    first, second = (one.calls["merge"]() for one in made)
    assert made[0].items == 3 * (2 * 64 + 8)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert set(first) == set(made[0].model.state_dict())


def test_a_method_is_timed_in_turns_with_the_reference():
    outputs = list(MergeSpeed(experts=2, rounds=6, **SIZES).run(ties, CONTEXT))
    assert [o.split for o in outputs] == ["test-merge", "train"]
    times = outputs[0].values["times"]
    assert min(times.method.median, times.reference.median, times.again.median) > 0


def test_sizes_are_numbers_of_experts():
    outputs = list(MergeScaling(experts=(2, 3, 4), rounds=6, **SIZES).run(ties, CONTEXT))
    assert [o.step for o in outputs if o.split == "size-merge"] == [2, 3, 4]
    grown = next(o for o in outputs if o.split == "test-merge")
    assert grown.values["sizes"] == [2, 3, 4]
    assert [o.values["items"] for o in outputs if o.split == "size-merge"] == [n * (2 * 64 + 8) for n in (2, 3, 4)]
