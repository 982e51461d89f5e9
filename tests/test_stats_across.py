"""Many tasks: means, ranks, anchors and their bootstrap, against definitions, invariances and simulated coverage."""

import math

import numpy as np
import pytest
import scipy.stats

from harness.spec import Anchors
from harness.stats import t_interval
from harness.stats.across import Scope, intervals, iqm, mean, ranks
from harness.stats.anchors import normalised
from harness.stats.pairs import improvement

generator = np.random.default_rng(0)
SCORES = generator.normal(size=(4, 6, 5))


@pytest.mark.parametrize(("tasks", "seeds"), [(4, 3), (6, 10), (2, 2), (26, 4)])
def test_iqm_is_the_trimmed_mean_where_a_quarter_is_a_whole_number(tasks, seeds):
    """As rliable has it."""
    scores = np.random.default_rng(tasks).normal(size=(tasks, seeds))
    assert iqm(scores) == pytest.approx(scipy.stats.trim_mean(scores.ravel(), 0.25))


def test_iqm_counts_values_at_the_quartiles_in_part():
    """Of six values, the second and fifth count half: (0.5 · 2 + 3 + 4 + 0.5 · 5) / 3, here of squares."""
    assert iqm(np.arange(1, 7).reshape(2, 3) ** 2.0) == pytest.approx((0.5 * 4 + 9 + 16 + 0.5 * 25) / 3)
    assert iqm(np.array([[3.0], [5.0]])) == 4
    assert iqm(np.array([[1.0], [2.0], [6.0]])) == pytest.approx((0.25 * 1 + 1 * 2 + 0.25 * 6) / 1.5)


def test_iqm_weighs_tasks_with_few_seeds_as_with_many():
    """Tasks whose seeds agree: the result cannot depend on how many there are."""
    levels = np.array([0.0, 0.1, 0.3, 0.35, 0.9, 5.0])
    found = [float(iqm(np.tile(levels[:, None], n))) for n in (1, 3, 5, 8)]
    assert found == pytest.approx([float(iqm(levels[:, None]))] * 4)


def test_iqm_bears_infinite_values_up_to_a_quarter():
    assert iqm([[math.inf, 2.0], [3.0, 4.0]]) == 3.5
    assert iqm([[math.inf, math.inf], [3.0, 4.0]]) == math.inf


@pytest.mark.parametrize("statistic", [iqm, mean])
def test_statistics_keep_leading_axes(statistic):
    assert statistic(SCORES) == pytest.approx(np.array([statistic(one) for one in SCORES]))


def test_ranks_among_all_are_the_usual_ones():
    found = ranks(SCORES, range(4), "higher")
    assert found == pytest.approx(scipy.stats.rankdata(-SCORES, axis=0))
    assert ranks(-SCORES, range(4), "lower") == pytest.approx(found)
    assert ranks(np.ones((3, 1, 1)), range(3), "higher").ravel().tolist() == [2, 2, 2]


def test_ranks_in_a_field_do_not_change_when_others_join():
    alone = ranks(SCORES[:3], [0, 1], "higher")
    assert (ranks(SCORES, [0, 1], "higher")[:3] == alone).all()
    assert alone.max() == 3
    with pytest.raises(ValueError, match="field"):
        ranks(SCORES, [], "higher")


def test_failures_rank_last():
    found = ranks(np.array([1.0, math.inf, 2.0, math.inf])[:, None, None], range(4), "lower")
    assert found.ravel().tolist() == [1, 3.5, 2, 3.5]


@pytest.mark.parametrize("scope", Scope)
def test_interval_is_the_same_each_time_and_for_each_method_whoever_is_there(scope):
    found = intervals(SCORES, iqm, scope)
    assert found == intervals(SCORES, iqm, scope)
    assert found[2:] == intervals(SCORES[2:], iqm, scope)
    assert found[::-1] == intervals(SCORES[::-1], iqm, scope)
    assert [one.mean for one in found] == pytest.approx(iqm(SCORES))
    assert all(one.low < one.mean < one.high for one in found)


def test_interval_says_what_it_counts():
    assert [intervals(SCORES, mean, scope)[0].n for scope in Scope] == [5, 6]
    assert [scope.value for scope in Scope] == ["same tasks, new seeds", "new tasks"]


@pytest.mark.parametrize("scope", Scope)
def test_interval_moves_and_stretches_with_the_scores(scope):
    for plain, scaled in zip(intervals(SCORES, iqm, scope), intervals(7 + 3 * SCORES, iqm, scope), strict=True):
        expected = plain.mapped(lambda x: 7 + 3 * x)
        assert [scaled.mean, scaled.low, scaled.high] == pytest.approx([expected.mean, expected.low, expected.high])


def test_interval_of_a_mean_over_tasks_is_near_students():
    """The stratified bootstrap of a mean has a closed form: its variance is the sum of the tasks' over tasks²."""
    scores = np.random.default_rng(8).normal(size=(1, 6, 10))
    (found,) = intervals(scores, mean, Scope.NEW_SEEDS)
    spread = scores[0].var(axis=1, ddof=1)
    freedom = 9 * spread.sum() ** 2 / (spread**2).sum()
    expected = scipy.stats.t.ppf(0.975, freedom) * math.sqrt(spread.sum() / 10) / 6
    assert found.half_width == pytest.approx(expected, rel=0.06)
    (found,) = intervals(scores, mean, Scope.NEW_TASKS)
    assert found.half_width == pytest.approx(t_interval(scores[0].mean(axis=1).tolist()).half_width, rel=0.1)


@pytest.mark.parametrize(("scope", "shape"), [(Scope.NEW_SEEDS, (2, 6, 1)), (Scope.NEW_SEEDS, (2, 2, 1))])
def test_one_seed_has_no_interval(scope, shape):
    found = intervals(generator.normal(size=shape), iqm, scope)
    assert all(one.low is None and one.high is None and one.n == 1 for one in found)


def test_one_task_has_the_t_interval():
    with pytest.raises(ValueError, match="t-interval"):
        intervals(SCORES[:, :1], mean, Scope.NEW_SEEDS)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        intervals(np.full((1, 2, 2), math.nan), mean, Scope.NEW_TASKS)


def test_constant_scores_have_an_interval_of_width_zero():
    for scope in Scope:
        (found,) = intervals(np.full((1, 6, 3), 0.25), iqm, scope)
        assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)


def test_failures_leave_no_end_above_or_no_interval():
    scores = np.random.default_rng(1).uniform(1, 2, (2, 6, 4))
    scores[0, 0, 0] = math.inf
    scores[1, :4] = math.inf
    few, many = intervals(scores, iqm, Scope.NEW_TASKS)
    assert 1 < few.low < few.mean < few.high < math.inf
    assert (many.mean, many.low, many.high) == (math.inf, None, None)
    (found,) = intervals(np.where(np.arange(24).reshape(1, 6, 4) < 4, math.inf, scores[:1]), iqm, Scope.NEW_TASKS)
    assert (found.low < found.mean, found.high) == (True, math.inf)


def test_methods_are_resampled_together():
    """Two methods whose seeds go up and down together differ by a constant: its interval has no width."""
    pair = np.stack([SCORES[0], SCORES[0] + 0.5])[None]
    for scope in Scope:
        (found,) = intervals(pair, lambda x: mean(x[..., 1, :, :]) - mean(x[..., 0, :, :]), scope)
        assert [found.low, found.mean, found.high] == pytest.approx([0.5] * 3)


def test_probability_of_improvement_has_an_interval():
    pair = np.stack([SCORES[0] + 2, SCORES[1]])[None]
    (found,) = intervals(pair, lambda x: improvement(x[..., 0, :, :], x[..., 1, :, :], "higher"), Scope.NEW_SEEDS)
    assert 0.5 < found.low < found.mean < found.high


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("n", [3, 10])
def test_interval_over_six_tasks_covers_as_often_as_it_says(scope, n):
    """Six tasks of unequal noise; the truth of a mean is known. benchmarks/coverage.py has the large simulation."""
    draws = np.random.default_rng(n).normal(0, np.geomspace(0.3, 1, 6)[:, None], (1200, 6, n))
    draws += 0.5 * np.random.default_rng(9).normal(size=(1200, 6, 1)) * (scope is Scope.NEW_TASKS)
    for statistic in (iqm, mean):
        found = intervals(draws, statistic, scope)
        assert 0.93 <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.975


def test_anchors_put_chance_at_0_and_the_reference_at_1():
    accuracy, error = Anchors(0.1, 0.9, 0.98), Anchors(2.0, 0.5)
    assert normalised([0.1, 0.9, 0.5], accuracy) == pytest.approx([0, 1, 0.5])
    assert normalised([2.0, 0.5, 0.2], error) == pytest.approx([0, 1, 1.2])  # better than the reference: above 1
    assert normalised(math.inf, error) == -math.inf
    assert (accuracy.better, error.better) == ("higher", "lower")


@pytest.mark.parametrize("anchors", [(1.0, 1.0), (math.nan, 1.0), (0.0, math.inf), (0.0, 1.0, math.nan)])
def test_anchors_that_measure_nothing(anchors):
    with pytest.raises(ValueError, match=r"anchors|between"):
        Anchors(*anchors)
