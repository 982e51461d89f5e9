"""ListOps: the grammar against its exact length distribution, the values against a second evaluator, the file form."""

import gzip
import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from bench_sequence.datasets import listops as module
from bench_sequence.datasets.baselines import root_operator_prediction
from bench_sequence.datasets.listops import VOCABULARY, encode, evaluate, listops, read_tsv, tokenize, written

ARENA = {"min_length": 500, "max_length": 2000, "max_depth": 10, "max_args": 10}


# --- second evaluator: recursive descent over the written, parenthesised form; shares nothing with the module


def parse(words):
    """Take one binary tree from the front of the iterator `words`: a word, or a pair of trees."""
    word = next(words)
    if word != "(":
        return word
    pair = parse(words), parse(words)
    assert next(words) == ")"
    return pair


def spine(tree):
    """Return operator and argument trees of an applied or half-applied operator."""
    arguments = []
    while not isinstance(tree, str):
        tree, argument = tree
        arguments.insert(0, argument)
    return tree, arguments


def tree_value(tree):
    if isinstance(tree, str):
        return int(tree)
    assert tree[1] == "]"
    operator, arguments = spine(tree[0])
    values = [tree_value(argument) for argument in arguments]
    functions = {"[MIN": min, "[MAX": max, "[MED": lambda v: int(np.median(v)), "[SM": lambda v: int(np.sum(v)) % 10}
    return functions[operator](values)


def tree_depth(tree):
    return 1 if isinstance(tree, str) else 1 + max(map(tree_depth, spine(tree[0])[1]))


def tree_arguments(tree):
    """Yield the number of arguments of every operator."""
    if not isinstance(tree, str):
        arguments = spine(tree[0])[1]
        yield len(arguments)
        for argument in arguments:
            yield from tree_arguments(argument)


# --- exact length distribution of the grammar, by dynamic programming from the deepest level up


def length_distribution(*, min_length, max_length, max_depth, max_args):
    """Return P(length | accepted), (max_length,), and the probability of acceptance."""
    digit = np.zeros(max_length)
    digit[1] = 1
    level = digit
    for _ in range(max_depth - 1):
        together, applied = np.zeros(max_length), np.zeros(max_length)
        together[2] = 1  # operator and "]"
        for n in range(1, max_args + 1):
            together = np.convolve(together, level)[:max_length]
            applied += together * (n >= 2) / (max_args - 1)
        level = 0.75 * digit + 0.25 * applied
    level[: min_length + 1] = 0
    return level / level.sum(), level.sum()


def expressions_of(arrays, split):
    return [
        bytes(row[: length - 1].tolist())
        for row, length in zip(arrays[f"{split}_inputs"], arrays[f"{split}_lengths"], strict=True)
    ]


@pytest.fixture(scope="module")
def short():
    return listops()


@pytest.fixture(scope="module")
def arena():
    return listops(**ARENA, train=400, val=50, test=50)


# --- arrays


def test_shapes_types_and_padding(short):
    for split, n in {"train": 10_000, "val": 2_000, "test": 2_000}.items():
        inputs, lengths = short[f"{split}_inputs"], short[f"{split}_lengths"]
        assert inputs.shape == (n, 64)
        assert inputs.dtype == np.int32
        assert lengths.dtype == short[f"{split}_targets"].dtype == short[f"{split}_roots"].dtype == np.int64
        np.testing.assert_array_equal((inputs == VOCABULARY.index("<eos>")).argmax(1), lengths - 1)
        np.testing.assert_array_equal(inputs == VOCABULARY.index("<pad>"), np.arange(64) >= lengths[:, None])
        assert lengths.min() == 10 + 2  # shortest accepted expression and <eos>
        assert lengths.max() == 64
        names = np.array(module.OPERATORS)[short[f"{split}_roots"]]
        np.testing.assert_array_equal(names, np.array(VOCABULARY)[inputs[:, 0]])


def test_no_expression_is_in_the_data_twice(short):
    together = [expression for split in ("train", "val", "test") for expression in expressions_of(short, split)]
    assert len(set(together)) == len(together) == 14_000


def test_repeated_draws_are_left_out_even_where_the_grammar_has_few_expressions():
    # one operator on two or three digits, "length 4": 4 * 10 * 10 of them, so that most draws are repetitions
    arrays = listops(min_length=3, max_length=5, max_depth=2, max_args=3, train=300, val=60, test=40)
    together = [expression for split in ("train", "val", "test") for expression in expressions_of(arrays, split)]
    assert len(set(together)) == 400


def test_an_exhausted_grammar_is_an_error():
    with pytest.raises(ValueError, match="gave only 400 of 401 distinct expressions with 3 < length < 5"):
        listops(min_length=3, max_length=5, max_depth=2, max_args=3, train=401, val=0, test=0)


def test_deterministic_in_its_seed_and_the_test_split_does_not_depend_on_the_training_size():
    few, again, more, other = (
        listops(train=n, val=20, test=20, seed=seed) for n, seed in ((50, 0), (50, 0), (90, 0), (50, 1))
    )
    for name in few:
        np.testing.assert_array_equal(few[name], again[name])
        if not name.startswith("train"):
            np.testing.assert_array_equal(few[name], more[name])
    assert not set(expressions_of(few, "test")) & set(expressions_of(other, "test"))


# --- values


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("7", 7),
        ("[MIN 4 2 9 ]", 2),
        ("[MAX 4 2 9 ]", 9),
        ("[SM 4 2 9 ]", 5),
        ("[MED 9 1 4 ]", 4),
        ("[MED 3 4 ]", 3),  # 3.5 is truncated
        ("[MED 9 0 5 2 ]", 3),
        ("[MED 8 9 ]", 8),
        ("[MAX 2 [MED 9 6 1 0 ] [SM 9 9 [MIN 5 3 ] ] ]", 3),
    ],
)
def test_values_worked_by_hand(source, value):
    assert evaluate(tokenize(source)) == value


@pytest.mark.parametrize("data", ["short", "arena"])
def test_targets_equal_the_second_evaluator_on_the_written_form(data, request):
    arrays = request.getfixturevalue(data)
    for split in ("train", "val", "test"):
        expressions, targets = expressions_of(arrays, split)[:1500], arrays[f"{split}_targets"][:1500]
        values = [tree_value(parse(iter(written(expression).split()))) for expression in expressions]
        np.testing.assert_array_equal(values, targets)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_median_is_numpys_truncated(count):
    for digits in itertools.combinations_with_replacement("7301984265", count):
        assert evaluate(tokenize(f"[MED {' '.join(digits)} ]")) == int(np.median([int(digit) for digit in digits]))


# --- grammar


@pytest.mark.parametrize(("data", "max_depth", "max_args"), [("short", 6, 5), ("arena", 10, 10)])
def test_depth_and_number_of_arguments(data, max_depth, max_args, request):
    expressions = expressions_of(request.getfixturevalue(data), "train")[:2000]
    trees = [parse(iter(written(expression).split())) for expression in expressions]
    arguments = np.bincount([n for tree in trees for n in tree_arguments(tree)])
    assert max(map(tree_depth, trees)) == max_depth
    assert arguments[:2].sum() == 0
    assert len(arguments) == max_args + 1
    assert (arguments[2:] > 0).all()


def test_exact_length_distribution_has_the_cards_acceptance_rate():
    accepted = length_distribution(**ARENA)[1]
    assert 1 / accepted == pytest.approx(12.1, abs=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_length": 10, "max_length": 64, "max_depth": 6, "max_args": 5},
        {"min_length": 10, "max_length": 128, "max_depth": 10, "max_args": 10},
        {"min_length": 10, "max_length": 64, "max_depth": 3, "max_args": 8},
    ],
)
def test_lengths_follow_the_exact_distribution(settings):
    n = 4000
    exact, _ = length_distribution(**settings)
    arrays = listops(**settings, train=n, val=0, test=0, seed=3)
    drawn = np.bincount(arrays["train_lengths"] - 1, minlength=len(exact)) / n
    # Kolmogorov-Smirnov: 1.95 / sqrt(n) is passed by one sample in 1,000 (fewer, as lengths are discrete)
    assert np.abs(drawn.cumsum() - exact.cumsum()).max() < 1.95 / np.sqrt(n)


def test_statistics_of_the_short_variant(short):
    """200,000 own samples: mean length 27.6, majority 11.4 %, root operator 23.7 % (the card: 28, 12.7 %, 24.9 %)."""
    lengths = short["train_lengths"] - 1
    labels = np.bincount(short["train_targets"]) / len(lengths)
    predictions = root_operator_prediction(short["train_roots"], short["train_targets"], short["train_roots"])
    assert lengths.mean() == pytest.approx(27.598, abs=0.55)  # 4 standard errors
    assert labels.max() == pytest.approx(0.114, abs=0.013)
    assert labels.min() > 0.085
    assert (predictions == short["train_targets"]).mean() == pytest.approx(0.237, abs=0.018)
    np.testing.assert_allclose(np.bincount(short["train_roots"]) / len(lengths), 0.25, atol=0.018)


def test_statistics_of_the_long_range_arenas_settings(arena):
    """Exact mean length 1035, standard deviation 394; own 12,000 samples: root operator 36.0 % (the card: 37.3 %)."""
    lengths, targets, roots = (
        np.concatenate([arena[f"{split}_{name}"] for split in ("train", "val", "test")])
        for name in ("lengths", "targets", "roots")
    )
    exact, _ = length_distribution(**ARENA)
    assert (exact * np.arange(2000)).sum() == pytest.approx(1035.02, abs=0.01)
    assert (lengths - 1).mean() == pytest.approx(1035, abs=70)  # 4 standard errors
    labels = [0.164, 0.095, 0.075, 0.081, 0.094, 0.084, 0.073, 0.076, 0.091, 0.166]
    np.testing.assert_allclose(np.bincount(targets) / len(targets), labels, atol=0.065)
    assert np.bincount(targets)[[0, 9]].sum() / len(targets) == pytest.approx(0.33, abs=0.085)
    predictions = root_operator_prediction(roots, targets, roots)
    assert (predictions == targets).mean() == pytest.approx(0.37, abs=0.085)  # in sample, so a little above 36 %


# --- the published form


def test_vocabulary():
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 18
    assert set(VOCABULARY) == {"<pad>", "<unk>", "<eos>", "[MIN", "[MAX", "[MED", "[SM", "]", *"0123456789"}


def test_written_form():
    assert written(tokenize("[MAX 3 4 ]")) == "( ( ( [MAX 3 ) 4 ) ] )"
    assert written(tokenize("[SM 1 [MIN 2 3 ] 4 ]")) == "( ( ( ( [SM 1 ) ( ( ( [MIN 2 ) 3 ) ] ) ) 4 ) ] )"
    assert written(tokenize("5")) == "5"


@pytest.mark.parametrize("data", ["short", "arena"])
def test_tokenizing_the_written_form_gives_the_expression_back(data, request):
    for expression in expressions_of(request.getfixturevalue(data), "train"):
        assert tokenize(written(expression)) == expression


def test_unknown_words_and_truncation():
    tokens, lengths = encode([tokenize("( ( ( [FIRST 3 ) 4 ) ] )"), tokenize("[MAX 1 2 3 ]")], length=5)
    names = [[VOCABULARY[token] for token in row] for row in tokens]
    assert names == [["<unk>", "3", "4", "]", "<eos>"], ["[MAX", "1", "2", "3", "<eos>"]]
    assert lengths.tolist() == [5, 5]
    tokens, lengths = encode([tokenize("7")], length=4)
    assert [VOCABULARY[token] for token in tokens[0]] == ["7", "<eos>", "<pad>", "<pad>"]
    assert lengths.tolist() == [2]


def test_reader_of_the_arenas_files(tmp_path):
    path = tmp_path / "basic_train.tsv"
    path.write_bytes(b"Source\tTarget\r\n( ( ( [MAX 3 ) 4 ) ] )\t4\r\n( ( ( [SM 9 ) 8 ) ] )\t7\r\n")
    expressions, targets = read_tsv(path)
    assert expressions == [tokenize("[MAX 3 4 ]"), tokenize("[SM 9 8 ]")]
    assert targets.tolist() == [4, 7]
    path.write_text("4\t( ( ( [MAX 3 ) 4 ) ] )\n")
    with pytest.raises(ValueError, match="instead of Source and Target"):
        read_tsv(path)


# --- the first ListOps files (NYU): same operators, another random grammar; target first, no header


def nyu_file(name):
    shared = os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data"
    path = Path(shared) / "listops-short" / name
    if not path.exists():
        pytest.skip(f"{path} does not exist; BENCH_SHARED_DATA may name the folder with listops-short/")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def test_values_and_written_form_of_the_published_short_file():
    rows = nyu_file("test_d20s.tsv.gz")
    assert len(rows) == 10_000
    for target, source in rows:
        expression = tokenize(source)
        assert evaluate(expression) == int(target)
        assert written(expression) == " ".join(source.split())


def test_the_other_published_file_has_operators_that_the_arena_left_out():
    words = {word for _, source in nyu_file("test_d20.tsv.gz") for word in source.split() if word.startswith("[")}
    assert words == {"[MIN", "[MAX", "[FIRST", "[LAST"}


# --- baseline


def test_root_operator_prediction():
    train_roots, train_targets = np.array([0, 0, 0, 2, 2, 2, 1]), np.array([0, 0, 5, 7, 3, 3, 9])
    predictions = root_operator_prediction(train_roots, train_targets, np.array([2, 0, 1, 3, 0]))
    assert predictions.tolist() == [3, 0, 9, 0, 0]  # operator 3 is new: the most frequent target, of 0 and 3 the first
