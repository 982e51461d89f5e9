"""ListOps: the value, a digit, of a nested expression of list operators.

Nangia & Bowman, "ListOps: A Diagnostic Dataset for Latent Tree Learning" (NAACL SRW 2018), with the grammar and the
acceptance rule of the Long Range Arena (Tay et al., ICLR 2021). The Arena's own split cannot be drawn again (it
follows the iteration order of a Python set), so that expressions are drawn here from a seed of our own.

    expression   a digit 0..9, or an operator applied to 2..max_args expressions
    operator     MIN, MAX, MED (the median; for an even count the mean of the middle two, truncated), SM (sum modulo 10)
    length       number of tokens: every digit, operator and "]" counts, parentheses do not
    depth        the outermost operator is at depth 1; at max_depth there are digits only

An expression is kept here as `bytes`, one token id per byte and without <eos>. Written out as in the published files,
it is a left-nested binary tree: "( ( ( [MAX 3 ) 4 ) ] )" is MAX(3, 4).
"""

import csv
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from bench_sequence import dataset_limits

OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")
VOCABULARY = ("<pad>", "<unk>", "<eos>", *OPERATORS, "]", *"0123456789")
PAD, UNKNOWN, END = range(3)
FIRST_OPERATOR = VOCABULARY.index(OPERATORS[0])
CLOSE = VOCABULARY.index("]")
ZERO = VOCABULARY.index("0")

_OPERATOR_PROBABILITY = 0.25
_TRIES = 100_000  # in a row without a new expression, before the grammar counts as exhausted; the Arena's needs 12
_ID = {token: i for i, token in enumerate(VOCABULARY)}


def listops(
    *,
    min_length: int = 10,
    max_length: int = 64,
    max_depth: int = 6,
    max_args: int = 5,
    train: int = 10_000,
    val: int = 2_000,
    test: int = 2_000,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return distinct expressions with min_length < length < max_length and their values.

    The Long Range Arena has min_length=500, max_length=2000, max_depth=10, max_args=10, train=96000.
    The test and the validation split are drawn first and do not change with `train`.

    Returns, for each split of n expressions:
        *_inputs: token ids, (n, max_length) int32: the expression, <eos>, <pad> to the end.
        *_targets: value of the expression, 0..9, (n,) int64.
        *_lengths: number of tokens that are not <pad>, (n,) int64.
        *_roots: index of the outermost operator in OPERATORS, (n,) int64.

    Raises:
        ValueError: the grammar has (nearly) no expressions of the lengths asked for.
    """
    dataset_limits.listops(min_length=min_length, max_length=max_length, max_depth=max_depth, max_args=max_args)
    expressions = _distinct_expressions(train + val + test, min_length, max_length, max_depth, max_args, seed)
    splits = {
        "test": expressions[:test],
        "val": expressions[test : test + val],
        "train": expressions[test + val :],
    }
    arrays = {}
    for split, members in splits.items():
        inputs, lengths = encode(members, max_length)
        arrays[f"{split}_inputs"] = inputs
        arrays[f"{split}_targets"] = np.array([evaluate(expression) for expression in members], dtype=np.int64)
        arrays[f"{split}_lengths"] = lengths
        arrays[f"{split}_roots"] = inputs[:, 0].astype(np.int64) - FIRST_OPERATOR
    return arrays


def _distinct_expressions(
    count: int, min_length: int, max_length: int, max_depth: int, max_args: int, seed: int
) -> list[bytes]:
    """Return `count` different expressions of accepted length, in the order in which they were drawn."""
    # Of the standard generator only random() is used: its sequence is promised to outlive Python versions.
    draw = random.Random(seed).random
    accepted: dict[bytes, None] = {}
    tries = 0
    while len(accepted) < count:
        tokens: list[int] = []
        _grow(tokens, draw, 1, max_depth, max_args, max_length)
        expression = bytes(tokens)
        if min_length < len(expression) < max_length and expression not in accepted:
            accepted[expression] = None
            tries = 0
        elif (tries := tries + 1) == _TRIES:
            raise ValueError(
                f"ListOps with max_depth={max_depth} and max_args={max_args} gave only {len(accepted)} of {count} "
                f"distinct expressions with {min_length} < length < {max_length}"
            )
    return list(accepted)


def _grow(
    tokens: list[int], draw: Callable[[], float], depth: int, max_depth: int, max_args: int, max_length: int
) -> None:
    """Append one random expression to `tokens`; stop half-way once they are max_length: too long, however they end."""
    if depth == max_depth or draw() > _OPERATOR_PROBABILITY:
        tokens.append(ZERO + int(10 * draw()))
        return
    start = len(tokens)
    tokens.append(UNKNOWN)  # the operator is drawn after its arguments, as in the Arena's generator
    for _ in range(2 + int((max_args - 1) * draw())):
        _grow(tokens, draw, depth + 1, max_depth, max_args, max_length)
        if len(tokens) >= max_length:
            return
    tokens[start] = FIRST_OPERATOR + int(len(OPERATORS) * draw())
    tokens.append(CLOSE)


def evaluate(expression: bytes) -> int:
    """Return the value of an expression, 0..9."""
    open_lists: list[list[int]] = [[]]  # each but the first: operator id, then the values of its arguments so far
    for token in expression:
        if token >= ZERO:
            open_lists[-1].append(token - ZERO)
        elif token == CLOSE:
            operator, *arguments = open_lists.pop()
            open_lists[-1].append(_apply(VOCABULARY[operator], arguments))
        else:
            open_lists.append([token])
    return open_lists[0][0]


def _apply(operator: str, arguments: list[int]) -> int:
    if operator == "[MIN":
        return min(arguments)
    if operator == "[MAX":
        return max(arguments)
    if operator == "[SM":
        return sum(arguments) % 10
    n = len(arguments)
    arguments = sorted(arguments)
    return (arguments[(n - 1) // 2] + arguments[n // 2]) // 2


def written(expression: bytes) -> str:
    """Return the expression as in the published files, with parentheses: "( ( ( [MAX 3 ) 4 ) ] )"."""
    open_trees = [""]
    for token in expression:
        word = VOCABULARY[token]
        if word in OPERATORS:
            open_trees.append(word)
            continue
        if word == "]":
            word = f"( {open_trees.pop()} ] )"
        open_trees[-1] = f"( {open_trees[-1]} {word} )" if open_trees[-1] else word
    return open_trees[0]


def tokenize(source: str) -> bytes:
    """Return the expression that a text in the published form stands for; words out of the vocabulary are <unk>."""
    words = source.replace("(", " ").replace(")", " ").split()
    return bytes(_ID.get(word, UNKNOWN) for word in words)


def read_tsv(path: str | Path) -> tuple[list[bytes], np.ndarray]:
    """Return the expressions and the targets, (n,) int64, of a file of the Long Range Arena (basic_train.tsv, ...).

    Raises:
        ValueError: the columns are not Source and Target.
    """
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    if header != ["Source", "Target"]:
        raise ValueError(f"{path} is no ListOps file: its columns are {header} instead of Source and Target")
    return [tokenize(source) for source, _ in rows], np.array([int(target) for _, target in rows], dtype=np.int64)


def encode(expressions: Iterable[bytes], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids, (n, length) int32, and the number of tokens that are not <pad>, (n,) int64.

    An expression is cut to length - 1 tokens, then <eos> and <pad> follow, as in the S4 code.
    """
    rows = [expression[: length - 1] + bytes([END]) for expression in expressions]
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    tokens = np.frombuffer(b"".join(row.ljust(length, bytes([PAD])) for row in rows), dtype=np.uint8)
    return tokens.reshape(len(rows), length).astype(np.int32), lengths
