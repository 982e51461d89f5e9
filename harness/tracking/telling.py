"""A comparison of two commits as lines of text, and as Markdown for a comment on a pull request."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from harness.report.tables import escape
from harness.tracking.comparing import Change, Comparison, Finding
from harness.units import show_size

HEADER = ("", "benchmark", "before", "after", "change [90 %]", "p", "n", "by")
MARKER = "<!-- bench asv compare -->"  # by which a comment is found again, to be brought up to date
MOST_LEFT_OUT = 10
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def lines(comparison: Comparison) -> list[list[str]]:
    """Return a line of cells, as in HEADER, for each change."""
    return [_line(change) for change in comparison.changes]


def facts(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data."""
    return {
        "a": comparison.a,
        "b": comparison.b,
        "margin": comparison.margin,
        "exit_code": comparison.exit_code,
        "changes": [_facts(change) for change in comparison.changes],
        "left_out": list(comparison.left_out),
    }


def markdown(comparison: Comparison) -> str:
    """Return a comment: what is worse first, what is not worse folded away."""
    loud = [change for change in comparison.changes if change.finding is not Finding.NOT_WORSE]
    quiet = comparison.of(Finding.NOT_WORSE)
    parts = [MARKER, f"### {escape(comparison.a)} → {escape(comparison.b)}: {escape(verdict(comparison))}"]
    if loud:
        parts.append(_table(loud))
    if quiet:
        parts.append(f"<details><summary>{len(quiet)} not worse</summary>\n\n{_table(quiet)}\n\n</details>")
    return "\n\n".join([*parts, *(f"{escape(text)}" for text in notes(comparison))]) + "\n"


def verdict(comparison: Comparison) -> str:
    """Say in one line what has become of everything."""
    counts = [(finding, len(comparison.of(finding))) for finding in Finding]
    told = ", ".join(f"{count} {finding}" for finding, count in counts if count)
    if comparison.exit_code != 2:
        return f"{'something is worse' if comparison.exit_code else 'nothing is worse'} ({told})"
    needed = [change.needed for change in comparison.of(Finding.UNCLEAR)]
    known = [count for count in needed if count is not None]
    advice = f"about {max(known)} samples on each side are needed" if known else "the table says why"
    if known and (others := len(needed) - len(known)):
        advice += f", but for {others} that more samples would not tell; the table says why"
    return f"cannot tell whether anything is worse ({told}): {advice}"


def notes(comparison: Comparison) -> list[str]:
    """Return what has to be known to read the table."""
    found = [
        f"Worse is by more than {100 * comparison.margin:g} %, which is the margin. p: of that being chance, Holm over "
        f"all. What rises is worse: time, memory, error."
    ]
    if any(change.how == "stored samples" for change in comparison.changes):
        found.append("Stored samples are of different times: what else the machine did then may show; --measure tells.")
    if any(change.tested and change.before == 0 for change in comparison.changes):
        found.append("What was 0 has no percentages: there any rise counts, and the change is absolute.")
    if left_out := list(comparison.left_out):
        more = f"; and {len(left_out) - MOST_LEFT_OUT} more" if len(left_out) > MOST_LEFT_OUT else ""
        found.append(f"Not compared: {'; '.join(left_out[:MOST_LEFT_OUT])}{more}.")
    return found


def _line(change: Change) -> list[str]:
    tested = change.tested
    p = "–" if change.p is None else f"{change.p:.2g}"
    needed = f"; needs {change.needed or 'millions'}" if tested and change.finding is Finding.UNCLEAR else ""
    return [
        change.finding.value,
        str(change.key),
        _number(change.before, change.unit),
        _number(change.after, change.unit),
        _loss(change),
        p,
        "–" if tested is None else str(tested.n),
        change.how + needed,
    ]


def _loss(change: Change) -> str:
    """Return the relative change with its interval; the absolute one where the first commit has 0."""
    if change.tested is None or math.isnan(change.tested.loss.mean):
        return "–"
    loss, is_absolute = change.tested.loss, change.before == 0
    shown = [f"{value:+.3g}" if is_absolute else _percent(value) for value in (loss.mean, loss.low, loss.high)
             if value is not None]  # fmt: skip
    return f"{shown[0]} [{', '.join(shown[1:]) or '–'}]"


def _percent(value: float) -> str:
    return f"{100 * value:+.1f} %"


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "bytes":
        return show_size(value)
    if unit == "seconds":
        scale, name = next((pair for pair in _SECONDS if value >= pair[0]), _SECONDS[-1])
        return f"{value / scale:.3g} {name}"
    return f"{value:.4g} {unit}".strip()


def _facts(change: Change) -> dict[str, Any]:
    tested = change.tested
    loss = None if tested is None else {name: _finite(getattr(tested.loss, name)) for name in ("mean", "low", "high")}
    return {
        "benchmark": change.key.benchmark,
        "parameters": list(change.key.cell),
        "machine": change.key.machine,
        "environment": change.key.environment,
        "finding": change.finding.value,
        "before": _finite(change.before),
        "after": _finite(change.after),
        "unit": change.unit,
        "loss": loss,
        "p": change.p,
        "n": None if tested is None else tested.n,
        "needed": change.needed,
        "how": change.how,
    }


def _finite(value: float | None) -> float | None:
    """Return a value that JSON can hold: None for what failures have left without a mean."""
    return None if value is None or not math.isfinite(value) else value


def _table(changes: Sequence[Change]) -> str:
    rows = [HEADER, ["---"] * len(HEADER), *([escape(cell) for cell in _line(change)] for change in changes)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
