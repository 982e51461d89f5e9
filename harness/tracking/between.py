"""What has become worse between two commits: by what is stored, and by measuring where that does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import BenchError, ResultsError
from harness.tracking.commits import Commit, resolve
from harness.tracking.comparing import Common, Comparison, Finding, Key, common, compare
from harness.tracking.records import read_tree
from harness.tracking.running import Tell, warn_of_changes
from harness.tracking.settings import Settings
from harness.tracking.turns import in_turns


def between(
    settings: Settings,
    a: str,
    b: str,
    margin: float,
    *,
    patterns: Sequence[str] = (),
    machine: str = "",
    turns: int = 0,
    tell: Tell = print,
    warn: Tell = print,
) -> Comparison:
    """Compare two commits, named as git does.

    Args:
        margin: the relative change that does not matter, 0.05 for 5 %.
        patterns: regular expressions, of which one has to be found in ``name(parameters)``; none means everything.
        machine: only what was measured there.
        turns: how often to measure, on this machine, what stored samples do not show to be no worse; 0 for never.
        tell, warn: get a line of progress, and a line about what is wrong.

    Raises BenchError where a name is none of a commit, nothing is stored or in common, or a commit cannot be measured.
    """
    pair = _one(settings, a), _one(settings, b)
    if pair[0] == pair[1]:
        raise BenchError(f"'{a}' and '{b}' are the same commit, {pair[0].hash[:8]}; name two")
    names = _shown(a, pair[0]), _shown(b, pair[1])
    if not turns:
        return compare(*names, _stored(settings, pair, patterns, machine), margin)
    try:
        stored = _stored(settings, pair, patterns, machine)
    except ResultsError:
        stored = Common(())
    warn_of_changes(settings, warn)
    settled = _settled(stored, margin)
    measured = in_turns(settings, pair, patterns, turns, settled, tell=tell, warn=warn)
    new = {one.key for one in measured.pairs}
    kept = [one for one in stored.pairs if one.key not in new]
    return compare(*names, replace(measured, pairs=(*measured.pairs, *kept)), margin)


def _one(settings: Settings, name: str) -> Commit:
    found = resolve(settings.repository, [name])
    if len(found) != 1 or ".." in name:
        raise BenchError(f"'{name}' is a range of commits; name one")
    return found[0]


def _shown(name: str, commit: Commit) -> str:
    return commit.hash[:8] if commit.hash.startswith(name) else f"{name} ({commit.hash[:8]})"


def _stored(settings: Settings, pair: tuple[Commit, Commit], patterns: Sequence[str], machine: str) -> Common:
    a, b = (commit.hash for commit in pair)
    return common(read_tree(settings.results, [a, b]), a, b, patterns, machine)


def _settled(stored: Common, margin: float) -> set[Key]:
    """Return what need not be measured: what is no worse, and what seeds tell, which measuring again would not change.

    What stored samples show to be worse is measured as well: they cannot know what the machine was doing.
    """
    seeded = {one.key for one in stored.pairs if one.before.seeds}
    judged = compare("", "", stored, margin).of(Finding.NOT_WORSE) if stored.pairs else []
    return seeded | {change.key for change in judged}
