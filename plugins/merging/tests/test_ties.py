"""TIES: what survives the trimming, whose sign wins, and ties of both."""

import torch

from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.ties import disjoint_merge, ties, trim_thresholds, trimmed


def vector(*rows):
    return {"w": torch.zeros(len(rows[0]))}, [{"w": torch.tensor(row)} for row in rows]


def test_a_merge_by_hand(nothing):
    base, experts = vector([3.0, -1, 2, 0, 5], [1.0, -2, -4, 0, 4], [-9.0, 3, 1, 0, 3])
    mean = ties(base=base, experts=experts, access=nothing, keep=1.0)["w"]
    # sums -5, 0, -1, 0, 12: the second cancels, and the majority of signs (-, -, +) is negative
    torch.testing.assert_close(mean, torch.tensor([-9.0, -1.5, -4, 0, 4]))
    for rule, expected in (("sum", [-9.0, -3, -4, 0, 12]), ("max", [-9.0, -2, -4, 0, 5])):
        merged = ties(base=base, experts=experts, access=nothing, keep=1.0, rule=rule)["w"]
        torch.testing.assert_close(merged, torch.tensor(expected))


def test_the_threshold_itself_survives():
    base, experts = {"w": torch.zeros(2000)}, [{"w": torch.randn(2000)}]
    thresholds = trim_thresholds(base, experts, 0.2)
    assert int((trimmed("w", base, experts, thresholds) != 0).sum()) == 401  # as in the released code


def test_trimming_is_over_all_tensors_that_changed_together(draw):
    base, experts = draw(1)
    experts[0]["b.weight"] = base["b.weight"] + 100  # leaves no room for the others
    base["frozen"] = experts[0]["frozen"] = torch.randn(1000)
    thresholds = trim_thresholds(base, experts, 0.1)  # of 138 entries, 18 of them large
    assert not trimmed("a.weight", base, experts, thresholds).any()
    assert trimmed("b.weight", base, experts, thresholds).all()


def test_same_signs_and_no_trimming_give_task_arithmetic(nothing):
    base, experts = vector([1.0, 2, 3], [4.0, 1, 2])
    for rule, scale in (("sum", 1.0), ("mean", 0.5)):
        merged = ties(base=base, experts=experts, access=nothing, keep=1.0, rule=rule)["w"]
        expected = task_arithmetic(base=base, experts=experts, access=nothing, scale=scale)["w"]
        torch.testing.assert_close(merged, expected)


def test_equal_experts_give_the_trimmed_update_once_or_k_times(draw, nothing):
    base, experts = draw(1)
    three = experts * 3
    expected = trimmed("a.weight", base, experts, trim_thresholds(base, experts, 0.2))[0]
    for rule, times in (("mean", 1), ("sum", 3)):
        merged = ties(base=base, experts=three, access=nothing, rule=rule)["a.weight"] - base["a.weight"]
        torch.testing.assert_close(merged, times * expected, rtol=1e-5, atol=1e-6)


def test_an_update_and_its_opposite_take_the_negative_branch(nothing):
    base, experts = vector([1.0, -2, 3], [-1.0, 2, -3])
    merged = ties(base=base, experts=experts, access=nothing, keep=1.0)["w"]
    torch.testing.assert_close(merged, torch.tensor([-1.0, -2, -3]))


def test_exact_cancellation_follows_the_majority(nothing):
    base, experts = vector([1.0, 5, 2], [-1.0, 1, 2])
    torch.testing.assert_close(
        ties(base=base, experts=experts, access=nothing, keep=1.0)["w"], torch.tensor([1.0, 3, 2])
    )


def test_no_merged_entry_has_another_sign_than_the_elected_and_scale_is_homogeneous():
    tau = torch.randn(5, 200)
    merged = disjoint_merge(tau, 1.0, "mean")
    assert (merged * tau.sum(0) >= 0).all()
    torch.testing.assert_close(disjoint_merge(3 * tau, 1.0, "mean"), 3 * merged)


def test_one_expert_gives_its_trimmed_update(draw, nothing):
    base, experts = draw(1)
    merged = ties(base=base, experts=experts, access=nothing)
    for name in base:
        expected = trimmed(name, base, experts, trim_thresholds(base, experts, 0.2))[0]
        torch.testing.assert_close(merged[name] - base[name], expected, rtol=1e-5, atol=1e-6)
