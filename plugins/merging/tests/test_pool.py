"""The procedural pool: experts interfere, methods are told apart beyond the noise of seeds, controls fail."""

import numpy as np
import pytest
import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.corruptions import OF_IMAGES
from bench_merging.methods.average import average
from bench_merging.methods.iso import iso_c
from bench_merging.methods.regmean import regmean
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.tsv import tsv_m
from bench_merging.pools import images
from bench_merging.pools.procedural import procedural_pool, shuffle

SEEDS = (0, 1, 2)


def points(pool, model):
    """Return the mean test accuracy in percent."""
    return 100 * np.mean(evaluation.accuracies(pool, lambda _: model, "test"))


def merged(pool, method, **params):
    access = Access(pool.network, inputs=[x for x, _ in pool.splits["train"]])
    return points(pool, method(base=pool.base, experts=pool.experts, access=access, **params))


def test_every_expert_knows_its_task_and_harms_the_others(small_pool):
    for seed in SEEDS:
        pool = small_pool(seed)
        base = [evaluation.accuracy(pool, pool.base, "test", j) for j in range(5)]
        for k, expert in enumerate(pool.experts):
            own = [evaluation.accuracy(pool, expert, "test", j) for j in range(5)]
            assert own[k] >= base[k] + 0.02
            assert own[k] >= 0.85
            others = [own[j] - base[j] for j in range(len(base)) if j != k]
            assert np.mean(others) <= -0.1


@pytest.mark.parametrize(
    ("worse", "better", "points_apart"),
    [
        (lambda pool: points(pool, pool.base), lambda pool: merged(pool, average), 7),
        (lambda pool: merged(pool, average), lambda pool: merged(pool, task_arithmetic), 1),
        (lambda pool: merged(pool, average), lambda pool: merged(pool, regmean), 3),
        (lambda pool: merged(pool, task_arithmetic), lambda pool: merged(pool, tsv_m), 2.5),
        (lambda pool: merged(pool, task_arithmetic), lambda pool: merged(pool, iso_c), 2.5),
    ],
    ids=["base < average", "average < task arithmetic", "average < RegMean", "TA < TSV-M", "TA < Iso-C"],
)
def test_methods_are_told_apart_on_every_seed(small_pool, worse, better, points_apart):
    for seed in SEEDS:
        assert better(small_pool(seed)) - worse(small_pool(seed)) >= points_apart


def test_shuffled_updates_are_worth_nothing(small_pool):
    pool = small_pool(0)
    spoilt = []
    for k, expert in enumerate(pool.experts):
        module = pool.network.module(expert)
        shuffle(module, pool.network.module(pool.base), seed=k)
        spoilt.append(module.state_dict())
        for name, origin in pool.base.items():
            ordered = [(state[name] - origin).flatten().sort().values for state in (expert, spoilt[k])]
            torch.testing.assert_close(*ordered, rtol=0, atol=1e-6)
    assert points(pool, task_arithmetic(base=pool.base, experts=spoilt, access=None)) < points(pool, pool.base)


def test_averaging_over_two_bases_destroys_everything(small_pool):
    pool = small_pool(0, control="two-bases", tasks=2, base_steps=300)
    own = [100 * evaluation.accuracy(pool, expert, "test", k) for k, expert in enumerate(pool.experts)]
    assert min(own) > 85
    assert merged(pool, average) < np.mean(own) - 40  # experts of one base lose fifteen points


def test_the_same_seed_gives_the_same_pool_and_leaves_torch_alone():
    tiny = {"tasks": 2, "width": 16, "features": 8, "base_classes": 2, "base_steps": 5, "steps": 5}
    before = torch.get_rng_state()
    first, second, other = (procedural_pool(**tiny, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["expert.0.last.weight"], other["expert.0.last.weight"])
    with pytest.raises(ValueError, match="tasks must be between 2 and 8, got 1"):
        procedural_pool(tasks=1)


@pytest.mark.parametrize("family", images.FAMILIES)
def test_images_follow_their_seed_and_stay_in_range(family):
    first = images.draw(family, 3, 5, seed=7)
    assert first.shape == (5, 16, 16)
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 1
    assert first.std() > 0.1
    assert np.array_equal(first, images.draw(family, 3, 5, seed=7))
    assert not np.array_equal(first, images.draw(family, 3, 5, seed=8))
    assert not np.array_equal(first, images.draw(family, 4, 5, seed=7))


def test_corruptions_change_images_and_repeat_themselves():
    x = torch.rand(4, 16, 16) * 2 - 1
    for corrupt in OF_IMAGES:
        assert corrupt(x).shape == x.shape
        assert torch.equal(corrupt(x), corrupt(x))
        assert not torch.equal(corrupt(x), x)


def test_the_barrier_of_a_straight_line_and_of_a_model_with_itself(small_pool):
    assert evaluation._barrier([1.0, 2.0, 3.0]) == 0
    assert evaluation._barrier([1.0, 4.0, 3.0]) == 2
    pool = small_pool(0)
    same = evaluation.barriers(pool, lambda task: pool.experts[task])
    assert max(map(abs, same)) < 1e-6
