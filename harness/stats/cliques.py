"""Which methods cannot be told apart over many tasks: Wilcoxon's test, Holm, and the groups that remain.

Friedman's test with Nemenyi's distance is not used: with it, whether two methods differ depends on the others
(Benavoli, Corani and Mangili, "Should we really use post-hoc tests based on mean-ranks?", JMLR 17, 2016). Wilcoxon's
test looks at two methods only, but Holm's correction over all pairs, and mean ranks as places, would bring the others
in again. So both refer to a field that is named and stays the same: the picture of some methods does not change when
others join.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.stats.across import ranks
from harness.stats.pairs import holm
from harness.stats.samples import Array, Better, array, gains
from harness.stats.signed_rank import signed_rank_p

LEAST_TASKS = 6  # with five, not even one pair that differs on all of them reaches 5 %
FEW_TASKS = 10

Pair = tuple[str, str]


@dataclass(frozen=True)
class Diagram:
    """A critical-difference diagram as data.

    A clique is a largest group of methods no two of which can be told apart, best first; a method may be in several,
    or in none. It need not be a run of neighbours: who draws it as a bar marks its members.
    """

    places: Mapping[str, float]  # method -> mean rank against the field, best first
    p_values: Mapping[Pair, float]  # adjusted, of each pair in the order of the places
    cliques: tuple[tuple[str, ...], ...]
    tasks: int
    caution: str  # why the tasks are too few to tell much; empty where they are not


def diagram(
    scores: Mapping[str, Sequence[float]], field: Collection[str], better: Better, alpha: float = 0.05
) -> Diagram:
    """Return places, tests and cliques of methods, each with its score on every task, shape (tasks,), in one order.

    `field` names the methods of reference. The p-value of a pair is adjusted by Holm over the pairs among the field and
    these two: whoever else is there changes neither it nor any place. With all methods as the field this is the usual
    Wilcoxon–Holm (Ismail Fawaz et al., Data Mining and Knowledge Discovery 33, 2019), and depends on who is present.

    Raises ValueError for fewer than 6 tasks, an empty field or one that names a method without scores, lengths that
    differ, or NaN.
    """
    names, tasks = list(scores), {len(values) for values in scores.values()}
    if len(tasks) != 1:
        raise ValueError(f"every method needs a score on every task, not {sorted(tasks)} of them")
    (n,) = tasks
    if n < LEAST_TASKS:
        raise ValueError(f"Wilcoxon's test over tasks needs at least {LEAST_TASKS}, not {n}")
    if unknown := set(field) - set(names):
        raise ValueError(f"the field names methods without scores: {', '.join(sorted(unknown))}")
    table = array([list(values) for values in scores.values()])
    places = _places(names, table, field, better)
    order = list(places)
    raw = {frozenset((a, b)): signed_rank_p(gains(scores[a], scores[b], better)) for a, b in combinations(names, 2)}
    p_values = {(a, b): _adjusted(a, b, field, raw) for a, b in combinations(order, 2)}
    alike = {name: {b for a, b in _both_ways(p_values, alpha) if a == name} for name in order}
    cliques = [tuple(name for name in order if name in clique) for clique in _largest(set(), set(order), set(), alike)]
    position = {name: i for i, name in enumerate(order)}
    return Diagram(
        places=places,
        p_values=p_values,
        cliques=tuple(sorted((c for c in cliques if len(c) > 1), key=lambda c: [position[name] for name in c])),
        tasks=n,
        caution=_caution(n, math.comb(len(field), 2), alpha),
    )


def least_tasks(pairs: int, alpha: float = 0.05) -> int:
    """Return how many tasks Holm over `pairs` needs to tell one pair apart that differs the same way on all of them."""
    return 1 + math.floor(1 + math.log2(max(pairs, 1) / alpha))  # 2 / 2ⁿ · pairs < α


def _places(names: list[str], table: Array, field: Collection[str], better: Better) -> dict[str, float]:
    """Return the mean rank of each method over tasks among the field, best first."""
    found = ranks(table[:, :, None], [names.index(name) for name in sorted(field)], better).mean(axis=(1, 2))
    return {names[i]: float(found[i]) for i in np.lexsort((names, found))}


def _adjusted(a: str, b: str, field: Collection[str], raw: Mapping[frozenset[str], float]) -> float:
    """Return Holm's p-value of a pair among those of the field and it."""
    family = {"\n".join(pair): raw[frozenset(pair)] for pair in combinations(sorted({*field, a, b}), 2)}
    return holm(family)["\n".join(sorted((a, b)))]


def _both_ways(p_values: Mapping[Pair, float], alpha: float) -> Iterator[Pair]:
    """Yield each pair that cannot be told apart, in both orders."""
    for (a, b), p in p_values.items():
        if p >= alpha:
            yield a, b
            yield b, a


def _largest(clique: set[str], open_: set[str], closed: set[str], alike: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Yield every largest clique that extends `clique` by some of `open_` and none of `closed`.

    Source: Bron and Kerbosch, "Algorithm 457", Communications of the ACM 16, 1973, with a pivot.
    """
    if not open_ and not closed:
        yield clique
        return
    pivot = max(sorted(open_ | closed), key=lambda name: len(open_ & alike[name]))
    for name in sorted(open_ - alike[pivot]):
        yield from _largest(clique | {name}, open_ & alike[name], closed & alike[name], alike)
        open_, closed = open_ - {name}, closed | {name}


def _caution(tasks: int, pairs: int, alpha: float) -> str:
    least = least_tasks(pairs, alpha)
    if tasks < least:
        return f"{tasks} tasks cannot tell any two methods of this field apart; that takes {least}"
    return f"{tasks} tasks: fewer than {FEW_TASKS} can tell little apart" if tasks < FEW_TASKS else ""
