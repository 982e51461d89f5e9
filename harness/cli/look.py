"""`bench list`, `bench show`, `bench doctor`: what is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.program import suite_path
from harness.text import printable

if TYPE_CHECKING:
    from harness.catalog import Catalog

KINDS = ("methods", "tasks", "metrics", "datasets", "executors", "suites", "plugins", "families")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(kind: str, as_json: bool) -> None:
    """List what the installed plugins contribute."""
    from harness import catalog

    if kind == "plugins":
        rows = [{"plugin": str(p), "module": p.module, "state": f"set aside: {p.reason}" if p.reason else "works"}
                for p in catalog.installed_plugins()]  # fmt: skip
    else:
        rows = _listing(kind, catalog.load_catalog())
    click.echo(json.dumps(rows, indent=2) if as_json else printable(aligned(rows)))


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show what NAME is: a method, task, metric, data set or family; or the full expansion of a suite."""
    from harness import describe
    from harness.catalog import load_catalog

    catalog = load_catalog()
    facts = describe.contributions(name, catalog) or describe.expansion(suite_path(name, catalog), catalog)
    click.echo(json.dumps(facts, indent=2) if as_json else describe.as_text(facts))


@click.command()
def doctor() -> None:
    """Print versions, hardware, the data folder and broken plugins. Exit code 1 when something is broken."""
    from harness import describe

    facts, problems = describe.installation()
    click.echo(describe.as_text(facts))
    for problem in problems:
        click.echo(f"problem: {problem}")
    sys.exit(1 if problems else 0)


def _listing(kind: str, catalog: Catalog) -> list[dict[str, str]]:
    found: dict[str, Any] = getattr(catalog, kind)
    if kind == "suites":
        local = {file.stem: file for file in sorted(Path("suites").glob("*.yaml"))}
        return [{"name": name, "file": str(file)} for name, file in {**found, **local}.items()]
    if kind == "families":
        return [{"name": f.name, "contract": f.contract} for f in found.values()]
    rows = []
    for name, item in found.items():
        row = {"name": name}
        if kind in ("methods", "tasks"):
            row["family"] = item.family.name
        rows.append(row | {"plugin": str(catalog.owners[kind, name]), "summary": item.summary})
    return rows


def aligned(rows: list[dict[str, str]]) -> str:
    """Return rows of equal keys as lines of columns."""
    if not rows:
        return "none"
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]}
    lines = ["  ".join(row[key].ljust(widths[key]) for key in row).rstrip() for row in rows]
    return "\n".join(lines)
