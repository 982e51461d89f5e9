"""Profiles, tuning curves and exponents, against enumeration and closed forms."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from harness.stats.across import Scope
from harness.stats.profiles import area, band, profile, ratios
from harness.stats.scaling import exponent
from harness.stats.tuning import expected_best

FIELD = [[2.0, 4.0, math.inf, 8.0], [1.0, 8.0, math.inf, math.inf]]  # best: 1, 4, none, 8
COSTS = [[[2.0], [2.0], [5.0], [math.inf]], [[1.0], [6.0], [math.inf], [8.0]]]


def test_ratios_are_to_the_best_of_the_field():
    assert ratios(COSTS, FIELD)[..., 0].tolist() == [[2, 0.5, 0, math.inf], [1, 1.5, math.inf, 1]]


def test_ratios_do_not_depend_on_who_is_compared():
    assert (ratios(COSTS, FIELD)[0] == ratios(COSTS[0], FIELD)).all()


def test_profile_is_the_share_of_tasks_within_a_factor():
    found = profile(ratios(COSTS, FIELD), [0.5, 1, 1.5, 2, 1e9, math.inf])
    assert found.tolist() == [[0.5, 0.5, 0.5, 0.75, 0.75, 0.75], [0, 0.5, 0.75, 0.75, 0.75, 0.75]]


def test_profile_counts_each_task_once_by_the_share_of_its_seeds():
    assert profile([[1.0, 9.0], [1.0, 1.0]], [2.0]).tolist() == [0.75]


def test_area_is_the_integral_of_the_profile():
    relative = np.random.default_rng(0).uniform(0.5, 6, (3, 7, 2))
    factors = np.linspace(1, 4, 200_001)
    expected = profile(relative, factors).mean(axis=-1)
    assert area(relative, 4.0) == pytest.approx(expected, abs=1e-4)
    assert area(np.full((2, 2), math.inf), 4.0) == 0
    assert area(np.ones((2, 2)), 4.0) == 1


def test_band_holds_the_profile_and_stays_a_share():
    relative = np.random.default_rng(0).uniform(0.5, 6, (7, 5))
    found = band(relative, [1.0, 3.0, 5.9], Scope.NEW_SEEDS)
    assert [one.mean for one in found] == pytest.approx(profile(relative, [1.0, 3.0, 5.9]))
    assert all(0 <= one.low <= one.mean <= one.high <= 1 for one in found)
    assert all(one.low is None for one in band(relative[:, :1], [1.0], Scope.NEW_SEEDS))


def test_costs_are_above_zero():
    for refused in (lambda: ratios([[0.0]], [[1.0]]), lambda: area([[1.0]], 1.0)):
        with pytest.raises(ValueError, match="above"):
            refused()


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("values", [[3.0], [1.0, 4.0, 2.0, 2.0, 9.0], [0.5, 0.5, 0.5]])
def test_expected_best_is_the_mean_over_all_choices(values, better):
    best = max if better == "higher" else min
    expected = [
        np.mean([best(chosen) for chosen in itertools.combinations(values, k)]) for k in range(1, len(values) + 1)
    ]
    assert expected_best(values, better) == pytest.approx(expected)


def test_expected_best_begins_at_the_mean_ends_at_the_best_and_only_rises():
    values = np.random.default_rng(0).normal(size=300)
    curve = expected_best(values.tolist(), "higher")
    assert curve[0] == pytest.approx(values.mean())
    assert curve[-1] == values.max()
    assert (np.diff(curve) >= -1e-12).all()


def test_expected_best_is_infinite_as_long_as_all_trials_may_have_failed():
    curve = expected_best([math.inf, 3.0, math.inf, 1.0], "lower")
    assert curve[:2].tolist() == [math.inf, math.inf]
    assert curve[2:] == pytest.approx([(3 + 1 + 1 + 1) / 4, 1])
    assert expected_best([0.0, 0.5, 0.0], "higher") == pytest.approx([1 / 6, 1 / 3, 0.5])


def test_expected_best_of_nothing():
    with pytest.raises(ValueError, match="no trials"):
        expected_best([], "higher")
    with pytest.raises(ValueError, match="NaN"):
        expected_best([math.nan], "higher")


@pytest.mark.parametrize("power", [-1.0, 0.0, 1.0, 1.7])
def test_exponent_of_an_exact_power_law(power):
    found = exponent([8, 1, 2, 4], [3 * x**power for x in (8, 1, 2, 4)])
    assert found.mean == pytest.approx(power, abs=1e-12)
    assert found.half_width == pytest.approx(0, abs=1e-12)
    assert found.n == 4


def test_exponent_agrees_with_scipys_regression():
    generator = np.random.default_rng(0)
    sizes = 2.0 ** np.arange(7)
    costs = sizes**1.3 * np.exp(generator.normal(0, 0.2, 7))
    expected = scipy.stats.linregress(np.log(sizes), np.log(costs))
    found = exponent(sizes, costs)
    assert found.mean == pytest.approx(expected.slope)
    assert found.half_width == pytest.approx(scipy.stats.t.ppf(0.975, 5) * expected.stderr)


def test_exponent_counts_sizes_and_not_seeds():
    """What bends away from a power law bends alike for all seeds: repeating the runs makes nothing surer."""
    sizes, costs = [1.0, 2.0, 4.0, 8.0], [1.0, 2.5, 4.0, 11.0]
    once, often = exponent(sizes, costs), exponent(sizes * 9, costs * 9)
    assert [often.low, often.high] == pytest.approx([once.low, once.high])
    assert often.n == 4


def test_exponent_covers_as_often_as_it_says():
    generator = np.random.default_rng(0)
    sizes = np.repeat(2.0 ** np.arange(5), 3)
    found = [exponent(sizes, sizes * np.exp(generator.normal(0, 0.1, 15))) for _ in range(2000)]
    assert 0.935 < np.mean([one.low <= 1 <= one.high for one in found]) < 0.965


def test_exponent_of_two_sizes_has_no_interval():
    assert (exponent([1, 2], [1, 4]).mean, exponent([1, 2], [1, 4]).low) == (2, None)


@pytest.mark.parametrize(
    ("sizes", "costs"),
    [
        ([1, 1], [1, 2]),
        ([1, 2], [1]),
        ([0, 1], [1, 1]),
        ([1, 2], [1, math.inf]),
        ([1, 2], [1, 0]),
        ([1, 2], [1, math.nan]),
    ],
)
def test_exponent_of_what_is_no_power_law_is_refused(sizes, costs):
    with pytest.raises(ValueError, match=r"size|NaN|above 0"):
        exponent(sizes, costs)
