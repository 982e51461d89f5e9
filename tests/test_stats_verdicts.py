"""Claims: every finding from made-up data, the boundaries between them, and how often each is right."""

import math

import numpy as np
import pytest
import scipy.stats

from harness.stats import t_interval
from harness.stats.power import required_n
from harness.stats.prospects import prospects
from harness.stats.trends import exponent_at_most, monotone
from harness.stats.verdicts import DECIDED, Finding, equivalence, factor, non_inferiority, superiority

ZERO = [0.0] * 3
STEP = scipy.stats.t.ppf(0.95, 2) / math.sqrt(3)  # half-width of the 90 % interval of three values of deviation 1


def gained(low, high):
    """Return three gains whose 90 % interval has these ends."""
    middle, deviation = (low + high) / 2, (high - low) / 2 / STEP
    return [middle - deviation, middle, middle + deviation]


def judged(low, high, delta=2.0, **options):
    return superiority(gained(low, high), ZERO, delta, "higher", **options)


@pytest.mark.parametrize(
    ("low", "high", "margin", "finding"),
    [
        (0.5, 1.5, None, "REPRODUCED"),
        (1.5, 5.0, None, "REPRODUCED"),
        (0.01, 1.01, None, "REPRODUCED"),
        (0.01, 0.99, None, "REPRODUCED-SMALLER"),
        (-0.01, 0.99, None, "REFUTED"),
        (-0.01, 1.01, None, "INCONCLUSIVE"),
        (-5.0, 0.01, None, "REFUTED"),
        (-5.0, -0.01, None, "REVERSED"),
        (-5.0, 5.0, None, "INCONCLUSIVE"),
        (-0.29, 0.29, 0.3, "EQUIVALENT"),
        (-0.31, 0.29, 0.3, "REFUTED"),
        (-0.29, 0.31, 0.3, "REFUTED"),
        (0.01, 0.29, 0.3, "EQUIVALENT"),
        (-0.29, -0.01, 0.3, "EQUIVALENT"),
        (0.01, 0.31, 0.3, "REPRODUCED-SMALLER"),
        (-0.31, -0.01, 0.3, "REVERSED"),
        (-0.5, 1.5, 0.3, "INCONCLUSIVE"),
        (0.01, 0.99, 1.0, "EQUIVALENT"),
        (0.01, 1.01, 1.0, "REPRODUCED"),
    ],
)
def test_finding_by_where_the_interval_lies(low, high, margin, finding):
    verdict = judged(low, high, margin=margin)
    assert verdict.finding == finding
    assert [verdict.effect.low, verdict.effect.high] == pytest.approx([low, high])
    assert verdict.n == 3
    assert "90 %" in verdict.reason
    assert "3 seeds, fewer than the 5" in verdict.reason


@pytest.mark.parametrize(
    ("gain", "finding"), [(1.0, "REPRODUCED"), (0.999, "REPRODUCED-SMALLER"), (0.0, "REFUTED"), (-1e-9, "REVERSED")]
)
def test_gains_without_spread_lie_on_the_boundaries(gain, finding):
    assert superiority([gain] * 3, ZERO, 2.0, "higher").finding == finding


def test_share_says_how_much_a_gain_may_lack():
    assert judged(0.5, 1.5, share=0.0).finding == "REPRODUCED-SMALLER"
    assert judged(0.5, 1.5, share=0.3).finding == "REPRODUCED"  # 1.5 is above 0.7 · 2


def test_lower_may_be_better():
    a, b = [1.0, 1.1, 1.2], [3.0, 3.15, 3.2]
    assert superiority(a, b, 2.0, "lower").finding == "REPRODUCED"
    assert superiority(a, b, 2.0, "higher").finding == "REVERSED"
    assert superiority(b, a, 2.0, "higher") == superiority(a, b, 2.0, "lower")


def test_inconclusive_says_how_many_seeds_it_takes():
    verdict = judged(-1.0, 3.0)
    deviation = np.std(gained(-1.0, 3.0), ddof=1)
    assert verdict.finding is Finding.INCONCLUSIVE
    assert verdict.seeds_needed == required_n(1.0 / deviation, sides=1) > 3
    assert judged(0.5, 1.5).seeds_needed is None
    assert judged(-0.001, 1.001).seeds_needed == 4  # at least one more than there were


def test_one_seed_is_inconclusive():
    verdict = superiority([5.0], [1.0], 2.0, "higher")
    assert (verdict.finding, verdict.seeds_needed, verdict.n) == ("INCONCLUSIVE", None, 1)
    assert verdict.effect == t_interval([4.0])


@pytest.mark.parametrize(
    ("a", "b", "failed", "words"),
    [
        ([0.0] * 5, [0.5, 0.6, 0.7, 0.8, 0.9], (5, 0), "failure rates differ: 5 of 5"),
        ([0.0, 0.5, 0.6], [0.5, 0.6, 0.7], (1, 0), "too few runs"),
        (ZERO, ZERO, (3, 3), "nothing is left"),
        ([math.inf, 1, 1, 1, 1], [2.0, 2, 2, 2, 2], (1, 0), "infinite"),
        ([math.inf, 1, 1], [math.inf, 2, 2], (1, 1), "infinite"),
        ([math.inf, 1, 1, 1], [1, math.inf, 1, 1], (1, 1), "infinite"),
    ],
)
def test_failures_make_a_claim_invalid(a, b, failed, words):
    for verdict in (
        superiority(a, b, 1.0, "lower", failed=failed),
        non_inferiority(a, b, 1.0, "lower", failed=failed),
        equivalence(a, b, 1.0, failed=failed),
    ):
        assert (verdict.finding, verdict.effect, verdict.seeds_needed) == ("INVALID", None, None)
        assert words in verdict.reason


def test_failures_that_may_be_chance_count_as_the_worst_value_and_are_told():
    a, b = [0.0, 0.9, 0.9, 0.91, 0.92], [0.1, 0.2, 0.1, 0.2, 0.1]
    verdict = superiority(a, b, 0.5, "higher", failed=(1, 0))
    assert verdict.effect.mean == pytest.approx(np.subtract(a, b).mean())
    assert "1 and 0 failed" in verdict.reason


@pytest.mark.parametrize(
    "options", [{"delta": 0.0}, {"delta": -1.0}, {"share": 1.0}, {"share": -0.1}, {"margin": 0.0}, {"margin": 1.01}]
)
def test_claims_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match=r"above 0|share|margin"):
        judged(0.0, 1.0, **options)


def test_values_that_cannot_be_compared_are_refused():
    for a, b in (([1.0], [1.0, 2.0]), ([math.nan], [1.0]), ([], [])):
        with pytest.raises(ValueError, match=r"many values|NaN|at least one"):
            superiority(a, b, 1.0, "higher")


@pytest.mark.parametrize(
    ("ratio", "finding"), [(4.2, "REPRODUCED"), (2.1, "REPRODUCED"), (1.5, "REPRODUCED-SMALLER"), (0.5, "REVERSED")]
)
def test_factor_claims_are_judged_on_logarithms(ratio, finding):
    """The target of four times at a share of a half is twice."""
    b = np.array([10.0, 20.0, 30.0, 40.0])
    a = b / ratio * np.array([1.01, 0.99, 1.02, 0.98])
    verdict = factor(a.tolist(), b.tolist(), 4.0, "lower")
    assert verdict.finding == finding
    assert verdict.effect.mean == pytest.approx(ratio, rel=1e-3)
    assert verdict.effect.low < ratio < verdict.effect.high
    assert factor(b.tolist(), a.tolist(), 4.0, "higher") == verdict


def test_factor_within_its_margin_is_equivalent():
    b = [10.0, 20.0, 30.0]
    assert factor([10.1, 19.9, 30.1], b, 2.0, "lower", margin=1.05).finding == "EQUIVALENT"


def test_factor_of_failures_is_invalid_and_of_impossible_values_refused():
    assert factor([math.inf, 1, 2, 3, 4], [1.0, 1, 2, 3, 4], 2.0, "lower", failed=(1, 0)).finding == "INVALID"
    for values, times, margin in (([0.0, 1.0], 2.0, None), ([1.0, 1.0], 1.0, None), ([1.0, 1.0], 2.0, 1.0)):
        with pytest.raises(ValueError, match="above"):
            factor(values, [1.0, 1.0], times, "lower", margin=margin)


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [(-0.99, 5, "REPRODUCED"), (-1.01, 0.5, "INCONCLUSIVE"), (-3, -0.99, "INCONCLUSIVE"), (-3, -1.01, "REFUTED")],
)
def test_non_inferiority(low, high, finding):
    verdict = non_inferiority(gained(low, high), ZERO, 1.0, "higher")
    assert verdict.finding == finding
    assert (verdict.seeds_needed or 0) > 3 or finding != "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (-0.99, 0.99, "EQUIVALENT"),
        (-1.01, 0.5, "INCONCLUSIVE"),
        (-0.5, 1.01, "INCONCLUSIVE"),
        (1.01, 3, "REFUTED"),
        (-3, -1.01, "REFUTED"),
        (0.5, 3, "INCONCLUSIVE"),
    ],
)
def test_equivalence(low, high, finding):
    verdict = equivalence(gained(low, high), ZERO, 1.0)
    assert verdict.finding == finding
    assert (verdict.seeds_needed or 0) > 3 or finding != "INCONCLUSIVE"


def test_margins_are_above_zero():
    for check in (lambda: non_inferiority(ZERO, ZERO, 0.0, "higher"), lambda: equivalence(ZERO, ZERO, 0.0)):
        with pytest.raises(ValueError, match="margin"):
            check()


SIZES = [2.0**i for i in range(6, 12)]
NOISE = [1.01, 0.98, 1.02, 0.99, 1.01, 0.99]


@pytest.mark.parametrize(
    ("power", "p", "finding"),
    [(1, 1.1, "REPRODUCED"), (1, 1, "INCONCLUSIVE"), (2, 1.1, "REFUTED"), (2, 2.5, "REPRODUCED")],
)
def test_exponent_at_most(power, p, finding):
    costs = [size**power * noise for size, noise in zip(SIZES, NOISE, strict=True)]
    verdict = exponent_at_most(SIZES, costs, p)
    assert verdict.finding == finding
    assert verdict.effect.mean == pytest.approx(power, abs=0.02)
    assert verdict.n == 6


def test_exponent_of_two_sizes_or_of_a_failure():
    assert exponent_at_most([1, 2], [1, 2], 3.0).finding == "INCONCLUSIVE"
    assert exponent_at_most(SIZES, [*SIZES[:5], math.inf], 3.0).finding == "INVALID"


GENERATOR = np.random.default_rng(2)
RISING = np.arange(5) + GENERATOR.normal(0, 0.3, (5, 5))
FLAT = GENERATOR.normal(0, 1, (3, 4))
DENTED = np.array([0, 1, 2, 3, -0.5, 4, 5, 6]) + GENERATOR.normal(0, 0.1, (5, 8))


@pytest.mark.parametrize(
    ("values", "way", "finding"),
    [
        (RISING, "rising", "REPRODUCED"),
        (-RISING, "falling", "REPRODUCED"),
        (RISING, "falling", "REVERSED"),
        (FLAT, "rising", "INCONCLUSIVE"),
        (DENTED, "rising", "REFUTED"),
        (RISING[:1], "rising", "INCONCLUSIVE"),
        (np.ones((4, 4)), "rising", "INCONCLUSIVE"),
    ],
)
def test_monotone(values, way, finding):
    verdict = monotone(values, way)
    assert verdict.finding == finding
    assert verdict.n == len(values)
    sign = 1 if way == "rising" else -1
    if finding != "INCONCLUSIVE":
        by_seed = [scipy.stats.spearmanr(np.arange(len(v)), sign * v).statistic for v in values]
        assert verdict.effect.mean == pytest.approx(np.mean(by_seed))


def test_dent_is_named():
    assert "from level 4 to 5 it goes the other way" in monotone(DENTED, "rising").reason


def test_monotone_counts_failures():
    late = np.where(np.arange(5) > 2, math.inf, RISING)
    assert monotone(late, "rising").finding == "REPRODUCED"
    assert monotone(late, "rising", failed=[0, 0, 0, 5, 5]).finding == "INVALID"
    mixed = np.array([[1, math.inf, 2], [math.inf, 1, 2]])
    assert monotone(mixed, "rising").finding == "INCONCLUSIVE"


def test_monotone_says_how_many_seeds_it_takes():
    weak = np.array([[1, 2, 3, 0], [1, 2, 0, 3.0]])
    found = monotone(weak, "rising")
    assert (found.finding, found.seeds_needed) == (
        "INCONCLUSIVE",
        math.ceil((1.6449 + 0.8416) ** 2 / found.effect.mean**2 / 3),
    )
    assert monotone(-weak, "rising").seeds_needed is None


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [1.0, 2.0, 3.0], np.ones((0, 4)), [[1.0, math.nan, 2.0]]])
def test_monotone_needs_seeds_and_levels(values):
    with pytest.raises(ValueError, match=r"levels|NaN"):
        monotone(values, "rising")


@pytest.mark.parametrize(
    ("delta", "n", "reproduced"),
    [(1, 5, 0.37), (1, 10, 0.66), (2, 3, 0.49), (2, 5, 0.82), (2, 10, 0.99), (4, 3, 0.91), (4, 5, 0.999)],
)
def test_prospects_are_those_that_were_simulated_before(delta, n, reproduced):
    """Shares of REPRODUCED where the claim is true, delta in deviations of a seed, from a simulation of its own."""
    effect = delta / math.sqrt(2)  # two independent seeds differ by √2 deviations
    assert prospects(effect, effect, n)[Finding.REPRODUCED] == pytest.approx(reproduced, abs=0.011)


@pytest.mark.parametrize(("delta", "gain", "n"), [(1.0, 1.0, 4), (3.0, 0.0, 5), (2.0, 0.6, 8), (4.0, 0.7, 10)])
def test_prospects_agree_with_simulated_verdicts(delta, gain, n):
    draws = np.random.default_rng(n).normal(gain, 1, (3000, n)).tolist()
    found = [superiority(draw, [0.0] * n, delta, "higher").finding for draw in draws]
    expected = prospects(delta, gain, n)
    assert sum(expected.values()) == pytest.approx(1)
    for finding in DECIDED:
        assert found.count(finding) / 3000 == pytest.approx(expected[finding], abs=0.03)


def test_prospects_of_no_gain_are_wrong_as_seldom_as_alpha_says():
    for n in (2, 3, 10):
        found = prospects(1.5, 0.0, n)
        assert found[Finding.REPRODUCED] + found[Finding.REPRODUCED_SMALLER] == pytest.approx(0.05, abs=1e-3)
        assert found[Finding.REVERSED] == pytest.approx(0.05, abs=1e-3)


def test_prospects_of_one_seed():
    assert prospects(1.0, 1.0, 1)[Finding.INCONCLUSIVE] == 1
