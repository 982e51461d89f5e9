"""The report of a results folder: ``_report/report.md`` and ``_report/leaderboard.csv``."""

from __future__ import annotations

import importlib
from pathlib import Path

from harness.catalog import Catalog
from harness.errors import ResultsError
from harness.report import tables
from harness.results import Results


def write_report(results: Results, catalog: Catalog, folder: Path) -> list[Path]:
    """Write the report of `results` into `folder` and return the paths of its files.

    A section that fails is replaced by one line that says so; the others are written. Raises ResultsError where the
    folder cannot be written.
    """
    report, table = folder / "report.md", folder / "leaderboard.csv"
    parts = [_section(name, section.target, results) for name, section in catalog.sections.items()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        report.write_text("\n".join(part for part in parts if part), encoding="utf-8")
        tables.write_csv(results.leaderboards(), table)
    except OSError as error:
        raise ResultsError(f"the report cannot be written: {error}; choose another folder with --out") from error
    return [report, table]


def _section(name: str, target: str, results: Results) -> str:
    module, _, attribute = target.partition(":")
    try:
        return str(getattr(importlib.import_module(module), attribute)(results))
    except Exception as error:
        return f"## {tables.escape(name)}\n\nThis section failed: {tables.escape(f'{type(error).__name__}: {error}')}\n"
