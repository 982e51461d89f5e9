"""Weights that cannot be merged are named; what is not granted is refused; budgets end."""

import pytest
import torch

from bench_merging import metrics
from bench_merging.access import Access, BudgetSpentError, NotGrantedError
from bench_merging.network import MLP, Network
from bench_merging.state import WeightsError, add, validate
from bench_merging.tasks import check_result


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda e: e.pop("a.bias"), "b.safetensors: lacks the tensor 'a.bias'"),
        (lambda e: e.update(extra=torch.ones(1)), "has the tensor 'extra'"),
        (lambda e: e.update({"a.bias": torch.ones(3)}), r"'a.bias' has the shape \(3,\), in the base \(12,\)"),
        (lambda e: e.update({"a.bias": torch.full((12,), torch.nan)}), "'a.bias' holds NaN"),
        (lambda e: e.update({"a.bias": torch.ones(12, dtype=torch.int64)}), "'a.bias' is of the type torch.int64"),
    ],
)
def test_a_spoilt_expert_is_named_with_its_tensor(draw, spoil, message):
    base, experts = draw(2)
    spoil(experts[1])
    with pytest.raises(WeightsError, match=message):
        validate(base, experts, ["base.safetensors", "a.safetensors", "b.safetensors"])


def test_one_expert_and_the_base_itself_are_refused(draw):
    base, experts = draw(2)
    validate(base, experts)
    with pytest.raises(WeightsError, match="two experts or more, got 1"):
        validate(base, experts[:1])
    with pytest.raises(WeightsError, match="expert 1: equals the base"):
        validate(base, [experts[0], base])
    with pytest.raises(WeightsError, match=r"the base: 'a\.bias' holds NaN"):
        validate(base | {"a.bias": torch.full((12,), torch.nan)}, experts)


def test_integer_buffers_stay_the_base_s():
    base = {"w": torch.ones(2), "steps": torch.tensor(3)}
    merged = add(base, lambda _: torch.ones(2), [])
    assert merged["steps"] == 3
    assert merged["w"].tolist() == [2, 2]


def test_a_result_that_is_no_model_of_the_base_is_refused():
    base = {"w": torch.ones(2)}
    for model, message in (
        ({}, "'w' is in one only"),
        ({"w": torch.ones(3)}, r"is \(3,\)"),
        ({"w": torch.ones(2).double()}, "float64"),
        ({"w": torch.tensor([1.0, torch.inf])}, "infinity"),
    ):
        with pytest.raises(ValueError, match=message):
            check_result(base, model)


def test_nothing_is_seen_that_is_not_granted_and_evaluations_are_counted():
    network = Network(MLP(2, [2], 2), [torch.eye(2)] * 2)
    bare = Access(network)
    for look in (lambda: bare.inputs, lambda: bare.examples, lambda: bare.accuracy({}, 0)):
        with pytest.raises(NotGrantedError):
            look()
    counted = Access(network, evaluate=lambda model, task: task / 2, budget=3)
    assert counted.mean_accuracy({}) == 0.25
    assert counted.evaluations == 2
    with pytest.raises(BudgetSpentError, match="budget of 3"):
        counted.mean_accuracy({})


def test_metrics_by_hand():
    assert metrics.mean_accuracy([0.2, 0.6]) == pytest.approx(0.4)
    assert metrics.normalised_accuracy([0.2, 0.6], [0.4, 0.8]) == pytest.approx((0.5 + 0.75) / 2)
    assert metrics.worst_accuracy([0.6, 0.2, 0.9]) == 0.2
    assert metrics.unseen_accuracy([0.1, 0.3]) == pytest.approx(0.2)
    assert metrics.corrupted_accuracy([0.5, 0.7]) == pytest.approx(0.6)
    # Of three tasks the last, whose expert comes last, does not count.
    assert metrics.backward_transfer([0.5, 0.6, 0.9], [0.8, 0.7, 0.1]) == pytest.approx((-0.3 - 0.1) / 2)
    assert metrics.barrier([0.1, 0.5]) == pytest.approx(0.3)
    assert metrics.size_ratio((30, 20)) == 1.5
