"""Intervals and tests against closed forms, tables and scipy.stats."""

import math

import numpy as np
import pytest
import scipy.stats

from harness.stats import Interval, holm, paired_p, t_interval


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
    assert t_interval([0.5]) == Interval(0.5, None, 1)


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
