"""Wilcoxon, Holm and cliques, against scikit-posthocs and under methods that join, leave and change names."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from harness.stats.cliques import diagram, least_tasks
from harness.stats.signed_rank import signed_rank_p

NAMES = ["a", "b", "c", "d", "e"]


def table(tasks=14, methods=5, apart=0.6, seed=1):
    generator = np.random.default_rng(seed)
    return {
        name: (generator.normal(0, 1, tasks) - apart * i).tolist()
        for i, name in enumerate([*NAMES, "f", "g", "h"][:methods])
    }


def test_adjusted_p_values_agree_with_scikit_posthocs():
    posthocs = pytest.importorskip("scikit_posthocs")
    scores = table()
    expected = posthocs.posthoc_wilcoxon(list(scores.values()), p_adjust="holm").to_numpy()
    found = diagram(scores, NAMES, "higher").p_values
    assert len(found) == 10
    for (a, b), p in found.items():
        assert p == pytest.approx(expected[NAMES.index(a), NAMES.index(b)])


@pytest.mark.parametrize("seed", range(4))
def test_cliques_agree_with_the_bars_of_scikit_posthocs(seed):
    posthocs = pytest.importorskip("scikit_posthocs")
    import matplotlib as mpl
    import pandas as pd

    mpl.use("Agg")
    found = diagram(table(seed=seed), NAMES, "higher")
    matrix = pd.DataFrame(1.0, NAMES, NAMES)
    for (a, b), p in found.p_values.items():
        matrix.loc[a, b] = matrix.loc[b, a] = p
    drawn = posthocs.critical_difference_diagram(dict(found.places), matrix)["crossbars"]
    bars = sorted((min(line.get_xdata()), max(line.get_xdata())) for (line,) in drawn)
    ends = sorted((found.places[clique[0]], found.places[clique[-1]]) for clique in found.cliques)
    assert np.ravel(ends) == pytest.approx(np.ravel(bars))


def test_places_are_mean_ranks_best_first():
    scores = table()
    ranked = scipy.stats.rankdata(-np.array(list(scores.values())), axis=0).mean(axis=1)
    found = diagram(scores, NAMES, "higher").places
    assert list(found) == [NAMES[i] for i in np.argsort(ranked)]
    assert list(found.values()) == pytest.approx(sorted(ranked))


def cliques_by_enumeration(found, alpha=0.05):
    names = list(found.places)
    alike = [
        set(group)
        for size in range(1, len(names) + 1)
        for group in itertools.combinations(names, size)
        if all(found.p_values[pair] >= alpha for pair in itertools.combinations(group, 2))
    ]
    return {tuple(n for n in names if n in g) for g in alike if len(g) > 1 and not any(g < other for other in alike)}


@pytest.mark.parametrize("seed", range(8))
def test_cliques_are_the_largest_groups_without_a_pair_told_apart(seed):
    found = diagram(table(methods=8, apart=0.4, seed=seed), NAMES, "higher")
    assert set(found.cliques) == cliques_by_enumeration(found)


@pytest.mark.parametrize("field", [["a", "b"], ["c"], NAMES])
def test_picture_does_not_depend_on_who_else_is_there(field):
    scores = table(methods=8)
    whole = diagram(scores, field, "higher")
    some = {name: scores[name] for name in {*field, "a", "d", "e"}}
    part = diagram(some, field, "higher")
    assert part.places == {name: place for name, place in whole.places.items() if name in some}
    assert part.p_values == {pair: p for pair, p in whole.p_values.items() if set(pair) <= set(some)}
    assert set(part.cliques) == cliques_by_enumeration(part)
    for clique in whole.cliques:  # what is left of it is alike still
        left = {name for name in clique if name in some}
        assert len(left) < 2 or any(left <= set(other) for other in part.cliques)


def test_names_order_and_direction_change_nothing():
    scores = table()
    found = diagram(scores, NAMES, "higher")
    assert diagram({name: scores[name] for name in reversed(NAMES)}, set(NAMES), "higher") == found
    assert diagram({name: [-x for x in values] for name, values in scores.items()}, NAMES, "lower") == found
    renamed = diagram({f"new {name}": values for name, values in scores.items()}, [f"new {n}" for n in NAMES], "higher")
    assert list(renamed.places.values()) == list(found.places.values())
    assert list(renamed.p_values.values()) == list(found.p_values.values())
    assert [[name[4:] for name in clique] for clique in renamed.cliques] == [list(clique) for clique in found.cliques]


def test_pair_outside_the_field_is_corrected_for_the_field_and_itself():
    """With the field {a}: the pairs of a, d and e, three of them."""
    scores = table(apart=1.5)
    raw = {
        pair: signed_rank_p(np.subtract(scores[pair[0]], scores[pair[1]]))
        for pair in (("a", "d"), ("a", "e"), ("d", "e"))
    }
    found = diagram(scores, ["a"], "higher").p_values
    ordered = sorted(raw.values())
    rank = ordered.index(raw["d", "e"])
    assert found["d", "e"] == pytest.approx(max(p * (3 - i) for i, p in enumerate(ordered[: rank + 1])))


def test_equal_methods_are_one_clique_and_lone_ones_in_none():
    same = list(range(10))
    found = diagram({"b": same, "a": same, "far": [x - 5.5 for x in same]}, ["a", "b", "far"], "higher")
    assert found.cliques == (("a", "b"),)
    assert found.places == {"a": 1.5, "b": 1.5, "far": 3}


def test_failures_count_as_the_worst():
    found = diagram({"a": [1.0] * 8, "b": [math.inf] * 8, "c": [math.inf] * 8}, "abc", "lower")
    assert found.places == {"a": 1, "b": 2.5, "c": 2.5}
    assert found.cliques == (("b", "c"),)


@pytest.mark.parametrize(("pairs", "tasks"), [(1, 6), (3, 7), (10, 9), (45, 11), (190, 13)])
def test_least_tasks_is_where_the_smallest_p_passes_holm(pairs, tasks):
    assert least_tasks(pairs) == tasks
    assert 2 / 2**tasks * pairs < 0.05 <= 2 / 2 ** (tasks - 1) * pairs


def test_few_tasks_say_so():
    assert (
        diagram(table(8), NAMES, "higher").caution
        == "8 tasks cannot tell any two methods of this field apart; that takes 9"
    )
    assert diagram(table(9), NAMES, "higher").caution == "9 tasks: fewer than 10 can tell little apart"
    assert diagram(table(10), NAMES, "higher").caution == ""


@pytest.mark.parametrize(
    ("scores", "field", "words"),
    [
        (table(5), NAMES, "at least 6"),
        ({"a": [1.0] * 6, "b": [1.0] * 7}, ["a"], "every method"),
        (table(), ["a", "zebra"], "zebra"),
        (table(), [], "field"),
        ({}, [], "every method"),
        ({"a": [math.nan] * 6}, ["a"], "NaN"),
    ],
)
def test_what_cannot_be_compared_is_refused(scores, field, words):
    with pytest.raises(ValueError, match=words):
        diagram(scores, field, "higher")
