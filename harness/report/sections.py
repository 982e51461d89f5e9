"""The sections that the core contributes to every report."""

from __future__ import annotations

from typing import Any

from harness.report import ledger, overall, tables
from harness.report.tables import escape
from harness.results import Results
from harness.text import printable


def leaderboards(results: Results) -> str:
    """Return a table per task, with what its columns mean."""
    counts = ", ".join(f"{n} {escape(status)}" for status, n in results.counts().items())
    intro = f"# {escape(results.title)}\n\n{counts}. {escape(tables.LEGEND)}\n"
    beside = tables.published(results)
    boards = [tables.markdown(board, beside.get((board.task, board.metric), {})) for board in results.leaderboards()]
    return "\n".join([intro, *boards])


def over_all_tasks(results: Results) -> str:
    """Return a table for each family of its methods over all tasks that have anchors, or nothing."""
    return "\n".join(map(overall.markdown, (one for one in results.overviews() if one.methods)))


def claims(results: Results) -> str:
    """Return the ledger of the suite's claims, with their words and reasons, or nothing where it makes none."""
    judgements = results.ledger()
    if not judgements:
        return ""
    words = [
        f"- **{escape(one.claim.id)}** ({escape(one.claim.source)}): {escape(one.claim.statement)} "
        f"{escape(str(one.verdict.finding))}: {escape(one.verdict.reason)}"
        for one in judgements
    ]
    table = tables.markdown_table(ledger.LEDGER, map(ledger.ledger_line, judgements))
    return "\n".join(["## Claims", "", table, "", *words, ""])


def failures(results: Results) -> str:
    """Return a table of the runs that did not succeed, or nothing."""
    runs = results.runs[results.runs["status"] != "done"]
    if runs.empty:
        return ""
    head = (
        "## Runs that did not succeed\n\n| run | method | task | seed | status | reason |\n|---|---|---|---|---|---|\n"
    )
    lines = [
        "| " + " | ".join(escape(str(value)) for value in line) + " |"
        for line in runs[["run", "method_label", "task_label", "seed", "status", "reason"]].itertuples(index=False)
    ]
    return head + "\n".join(lines) + "\n"


def provenance(results: Results) -> str:
    """Return the hardware, the libraries that matter, the data, and the suite as it was run."""
    used = results.hardware.keys() & set(results.rows["hardware"])
    machines = [_machine(name, facts) for name, facts in results.hardware.items() if name in used]
    libraries = [f"- {escape(text)}" for text in sorted(results.rows["libraries"].unique())]
    data = sorted({part for text in results.rows["data"].dropna() for part in text.split()})
    suite = "\n".join("    " + line for line in printable(results.suite_text).splitlines())
    parts = [
        "## Provenance\n\nHardware:\n",
        *machines,
        "\nLibraries that the code of the runs imports:\n",
        *libraries,
        "\nData, by the digest of its content:\n",
        *(f"- {escape(part)}" for part in data),
        "\nThe suite:\n",
        suite,
        "",
    ]
    return "\n".join(parts)


def _machine(name: str, facts: dict[str, Any]) -> str:
    parts = [f"{name}: {facts['cpu']}", f"{facts['cores']} cores", f"{facts['memory_gib']} GiB", *facts["gpus"]]
    return "- " + escape(", ".join(parts))
