"""Intervals and tests against closed forms, tables and scipy.stats."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from harness.stats import Interval, holm, paired_p, t_interval
from harness.stats.pairs import compare, improvement, tally, tost
from harness.stats.samples import array, counted, exp, gains
from harness.stats.signed_rank import signed_rank_p
from harness.stats.validity import failures_differ, fisher_p, reference_missed


@pytest.mark.parametrize(
    ("n", "quantile"), [(2, 12.7062), (3, 4.30265), (5, 2.77645), (10, 2.26216), (30, 2.04523)]
)  # t table, 97.5 %
def test_interval_of_the_mean_is_the_tabled_quantile(n, quantile):
    values = [math.sqrt((n - 1) / 2), -math.sqrt((n - 1) / 2), *[0.0] * (n - 2)]  # mean 0, standard deviation 1
    found = t_interval(values)
    assert (found.mean, found.n) == (0.0, n)
    assert found.half_width == pytest.approx(quantile / math.sqrt(n), rel=1e-5)


def test_interval_of_two_values_has_a_closed_form():
    """Student's distribution with one degree of freedom is Cauchy's."""
    found = t_interval([1.0, 4.0], confidence=0.9)
    assert found.mean == 2.5
    assert found.half_width == pytest.approx(1.5 * math.tan(math.pi * 0.45))


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_interval_agrees_with_scipy(confidence):
    values = np.random.default_rng(0).normal(3, 2, 7)
    low, high = scipy.stats.t.interval(confidence, 6, values.mean(), scipy.stats.sem(values))
    found = t_interval(list(values), confidence)
    assert found.mean == pytest.approx(values.mean())
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))


def test_interval_of_three_seeds_covers_as_often_as_it_says():
    draws = np.random.default_rng(1).normal(0.7, 0.1, (4000, 3))
    covered = [abs(interval.mean - 0.7) <= interval.half_width for interval in map(t_interval, draws.tolist())]
    assert 0.93 < np.mean(covered) < 0.97


def test_one_value_has_no_interval():
    assert t_interval([0.5]) == Interval(0.5, None, None, 1)


def test_no_value_has_no_mean():
    with pytest.raises(ValueError, match="at least one value"):
        t_interval([])


@pytest.mark.parametrize("value", [0.0, 0.1, 0.7, 1 / 3, 1e-9, -123.456])
def test_equal_values_have_an_interval_of_width_zero(value):
    found = t_interval([value] * 3)
    assert found.half_width == 0
    assert found.mean == pytest.approx(value)


def test_huge_values_have_an_interval_all_the_same():
    found = t_interval([1e200, 2e200, 3e200])
    assert found.mean == pytest.approx(2e200)
    assert found.half_width == pytest.approx(4.30265 / math.sqrt(3) * 1e200, rel=1e-5)


def test_failure_that_counts_as_infinite_leaves_no_interval():
    assert t_interval([1.0, math.inf, 2.0]) == Interval(math.inf, None, None, 3)
    assert t_interval([-math.inf]) == Interval(-math.inf, None, None, 1)


@pytest.mark.parametrize("refused", [t_interval, signed_rank_p, array, lambda v: paired_p(v, v)])
def test_nan_is_refused(refused):
    with pytest.raises(ValueError, match="NaN"):
        refused([1.0, math.nan])


def test_interval_has_a_half_width_also_where_it_is_uneven():
    assert Interval(0.5, 0.25, 1.0, 3).half_width == 0.375
    assert not Interval(0.5, 0.25, 1.0, 3).is_even
    assert Interval(0.5, None, None, 1).half_width is None
    assert Interval.around(2.0, 0.5, 4) == Interval(2.0, 1.5, 2.5, 4)
    assert Interval.around(2.0, 0.5, 4).mapped(lambda end: 2 * end) == Interval(4.0, 3.0, 5.0, 4)


@pytest.mark.parametrize(("mean", "half_width"), [(1e9, 1e-3), (1 / 3, 1e-17), (2e200, math.inf), (0, 0), (1, None)])
def test_interval_around_a_mean_is_even(mean, half_width):
    assert Interval.around(mean, half_width, 3).is_even


def test_failed_runs_count_as_the_worst_value():
    assert counted([0.5, None, 0.7], 0.0).tolist() == [0.5, 0.0, 0.7]
    assert counted([3.0, None], math.inf).tolist() == [3.0, math.inf]


def test_gain_is_positive_where_the_first_is_better_and_two_failures_tie():
    a, b = [1.0, 5.0, math.inf, math.inf, 2.0], [2.0, 3.0, math.inf, 1.0, math.inf]
    assert gains(a, b, "lower").tolist() == [1, -2, 0, -math.inf, math.inf]
    assert gains(a, b, "higher").tolist() == [-1, 2, 0, math.inf, -math.inf]


def test_exp_of_what_is_too_large_is_infinite():
    assert exp(1e4) == math.inf
    assert exp(-math.inf) == 0
    assert exp(1.0) == math.e


@pytest.mark.parametrize("n", [2, 3, 10])
def test_paired_p_agrees_with_scipy(n):
    generator = np.random.default_rng(n)
    a = generator.normal(size=n)
    b = a + generator.normal(0.3, 0.5, n)
    assert paired_p(a, b) == pytest.approx(scipy.stats.ttest_rel(a, b).pvalue)
    assert paired_p(b, a) == pytest.approx(paired_p(a, b))


def test_paired_p_of_two_pairs_has_a_closed_form():
    """t = mean / (deviation / √2) = 2 for the differences 1 and 3; one degree of freedom: 1 - 2/π · arctan t."""
    assert paired_p([1.0, 3.0], [0.0, 0.0]) == pytest.approx(1 - 2 / math.pi * math.atan(2))


@pytest.mark.parametrize(
    ("a", "b", "p"),
    [([], [], 1.0), ([1.0], [2.0], 1.0), ([1.0, 2.0], [1.0, 2.0], 1.0), ([1.0, 2.0], [2.0, 3.0], 0.0)],
)
def test_paired_p_at_the_edges(a, b, p):
    assert paired_p(a, b) == p


def test_paired_p_stays_a_probability_when_differences_nearly_agree():
    p = paired_p([0.1 + 0.2, 0.3, 0.5], [0.2, 0.2, 0.4])
    assert 0 <= p < 1e-10


def test_pairs_need_partners():
    with pytest.raises(ValueError, match=r"broadcast|pair"):
        paired_p([1.0, 2.0], [1.0, 2.0, 3.0])


def test_holm_on_a_worked_example():
    """0.01·4, 0.02·3, 0.03·2, 0.04·1, each at least the one before it."""
    p_values = {"d": 0.04, "a": 0.01, "c": 0.03, "b": 0.02}
    assert holm(p_values) == pytest.approx({"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06})


def test_holm_never_exceeds_one_and_keeps_equals_equal():
    assert holm({"a": 0.6, "b": 0.6, "c": 0.9}) == {"a": 1.0, "b": 1.0, "c": 1.0}
    found = holm({"a": 0.02, "b": 0.02})
    assert found["a"] == found["b"] == 0.04


def test_holm_of_none_and_one():
    assert holm({}) == {}
    assert holm({"a": 0.03}) == {"a": 0.03}


def test_infinite_differences_are_tested_by_their_order():
    """All of six on one side: 2 of 64 ways to sign them."""
    assert paired_p([math.inf, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0] * 6) == 2 / 64


def signed_rank_by_enumeration(differences):
    """Wilcoxon's p by its definition: all ways to sign the ranks of what is not zero."""
    ranks = [rank for rank, d in zip(scipy.stats.rankdata(np.abs(differences)), differences, strict=True) if d != 0]
    seen = sum(rank for rank, d in zip(ranks, [d for d in differences if d != 0], strict=True) if d > 0)
    middle = sum(ranks) / 2
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product([0, 1], repeat=len(ranks))]
    return sum(abs(total - middle) >= abs(seen - middle) - 1e-9 for total in sums) / len(sums)


@pytest.mark.parametrize(
    "differences",
    [
        [1.0],
        [1, -2, 3, 4, 5],
        [1, 1, -1, 2, 2, -3, 3],
        [0, 0, 1, -2, 3, 3],
        [0, 1, -1],
        [math.inf, -1, 2, -math.inf, 3, 4, 4],
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, -0.1],
    ],
)
def test_signed_rank_is_exact_with_ties_zeros_and_infinities(differences):
    assert signed_rank_p(differences) == pytest.approx(signed_rank_by_enumeration(differences))
    assert signed_rank_p([-d for d in differences]) == pytest.approx(signed_rank_p(differences))


@pytest.mark.parametrize("n", [3, 6, 12, 40])
def test_signed_rank_agrees_with_scipy_without_ties(n):
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    assert signed_rank_p(differences) == pytest.approx(scipy.stats.wilcoxon(differences, method="exact").pvalue)


def test_signed_rank_at_the_edges():
    assert signed_rank_p([0.0, 0.0]) == signed_rank_p([]) == 1.0
    assert signed_rank_p([1.0] * 6) == 2 / 64
    assert signed_rank_p(np.arange(1, 200)) < 1e-30


@pytest.mark.parametrize("margin", [0.1, 0.5, 2.0])
def test_tost_is_the_larger_of_two_one_sided_tests(margin):
    generator = np.random.default_rng(3)
    a, b = generator.normal(0, 0.5, (2, 8))
    above = scipy.stats.ttest_1samp(a - b, -margin, alternative="greater").pvalue
    below = scipy.stats.ttest_1samp(a - b, margin, alternative="less").pvalue
    assert tost(a, b, margin) == pytest.approx(max(above, below)) == pytest.approx(tost(b, a, margin))


def test_tost_is_below_alpha_where_the_interval_lies_within_the_margin():
    a, b = np.random.default_rng(5).normal(0, 1, (2, 6))
    found = t_interval(list(a - b), confidence=0.9)
    edge = max(abs(found.low), abs(found.high))
    assert tost(a, b, edge) == pytest.approx(0.05)
    assert tost(a, b, 1.001 * edge) < 0.05 < tost(a, b, 0.999 * edge)


@pytest.mark.parametrize(
    ("a", "b", "p"),
    [
        ([1.0], [1.0], 1.0),
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [2.0, 3.0], 1.0),
        ([math.inf, 2.0, 1.0], [2.0, 3.0, 1.0], 1.0),
    ],
)
def test_tost_at_the_edges(a, b, p):
    assert tost(a, b, 1.0) == p


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan])
def test_tost_needs_a_margin(margin):
    with pytest.raises(ValueError, match="margin"):
        tost([1.0, 2.0], [1.0, 2.0], margin)


def test_improvement_is_the_share_of_pairs_of_runs_with_ties_as_halves():
    assert improvement([[1, 2, 3]], [[2, 2]], "higher") == pytest.approx((0 + 2 * 0.5 + 2) / 6)
    assert improvement([[1, 2, 3]], [[2, 2]], "lower") == pytest.approx(1 - 0.5)
    a, b = np.random.default_rng(0).normal(size=(2, 1, 9))
    assert improvement(a, b, "higher") == pytest.approx(scipy.stats.mannwhitneyu(a[0], b[0]).statistic / 81)


def test_improvement_weighs_tasks_alike_and_counts_failures_as_losses():
    assert improvement([[1, 1], [0, 0]], [[0, 0], [1, 1]], "higher") == 0.5
    assert improvement([[math.inf, 1.0]], [[2.0, math.inf]], "lower") == pytest.approx((0 + 0.5 + 1 + 1) / 4)


def test_tally_of_wins_ties_and_losses():
    a = [[0.9, 0.91, 0.92], [0.5, 0.5, 0.5], [0.4, 0.6, 0.5], [0.1, 0.11, 0.12]]
    b = [[0.1, 0.111, 0.12], [0.5, 0.5, 0.5], [0.5, 0.4, 0.5], [0.9, 0.911, 0.92]]
    found = tally(a, b, "higher")
    assert (found.wins, found.ties, found.losses, found.clear_wins, found.clear_losses) == (2, 1, 1, 1, 1)
    mirrored = tally(a, b, "lower")
    assert (mirrored.wins, mirrored.ties, mirrored.losses) == (1, 1, 2)
    assert tally(b, a, "lower") == found


def test_tally_of_failures():
    found = tally([[math.inf, 1.0], [math.inf, 1.0]], [[1.0, 1.0], [1.0, math.inf]], "lower")
    assert (found.wins, found.ties, found.losses) == (0, 1, 1)  # infinite both ways is even


def test_comparison():
    found = compare([0.9, 0.8, 0.85], [0.7, 0.65, 0.6], "higher")
    assert found.gain == t_interval([0.9 - 0.7, 0.8 - 0.65, 0.85 - 0.6])
    assert found.p == paired_p([0.9, 0.8, 0.85], [0.7, 0.65, 0.6])
    assert (found.improvement, found.invalid) == (1.0, "")
    assert compare([1.0, 2.0], [3.0, 5.0], "lower").gain.mean == 2.5


def test_comparison_of_failures_says_that_it_is_invalid():
    found = compare([math.inf] * 3, [1.0, 2.0, 3.0], "lower", failed=(3, 0))
    assert found.invalid.startswith("failure rates differ: 3 of 3")
    assert found.gain == Interval(-math.inf, None, None, 3)
    assert found.improvement == 0
    both_ways = compare([math.inf, 1.0], [1.0, math.inf], "lower", failed=(1, 1))
    assert math.isnan(both_ways.gain.mean)
    assert (both_ways.p, both_ways.invalid) == (1.0, "")


@pytest.mark.parametrize("n", [1, 3, 5, 10])
def test_fisher_agrees_with_scipy(n):
    for a, b in itertools.product(range(n + 1), repeat=2):
        expected = scipy.stats.fisher_exact([[a, n - a], [b, n - b]]).pvalue
        assert fisher_p(a, b, n) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "n", "differ"),
    [
        (0, 0, 3, False),
        (2, 2, 3, False),
        (1, 0, 3, True),  # three runs could never show it: any difference counts
        (1, 0, 1, True),
        (1, 0, 5, False),
        (4, 0, 4, True),
        (3, 0, 4, False),
        (5, 0, 10, True),
        (4, 0, 10, False),
        (0, 5, 10, True),
    ],
)
def test_failure_rates_that_differ(a, b, n, differ):
    assert bool(failures_differ(a, b, n)) == differ


def test_more_failures_than_runs_are_refused():
    with pytest.raises(ValueError, match="cannot have failed"):
        failures_differ(4, 0, 3)


@pytest.mark.parametrize(
    ("values", "published", "better", "tolerance", "missed"),
    [
        ([0.90, 0.91, 0.92], 0.90, "higher", 0.0, False),
        ([0.90, 0.91, 0.92], 0.92, "higher", 0.0, False),  # within the interval
        ([0.90, 0.91, 0.92], 0.95, "higher", 0.0, True),
        ([0.90, 0.91, 0.92], 0.95, "higher", 0.03, False),
        ([0.90, 0.91, 0.92], 0.80, "lower", 0.0, True),
        ([0.90, 0.91, 0.92], 0.99, "lower", 0.0, False),
        ([0.9], 0.91, "higher", 0.0, True),
        ([0.9], 0.91, "higher", 0.02, False),
        ([math.inf, 1.0], 5.0, "lower", 0.0, True),
    ],
)
def test_reference_that_misses_its_published_number(values, published, better, tolerance, missed):
    assert bool(reference_missed(values, published, better, tolerance)) == missed
