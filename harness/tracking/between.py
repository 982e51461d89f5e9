"""What has become worse between two commits: by what is stored, and by measuring where that does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.errors import BenchError
from harness.tracking import identity
from harness.tracking.commits import Commit, resolve
from harness.tracking.comparing import Common, Comparison, Finding, Key, NothingInCommonError, common, compare
from harness.tracking.records import BENCHMARKS, Tree, read_tree
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
        turns: how often to measure what stored samples do not show to be no worse; 0 for never. Only what is stored of
            this machine and environment counts then.
        tell, warn: get a line of progress, and a line about what is wrong.

    Raises BenchError where a name is none of a commit, nothing is stored or in common, a stored file is damaged, a
    commit cannot be measured, or `machine` is another one where turns are to be measured.
    """
    pair = _one(settings, a), _one(settings, b)
    if pair[0] == pair[1]:
        raise BenchError(f"'{a}' and '{b}' are the same commit, {pair[0].hash[:8]}; name two")
    names = _shown(a, pair[0]), _shown(b, pair[1])
    a, b = (commit.hash for commit in pair)
    if not turns:
        return compare(*names, common(read_tree(settings.results, [a, b]), a, b, patterns, machine), margin)
    here = identity.machine()["machine"]
    if machine not in ("", here):
        raise BenchError(f"--measure measures on this machine, {here}, and not on {machine}; leave one of them out")
    try:
        stored = common(_of_here(settings, a, b, here), a, b, patterns)
    except NothingInCommonError:
        stored = Common(())
    warn_of_changes(settings, warn)
    settled = _settled(stored, margin)
    measured = in_turns(settings, pair, patterns, turns, settled, tell=tell, warn=warn)
    return compare(*names, _together(measured, stored), margin)


def _one(settings: Settings, name: str) -> Commit:
    found = resolve(settings.repository, [name])
    if len(found) != 1 or ".." in name:
        raise BenchError(f"'{name}' is a range of commits; name one")
    return found[0]


def _shown(name: str, commit: Commit) -> str:
    return commit.hash[:8] if commit.hash.startswith(name) else f"{name} ({commit.hash[:8]})"


def _of_here(settings: Settings, a: str, b: str, machine: str) -> Tree:
    """Return what is stored of two commits as measured in this environment of a machine: nothing else is like turns."""
    if not (settings.results / BENCHMARKS).is_file():
        return Tree({}, {}, [])
    stored = read_tree(settings.results, [a, b])
    where = machine, identity.environment_name()
    return replace(stored, records=[one for one in stored.records if (one.machine, one.environment) == where])


def _together(measured: Common, stored: Common) -> Common:
    """Return what was measured, and what was stored of the rest."""
    new = {one.key for one in measured.pairs}
    kept = [one for one in stored.pairs if one.key not in new]
    begins = tuple(f"{key} " for key in new)
    left_out = [line for line in stored.left_out if not line.startswith(begins)]
    return Common((*measured.pairs, *kept), tuple(dict.fromkeys([*measured.left_out, *left_out])))


def _settled(stored: Common, margin: float) -> set[Key]:
    """Return what need not be measured: what is no worse, and what seeds tell, which measuring again would not change.

    What stored samples show to be worse is measured as well: they cannot know what the machine was doing.
    """
    seeded = {one.key for one in stored.pairs if one.before.seeds}
    judged = compare("", "", stored, margin).of(Finding.NOT_WORSE) if stored.pairs else []
    return seeded | {change.key for change in judged}
