"""Claims, their prospects, and comparisons of two methods, as rows of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness import units
from harness.outlook import Cost, Power
from harness.report.tables import number
from harness.results import Comparison, Judgement, Match
from harness.stats import FEW_SEEDS, Interval
from harness.text import one_line

LEDGER = ["claim", "verdict", "effect [90 %]", "measure", "n", "seeds needed"]
POWER = ["claim", "claimed", "detectable", "n", "chance if true", "seeds needed", "spread"]


def ledger_line(judgement: Judgement) -> list[str]:
    """Return a line of the ledger: claim, verdict, effect with interval, what it measures, n, seeds needed."""
    verdict = judgement.verdict
    name = f"{judgement.claim.id} ({judgement.place})" if judgement.place else judgement.claim.id
    needed = "" if verdict.seeds_needed is None else str(verdict.seeds_needed)
    effect = "–" if verdict.effect is None else ends(verdict.effect)
    return [name, verdict.finding.value, effect, judgement.measure or "–", str(verdict.n), needed]


def ledger_facts(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as plain data."""
    claim, verdict, effect = judgement.claim, judgement.verdict, judgement.verdict.effect
    return {
        "claim": claim.id,
        "source": claim.source,
        "statement": claim.statement,
        "verdict": verdict.finding.value,
        "reason": verdict.reason,
        "effect": None if effect is None else {"mean": effect.mean, "low": effect.low, "high": effect.high},
        "measure": judgement.measure,
        "tasks": list(judgement.tasks),
        "n": verdict.n,
        "seeds_needed": verdict.seeds_needed,
        "place": judgement.place,
    }


def ends(interval: Interval) -> str:
    """Return an estimate and the ends of its interval to four digits; "–" for those where there is none."""
    if interval.low is None or interval.high is None:
        return f"{interval.mean:.4g} [–]"
    return f"{interval.mean:.4g} [{interval.low:.4g}, {interval.high:.4g}]"


def print_ledger(console: Console, judgements: Sequence[Judgement]) -> None:
    """Print the ledger, and under it each claim in its words with the reason of its verdict."""
    _print(console, LEDGER, map(ledger_line, judgements))
    for judgement in judgements:
        claim = judgement.claim
        _say(console, f"{claim.id}: {claim.statement} ({claim.source})")
        _say(console, f"    {judgement.verdict.finding}: {judgement.verdict.reason}", style="dim")


def power_line(power: Power) -> list[str]:
    """Return a line of what a suite can tell about a claim beforehand."""
    shown = [power.claimed, power.detectable]
    claimed, detectable = ("–" if value is None else f"{value:.3g}" for value in shown)
    chance = "–" if power.chance is None else f"{100 * power.chance:.0f} %"
    needed = "–" if power.needed is None else str(power.needed)
    spread = power.source if power.spread is None else f"{power.spread:.3g} {power.source}"
    return [power.claim.id, claimed, detectable, str(power.n), chance, needed, spread]


def print_powers(console: Console, powers: Sequence[Power]) -> None:
    """Print what a suite can tell about each of its claims."""
    _print(console, POWER, map(power_line, powers))
    _say(
        console,
        "Detectable is the gain that is told from none with a chance of 80 %; chance if true that of REPRODUCED where "
        "the gain is the claimed one. A spread of few seeds is itself a guess.",
        style="dim",
    )


def cost_line(cost: Cost) -> str:
    """Say how long a suite will take."""
    told = f"{cost.runs} runs, {cost.waiting} to run"
    if not cost.waiting:
        return told
    if cost.unknown == cost.waiting:
        return f"{told}; how long is unknown, for nothing like them is stored"
    rest = f", and {cost.unknown} of which none is stored" if cost.unknown else ""
    return f"{told}: about {units.show_duration(cost.seconds)} one at a time, by the medians of stored runs{rest}"


def match_line(match: Match) -> list[str]:
    """Return a line of a comparison: task, gain ± 95 %, n, p, adjusted p, chance to be better, equivalence."""
    task = match.task if match.split == "test" else f"{match.task} ({match.split})"
    p = [f"{match.result.p:.3g}", f"{match.adjusted:.3g}"] if match.n > 1 else ["–", "–"]
    equivalent = [] if match.equivalent is None else [f"{match.equivalent:.3g}"]
    gain = [number(match.result.gain), str(match.n), *p, f"{match.result.improvement:.2f}", *equivalent]
    return [task, match.metric, *gain, f"INVALID: {match.result.invalid}" if match.result.invalid else ""]


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print how two methods compare: task by task, then over all of them."""
    place = f" ({comparison.place})" if comparison.place else ""
    _say(console, f"{comparison.a} against {comparison.b}{place}; gains above 0 are of the first", style="bold")
    tost = ["p of TOST"] if any(match.equivalent is not None for match in comparison.matches) else []
    lines = [_padded(match, bool(tost)) for match in comparison.matches]
    _print(console, ["task", "metric", "gain ± 95 %", "n", "p", "p, Holm", "P(better)", *tost, ""], lines)
    for sentence in sentences(comparison):
        _say(console, sentence)


def sentences(comparison: Comparison) -> list[str]:
    """Return what a comparison says over all tasks, and what has to be known before it is believed."""
    found, tally, overall = [], comparison.tally, comparison.overall
    found.append(
        f"Better on {tally.wins} tasks ({tally.clear_wins} clearly), worse on {tally.losses} ({tally.clear_losses} "
        f"clearly), alike on {tally.ties}; clearly is by paired t-tests with Holm over tasks."
    )
    if overall is not None and comparison.improvement is not None:
        chance = "; ".join(f"{scope}: {ends(interval)}" for scope, interval in comparison.improvement.items())
        found.append(f"Mean gain, chance 0 and reference 1: {number(overall.gain)} (same tasks, new seeds).")
        found.append(f"P(better) over tasks, 95 %: {chance}.")
    if overall is not None and overall.invalid:
        found.append(f"INVALID: {overall.invalid}.")
    if comparison.left_out:
        found.append(f"No seed in common on {', '.join(comparison.left_out)}.")
    if (fewest := min(match.n for match in comparison.matches)) < FEW_SEEDS:
        found.append(f"n = {fewest}: fewer than {FEW_SEEDS} seeds can tell little apart.")
    return found


def _padded(match: Match, has_margin: bool) -> list[str]:
    """Return a match's line with a column for TOST where other matches have one."""
    line = match_line(match)
    return [*line[:-1], "–", line[-1]] if has_margin and match.equivalent is None else line


def _print(console: Console, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for i, name in enumerate(header):
        table.add_column(Text(name), overflow="fold", no_wrap=i == 0)
    for line in lines:
        table.add_row(*(Text(one_line(cell)) for cell in line))
    console.print(table)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text[: len(text) - len(text.lstrip())] + one_line(text)), style=style, soft_wrap=True)
