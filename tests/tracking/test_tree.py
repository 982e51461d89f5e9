"""asv's results tree, with values added to it."""

import itertools
import json

import pytest

from harness.errors import ResultsError
from harness.tracking import tree

BENCHMARK = {"name": "b.time", "version": "1", "params": [["'x'", "'y'"], ["1", "2"]]}


def content(values, params, version="1", name="b.time"):
    """A file as asv writes it: columns that hold nothing are left out at the end."""
    keys = list(itertools.product(*params))
    row = [[values.get(key) for key in keys], params, version, 5, 0.1, [v and v - 1 for v in map(values.get, keys)]]
    return {
        "commit_hash": "c" * 40,
        "result_columns": tree.COLUMNS,
        "results": {name: row},
        "durations": {"<build>": 1},
    }


def added(path, content, name, asked=None):
    """Add what asv has written, where it was asked for all of it."""
    tree.add(path, content, name, tree.each(tree.row(content, name)) if asked is None else asked)


def stored(path, name="b.time"):
    row = tree.row(json.loads(path.read_text()), name)
    return {key: cell["result"] for key, cell in tree.each(row).items() if "result" in cell}


def test_values_join_those_of_other_combinations(tmp_path):
    path = tmp_path / "m" / "c.json"
    added(path, content({("'x'", "1"): 1.0, ("'x'", "2"): 2.0}, [["'x'"], ["1", "2"]]), "b.time")
    added(path, content({("'x'", "2"): 20.0, ("'y'", "1"): 3.0}, BENCHMARK["params"]), "b.time")
    assert stored(path) == {("'x'", "1"): 1.0, ("'x'", "2"): 20.0, ("'y'", "1"): 3.0}
    row = tree.row(json.loads(path.read_text()), "b.time")
    assert row["stats_ci_99_a"] == [0.0, 19.0, 2.0, None]
    assert row["params"] == BENCHMARK["params"]
    assert tree.measured(path, BENCHMARK) == {("'x'", "1"), ("'x'", "2"), ("'y'", "1")}


def test_a_new_version_replaces_the_old_one(tmp_path):
    path = tmp_path / "c.json"
    added(path, content({("'x'", "1"): 1.0}, BENCHMARK["params"]), "b.time")
    assert tree.measured(path, BENCHMARK | {"version": "2"}) == set()
    added(path, content({("'y'", "2"): 2.0}, BENCHMARK["params"], version="2"), "b.time")
    assert stored(path) == {("'y'", "2"): 2.0}


def test_values_of_more_or_fewer_parameters_go(tmp_path):
    path = tmp_path / "c.json"
    added(path, content({("'x'", "1"): 1.0}, BENCHMARK["params"]), "b.time")
    added(path, content({("'x'",): 2.0}, [["'x'", "'y'"]]), "b.time")
    assert stored(path) == {("'x'",): 2.0}


def test_other_benchmarks_stay(tmp_path):
    path = tmp_path / "c.json"
    added(path, content({(): 1.0}, [], name="one"), "one")
    added(path, content({(): 2.0}, [], name="two"), "two")
    assert stored(path, "one") == {(): 1.0}
    assert stored(path, "two") == {(): 2.0}


def test_skipped_counts_as_measured_and_failed_does_not(tmp_path):
    path = tmp_path / "c.json"
    added(path, content({("'x'", "1"): float("nan"), ("'x'", "2"): None}, BENCHMARK["params"]), "b.time")
    assert tree.measured(path, BENCHMARK) == {("'x'", "1")}
    assert tree.measured(tmp_path / "none.json", BENCHMARK) == set()


def test_what_is_no_number_counts_as_failed(tmp_path):
    path = tmp_path / "c.json"
    for result in ("1.0", [1.0], float("inf"), float("-inf")):
        added(path, content({(): 1.0}, [], name="one") | {"results": {"one": [[result], [], "1"]}}, "one")
        assert stored(path, "one") == {}


def test_what_was_not_asked_for_is_not_measured(tmp_path):
    path = tmp_path / "c.json"
    first, second = ("'x'", "1"), ("'x'", "2")
    added(path, content({first: 1.0, second: float("nan")}, BENCHMARK["params"]), "b.time", [first])
    assert tree.measured(path, BENCHMARK) == {first}
    added(path, content({first: float("nan"), second: 2.0}, BENCHMARK["params"]), "b.time", [second])
    assert stored(path) == {first: 1.0, second: 2.0}


def test_damage_is_named(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"results": ')
    with pytest.raises(ResultsError, match=r"c\.json: damaged.*delete it"):
        tree.measured(path, BENCHMARK)


def test_asv_reads_what_was_added(tmp_path):
    from asv.results import Results

    path = tmp_path / "m" / "c.json"
    where = {"version": 2, "date": 0, "params": {"machine": "m"}, "python": "3", "requirements": {}, "env_name": "e"}
    first = content({("'x'", "1"): 1.5}, [["'x'"], ["1"]]) | where | {"env_vars": {}}
    added(path, first, "b.time")
    added(path, content({("'y'", "2"): 2.5}, BENCHMARK["params"]), "b.time")
    read = Results.load(str(path), machine_name="m")
    assert read.get_result_value("b.time", BENCHMARK["params"]) == [1.5, None, None, 2.5]
    assert read.get_result_stats("b.time", BENCHMARK["params"])[3]["ci_99_a"] == 1.5
