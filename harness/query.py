"""SQL over stored results, by DuckDB: one view, `results`, and nothing that could be written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.errors import BenchError
from harness.results import Results

if TYPE_CHECKING:
    import duckdb


def query(sql: str, folders: Iterable[Results]) -> pd.DataFrame:
    """Return the answer to a query; its view `results` is the concatenation of `Results.rows` of several suites.

    The database is in memory and sees neither files nor the network. Raises BenchError where DuckDB is not installed,
    or cannot answer.
    """
    try:
        import duckdb
    except ImportError:
        raise BenchError("a query needs DuckDB: pip install 'bench-harness[query]'") from None
    rows = [one.rows for one in folders]
    with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as connection:
        connection.register("results", pd.concat(rows, ignore_index=True))
        connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        try:
            return _answer(connection, sql)
        except duckdb.Error as error:
            raise BenchError(f"DuckDB: {error}") from error


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type.name not in ("SELECT", "EXPLAIN"):
        raise BenchError('a query is one SELECT, such as "SELECT method, avg(value) FROM results GROUP BY method"')
    answer: Any = connection.execute(statements[0])
    found: pd.DataFrame = answer.df()
    return found
