"""Five procedural families of token sequences in which a class is a seed: what tells languages and topics apart.

Every function takes the class's generator, which draws what its members share, the members' generator, and their number
n, and returns n sequences, (n, LENGTH) of tokens below VOCABULARY; `draw` then replaces tokens at random.
"""

from collections.abc import Callable

import numpy as np

VOCABULARY, LENGTH = 32, 24
NOISE = 0.1  # the share of tokens that are replaced by any token

Array = np.ndarray
Generator = np.random.Generator


def _walk(successors: Array, gap: int, rng: Generator, n: int) -> Array:
    """Return sequences in which a token is followed, `gap` places on, by one of its successors, (tokens, choices)."""
    found = rng.integers(VOCABULARY, size=(n, LENGTH))
    choice = rng.integers(successors.shape[1], size=(n, LENGTH))
    for t in range(gap, LENGTH):
        found[:, t] = successors[found[:, t - gap], choice[:, t]]
    return found


def _topic(kind: Generator, rng: Generator, n: int) -> Array:
    """Tokens of a class-specific distribution, in any order."""
    return rng.choice(VOCABULARY, size=(n, LENGTH), p=kind.dirichlet(np.full(VOCABULARY, 0.6)))


def _bigram(kind: Generator, rng: Generator, n: int) -> Array:
    """Every token has class-specific successors."""
    return _walk(kind.integers(VOCABULARY, size=(VOCABULARY, 4)), 1, rng, n)


def _skip(kind: Generator, rng: Generator, n: int) -> Array:
    """Every token has class-specific successors two places on."""
    return _walk(kind.integers(VOCABULARY, size=(VOCABULARY, 4)), 2, rng, n)


def _phrase(kind: Generator, rng: Generator, n: int) -> Array:
    """Three class-specific phrases of three tokens among random ones, each somewhere in a third of the sequence."""
    found = rng.integers(VOCABULARY, size=(n, LENGTH))
    phrases, third = kind.integers(VOCABULARY, size=(3, 3)), LENGTH // 3
    order = rng.permuted(np.tile(np.arange(3), (n, 1)), axis=1)
    start = rng.integers(third - 2, size=(n, 3)) + third * np.arange(3)
    for place in range(3):
        for i in range(3):
            found[np.arange(n), start[:, place] + i] = phrases[order[:, place], i]
    return found


def _grammar(kind: Generator, rng: Generator, n: int) -> Array:
    """Words of four word classes follow each other by a class-specific rule; which word it is does not matter."""
    lexicon, follows = kind.permutation(VOCABULARY).reshape(4, -1), kind.dirichlet(np.full(4, 0.4), size=4)
    state = rng.integers(4, size=n)
    found = np.empty((n, LENGTH), int)
    for t in range(LENGTH):
        found[:, t] = lexicon[state, rng.integers(lexicon.shape[1], size=n)]
        state = (rng.random((n, 1)) > follows[state].cumsum(1)[:, :-1]).sum(1)
    return found


FAMILIES: dict[str, Callable[[Generator, Generator, int], Array]] = {
    "topic": _topic,
    "bigram": _bigram,
    "skip": _skip,
    "phrase": _phrase,
    "grammar": _grammar,
}


def draw(family: str, label: int, n: int, seed: int) -> Array:
    """Return n sequences of class `label` of a family, (n, LENGTH) int64; the same for the same arguments.

    What makes a class depends on family and label alone; `seed` draws its members.
    """
    number = list(FAMILIES).index(family)
    rng = np.random.default_rng([seed, number, label, 1])
    found = FAMILIES[family](np.random.default_rng([number, label, 2]), rng, n)
    replaced = rng.random(found.shape) < NOISE
    return np.where(replaced, rng.integers(VOCABULARY, size=found.shape), found).astype(np.int64)
