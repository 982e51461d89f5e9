"""TALL masks and Consensus: exact retrieval, degeneracies, budgets."""

import pytest
import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.methods.tall_masks import agreed, choose_thresholds, consensus, mask, retrieved, tall_masks
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.network import MLP, Network
from harness import Skip


def disjoint():
    """Three experts that have changed different entries."""
    base = {"w": torch.zeros(9)}
    return base, [{"w": torch.zeros(9).index_fill(0, torch.arange(3 * i, 3 * i + 3), i + 1.0)} for i in range(3)]


def test_disjoint_updates_are_retrieved_exactly_and_serve_one_task_each():
    base, experts = disjoint()
    for task, expert in enumerate(experts):
        assert torch.equal(mask("w", base, experts, task, 0.4), expert["w"] != 0)
        assert torch.equal(retrieved(base, experts, task, 0.4)["w"], expert["w"])
    assert not agreed("w", base, experts, [0.4] * 3, 2).any()
    assert torch.equal(agreed("w", base, experts, [0.4] * 3, 0), sum(e["w"] for e in experts))


@pytest.mark.parametrize(("count", "whole"), [(3, True), (4, False)])
def test_equal_experts_keep_all_or_nothing(draw, count, whole):
    base, experts = draw(1)
    kept = mask("a.weight", base, experts * count, 0, 0.4)  # 0.4 (K - 1) < 1 only for three
    assert kept.all() if whole else not kept.any()


def test_a_larger_threshold_never_adds_entries_and_scale_does_not_matter(draw):
    base, experts = draw(4)
    few, many = (mask("a.weight", base, experts, 0, value) for value in (0.6, 0.2))
    assert not (few & ~many).any()
    zero = {name: torch.zeros_like(tensor) for name, tensor in base.items()}
    small, large = ([{n: c * (e[n] - base[n]) for n in base} for e in experts] for c in (1, 8))
    assert torch.equal(mask("a.weight", zero, small, 1, 0.4), mask("a.weight", zero, large, 1, 0.4))


def access(evaluate, tasks, budget=1000):
    return Access(Network(MLP(2, [2], 2), [torch.eye(2)] * tasks), evaluate=evaluate, budget=budget)


def test_thresholds_are_chosen_task_by_task_by_accuracy(draw):
    base, experts = draw(2)
    wanted = [0.5, 0.2]

    def evaluate(model, task):
        target = retrieved(base, experts, task, wanted[task])
        return -float(sum((model[n] - target[n]).abs().sum() for n in base))

    seen = access(evaluate, 2)
    assert choose_thresholds(base, experts, seen, [0.2, 0.3, 0.4, 0.5, 0.6]) == wanted
    assert seen.evaluations == 10
    routed = tall_masks(base=base, experts=experts, access=access(evaluate, 2))
    size = sum(t.numel() for t in base.values())
    assert routed.extra_parameters == size + 2 * size / 32  # a vector, and a bit per weight and task
    assert all(
        torch.equal(routed.model(k)["a.weight"], retrieved(base, experts, k, wanted[k])["a.weight"]) for k in range(2)
    )


def test_consensus_with_everything_kept_is_tuned_task_arithmetic(draw):
    base, experts = draw(3)
    target = task_arithmetic(base=base, experts=experts, access=None, scale=0.35)

    def evaluate(model, task):
        return 1 / (1 + float((model["a.weight"] - target["a.weight"]).abs().sum()))

    merged = consensus(base=base, experts=experts, access=access(evaluate, 3), thresholds=[0.4], agreement=0)
    torch.testing.assert_close(merged["a.weight"], target["a.weight"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [tall_masks, consensus])
def test_experts_without_a_task_have_no_masks(draw, method):
    base, experts = draw(3)
    with pytest.raises(Skip, match="here are 3 experts and 2 tasks"):
        method(base=base, experts=experts, access=access(lambda model, task: 1.0, 2))


def test_of_one_expert_all_that_it_has_changed_is_retrieved(draw):
    base, experts = draw(1)
    experts[0]["a.bias"] = base["a.bias"].clone()
    found = retrieved(base, experts, 0, 0.6)
    for name in base:
        assert torch.equal(mask(name, base, experts, 0, 0.6), experts[0][name] != base[name])
        torch.testing.assert_close(found[name], experts[0][name])


def test_masks_keep_far_more_of_the_experts_than_one_model(small_pool):
    pool = small_pool(0)
    masked = tall_masks(base=pool.base, experts=pool.experts, access=access(None, 5), thresholds=[0.6])
    one = task_arithmetic(base=pool.base, experts=pool.experts, access=None)
    experts, apart, together = (
        sum(evaluation.accuracies(pool, model, "test")) / 5
        for model in (pool.experts.__getitem__, masked.model, lambda _: one)
    )
    assert apart > experts - 0.04
    assert apart > together + 0.05
