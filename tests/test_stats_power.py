"""Power against tables, simulation and inverses."""

import math

import numpy as np
import pytest
import scipy.stats

from harness.stats.power import equivalence_power, power, required_n, required_n_equivalence, resolvable


@pytest.mark.parametrize(
    ("effect", "n"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)]
)  # Cohen's conventions, two-sided 5 %, power 80 %, as G*Power has it
def test_required_n_is_the_tabled_one(effect, n):
    assert required_n(effect) == n


@pytest.mark.parametrize(("effect", "n", "sides"), [(0.0, 5, 2), (1.0, 3, 2), (1.0, 5, 1), (-0.5, 8, 2), (0.5, 20, 1)])
def test_power_agrees_with_the_noncentral_t_and_simulation(effect, n, sides):
    draws = np.random.default_rng(n).normal(effect, 1, (20000, n))
    alternative = "two-sided" if sides == 2 else "greater"
    rejected = scipy.stats.ttest_1samp(draws, 0, axis=1, alternative=alternative).pvalue < 0.05
    assert power(effect, n, sides=sides) == pytest.approx(rejected.mean(), abs=0.012)
    critical, shift = scipy.stats.t.ppf(1 - 0.05 / sides, n - 1), effect * math.sqrt(n)
    expected = scipy.stats.nct.sf(critical, n - 1, shift) + (sides == 2) * scipy.stats.nct.cdf(-critical, n - 1, shift)
    assert power(effect, n, sides=sides) == pytest.approx(expected)


@pytest.mark.parametrize("sides", [1, 2])
def test_power_of_no_effect_is_alpha(sides):
    assert power(0.0, 6, 0.01, sides) == pytest.approx(0.01)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30, 1000])
@pytest.mark.parametrize("sides", [1, 2])
def test_resolvable_is_the_inverse_of_power(n, sides):
    effect = resolvable(n, sides=sides)
    assert power(effect, n, sides=sides) == pytest.approx(0.8)
    assert required_n(1.0001 * effect, sides=sides) <= n


@pytest.mark.parametrize("effect", [0.15, 0.37, 1.3, 4.0])
def test_required_n_is_the_least(effect):
    n = required_n(effect)
    assert power(effect, n) >= 0.8
    assert n == 2 or power(effect, n - 1) < 0.8


def test_nothing_is_resolved_by_one_seed_and_no_effect_by_any_number():
    assert power(9.0, 1) == equivalence_power(9.0, 1) == 0
    assert resolvable(1) == math.inf
    assert required_n(0.0) is None
    assert required_n(1e9) == 2


@pytest.mark.parametrize(("margin", "n"), [(1.0, 5), (1.5, 5), (0.8, 12), (0.5, 10)])
def test_equivalence_power_agrees_with_simulation(margin, n):
    draws = np.random.default_rng(n).normal(0, 1, (20000, n))
    lower = scipy.stats.ttest_1samp(draws, -margin, axis=1, alternative="greater").pvalue
    upper = scipy.stats.ttest_1samp(draws, margin, axis=1, alternative="less").pvalue
    assert equivalence_power(margin, n) == pytest.approx((np.maximum(lower, upper) < 0.05).mean(), abs=0.012)


def test_required_n_for_equivalence_is_the_least():
    n = required_n_equivalence(0.7)
    assert equivalence_power(0.7, n) >= 0.8 > equivalence_power(0.7, n - 1)
    assert required_n_equivalence(0.0) is None
