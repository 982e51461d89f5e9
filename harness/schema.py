"""The table of results: its columns, what older versions of it lacked, and the records of a journal as its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 2  # 2: variant, recipe, origin, trials, trial

_TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("suite", _TEXT),
        ("run", _TEXT),  # the run's id
        ("family", _TEXT),
        ("method", _TEXT),
        ("method_params", _TEXT),  # JSON, keys sorted, defaults included
        ("method_version", _TEXT),  # of the distribution that ships it
        ("variant", _TEXT),  # JSON: what tells this use of the method from others, where tuned parameters do not count
        ("recipe", _TEXT),  # JSON: parameters of the task that the method brings along, instead of those in task_params
        ("origin", _TEXT),  # where the hyper-parameters come from; null where nobody has said
        ("trials", pa.int64()),  # how many trials they were chosen by; 0 for hyper-parameters that were not tuned here
        ("trial", pa.int64()),  # for a trial its number, from 1; 0 for a run that is none
        ("task", _TEXT),
        ("task_params", _TEXT),
        ("task_version", _TEXT),
        ("seed", pa.int64()),
        ("split", _TEXT),  # null, as all up to unit, where a run ended before it measured anything
        ("step", pa.int64()),
        ("metric", _TEXT),
        ("value", pa.float64()),
        ("unit", _TEXT),
        ("status", _TEXT),  # see harness.worker.Outcome
        ("reason", _TEXT),
        ("attempt", pa.int64()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("seconds", pa.float64()),  # wall time of the whole run
        ("device", _TEXT),
        ("hardware", _TEXT),  # digest; in full in the file's metadata
        ("environment", _TEXT),  # likewise
        ("source", _TEXT),  # digest of the code of method, task, metrics and data sets
        ("task_source", _TEXT),  # likewise without the method
        ("libraries", _TEXT),  # JSON: the versions of those that this code imports
        ("data", _TEXT),  # name:digest of each data set read
        ("host", _TEXT),
        ("session", _TEXT),
        ("schema_version", pa.int64()),
    ]
)
# Without these a row cannot be told from others.
KEY_COLUMNS = ("suite", "run", "method", "method_params", "variant", "recipe", "trials", "trial", "task", "task_params",
               "seed", "status", "attempt", "session", "started_at")  # fmt: skip
VALUE_COLUMNS = ("split", "step", "metric", "value", "unit")

# What version 1 lacks, with what holds for its rows; their variant is their method_params.
_BEFORE_TUNING = {"recipe": "{}", "origin": None, "trials": 0, "trial": 0}
_FIRST = pa.schema([field for field in SCHEMA if field.name not in ("variant", *_BEFORE_TUNING)])


def is_readable(schema: pa.Schema) -> bool:
    """Tell whether a schema is that of this version or of an older one."""
    return bool(schema.equals(SCHEMA) or schema.equals(_FIRST))


def upgraded(rows: pa.Table) -> pa.Table:
    """Return rows of a readable schema as rows of this version's."""
    for index, name in enumerate(SCHEMA.names):
        if name not in rows.column_names:
            field = SCHEMA.field(name)
            column = rows["method_params"] if name == "variant" else pa.repeat(_scalar(name, field.type), len(rows))
            rows = rows.add_column(index, field, column)
    return rows


def _scalar(name: str, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(_BEFORE_TUNING[name], kind)


def lacking(rows: pa.Table) -> str:
    """Say which of the columns without which a row cannot be told from others is null somewhere."""
    return next((f"a row lacks '{name}'" for name in KEY_COLUMNS if rows[name].null_count), "")


def difference(schema: pa.Schema) -> str:
    """Say in what a schema first differs from SCHEMA; it does."""
    for field in schema:
        if field.name not in SCHEMA.names:
            return f": '{field.name}' is not one"
        if field.type != SCHEMA.field(field.name).type:
            return f": '{field.name}' is {field.type}, not {SCHEMA.field(field.name).type}"
    missing = [name for name in SCHEMA.names if name not in schema.names]
    return f": '{missing[0]}' is missing" if missing else ": their order differs"


def as_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a journal's record."""
    common, values = _shared(record), record["values"] or [dict.fromkeys(VALUE_COLUMNS)]
    return [{**common, **value} for value in values]


def _shared(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all rows of a journal's record have in common."""
    given = record["common"]
    began = datetime.fromisoformat(given["started_at"])
    return {"variant": given.get("method_params"), **_BEFORE_TUNING, **given, "started_at": began}


def as_table(records: list[dict[str, Any]], path: Path) -> tuple[pa.Table, list[str]]:
    """Return the rows of a journal, and a description of each record that, though undamaged, no session has written."""
    try:
        return _table(records), []
    except ValueError:
        tables, strange = [SCHEMA.empty_table()], list[str]()
    for record in records:
        try:
            tables.append(_table([record]))
        except ValueError as error:
            strange.append(f"{path}: a record is not as this version of bench writes it: {error}")
    return pa.concat_tables(tables), strange


def _table(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return the rows of records of a journal. Raises ValueError where one is not as a session writes it."""
    try:
        table = _columns(records)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, pa.ArrowException) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if lack := lacking(table):
        raise ValueError(lack)
    return table


def _columns(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return what `as_rows` returns of each record, as a table: faster, since what rows share is converted once."""
    common, values, owner = list[dict[str, Any]](), list[dict[str, Any]](), list[int]()
    for i, record in enumerate(records):
        common.append(_shared(record))
        values += (found := record["values"] or [{}])
        owner += [i] * len(found)
    measured = pa.Table.from_pylist(values, schema=pa.schema([SCHEMA.field(name) for name in VALUE_COLUMNS]))
    shared = pa.schema([field for field in SCHEMA if field.name not in VALUE_COLUMNS])
    of_all = pa.Table.from_pylist(common, schema=shared).take(pa.array(owner, pa.int64()))
    return pa.table([(measured if name in VALUE_COLUMNS else of_all)[name] for name in SCHEMA.names], schema=SCHEMA)
