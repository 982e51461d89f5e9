"""SQL over stored results: right answers, read-only, one line for what is wrong."""

import json
import sys

import pytest

from harness import query
from harness.errors import BenchError
from harness.results import Results


@pytest.fixture
def stored(folder, ended):
    ended(folder, "000000000001", ("000000000002", {"seed": 1}), metrics={}, primary={})
    return folder


def test_rows_of_suites_in_one_view(toy, stored):
    done = toy("query", "SELECT metric, count(*) AS n, avg(value) AS v FROM results GROUP BY 1", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"metric": "mse", "n": 2, "v": 0.25}]
    done = toy("query", "SELECT run, method_label FROM results ORDER BY 1", str(stored), "--format", "csv")
    assert done.stdout == "run,method_label\n000000000001,m\n000000000002,m\n"
    assert "0.25" in toy("query", "FROM results SELECT value").stdout


@pytest.mark.parametrize(
    "sql",
    [
        "COPY results TO 'x.csv'",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1; SELECT 2",
        "",
        "ATTACH 'x.db'",
        "SELECT * FROM read_csv('s.yaml')",
        "SELECT * FROM 's.yaml'",
        "SELECT nothing FROM results",
        "SELEC",
        "SET enable_external_access = true",
        "SELECT * FROM rows",  # no variable of the program either
    ],
)
def test_what_is_no_select_over_the_view_is_refused(stored, sql, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text("a,b\n1,2\n")
    with pytest.raises(BenchError) as raised:
        query.query(sql, [Results.load(stored)])
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "s.yaml"]


def test_without_duckdb_one_line_says_what_to_install(stored, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(BenchError, match=r"pip install 'bench-harness\[query\]'"):
        query.query("SELECT 1", [Results.load(stored)])


def test_no_results_is_one_line(toy):
    done = toy("query", "SELECT 1")
    assert done.returncode == 2
    assert done.stderr == "bench: results: no results there; --results names another folder\n"
