"""Which runs a user means: the expressions of `--select`."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from harness.errors import BenchError, did_you_mean
from harness.hyperparameters import plain
from harness.plan import Run


def select(runs: list[Run], expressions: Iterable[str]) -> list[Run]:
    """Return the runs that match any of the expressions; all where there is none.

    An expression is a comma-separated list of `key=pattern`, all of which must match. A key is `run`, `family`,
    `method`, `task`, `seed`, `trial` or a parameter's name; a pattern is a shell pattern, alternatives joined by "|".
    The trials of a tuned method match the suite's seeds too, since its runs on these wait for them.

    Raises BenchError for a malformed expression and where nothing matches.
    """
    wanted = [_terms(expression) for expression in expressions]
    if not wanted:
        return runs
    known = set().union(*(_facts(run) for run in runs))
    for key in (key for terms in wanted for key, _ in terms):
        if key not in known:
            raise BenchError(f"--select: unknown key '{key}'{did_you_mean(key, known)}")
    chosen = [run for run in runs if any(_matches(_facts(run), terms) for terms in wanted)]
    if not chosen:
        raise BenchError(f"--select matches none of the {len(runs)} runs; see them with --dry-run")
    return chosen


def _terms(expression: str) -> list[tuple[str, list[str]]]:
    terms = []
    for term in expression.split(","):
        key, equals, pattern = (part.strip() for part in term.partition("="))
        if not (key and equals and pattern):
            raise BenchError(f"--select: '{term.strip()}' is not of the form key=pattern, such as method=s4*,seed=0")
        terms.append((key, pattern.split("|")))
    return terms


def _facts(run: Run) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {}
    for params in (run.method_params, {**run.task_params, **run.recipe}):
        for key, value in params.items():
            facts.setdefault(key, []).append(plain(value))
    return facts | {
        "run": [run.id], "family": [run.family], "method": [run.method], "task": [run.task],
        "seed": [str(run.seed), *map(str, run.fresh_seeds)], "trial": [str(run.trial)] if run.trial else [],
    }  # fmt: skip


def _matches(facts: dict[str, list[str]], terms: list[tuple[str, list[str]]]) -> bool:
    return all(
        any(_alike(fact, pattern) for fact in facts.get(key, []) for pattern in patterns) for key, patterns in terms
    )


def _alike(fact: str, pattern: str) -> bool:
    try:
        return float(fact) == float(pattern)  # 1e-3 is 0.001
    except ValueError:
        return fnmatch.fnmatchcase(fact, pattern)
