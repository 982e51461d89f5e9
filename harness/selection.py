"""Expressions that choose methods, tasks or runs by what they are: "method=s4*,init=legs|lin"."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import did_you_mean
from harness.spec import JSON

Facts = dict[str, list[str]]  # what is known of a run: key -> values as text


@dataclass(frozen=True)
class Selection:
    """A comma-separated list of `key=pattern`, all of which must match.

    A key is `method`, `task`, `family` or a parameter's name, for whole runs also `seed`, `trial` and `run`; a
    pattern is a shell pattern, alternatives joined by "|". Numbers are compared as numbers.
    """

    terms: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def parse(cls, expression: str, plain: str = "") -> Selection:
        """Read an expression; a lone pattern is taken for that of the key `plain`, where one is given.

        Raises ValueError for a malformed one.
        """
        if plain and "=" not in expression and "," not in expression and expression.strip():
            expression = f"{plain}={expression}"
        terms = []
        for term in expression.split(","):
            key, equals, pattern = (part.strip() for part in term.partition("="))
            if not (key and equals and pattern):
                raise ValueError(f"'{term.strip()}' is not of the form key=pattern, such as method=s4*,init=legs")
            terms.append((key, tuple(pattern.split("|"))))
        return cls(tuple(terms))

    def unknown(self, known: Iterable[str]) -> str:
        """Say which key is none of `known`; nothing where all are."""
        known = set(known)
        return next((f"unknown key '{key}'{did_you_mean(key, known)}" for key, _ in self.terms if key not in known), "")

    def matches(self, facts: Facts) -> bool:
        """Tell whether every term matches one of the values that its key has."""
        return all(
            any(_alike(fact, pattern) for fact in facts.get(key, []) for pattern in patterns)
            for key, patterns in self.terms
        )


def facts(
    family: str, method: str, method_params: Mapping[str, JSON], task: str, task_params: Mapping[str, JSON]
) -> Facts:
    """Return what is known of a method that meets a task. A parameter that both have, has both values."""
    found: Facts = {}
    for params in (method_params, task_params):
        for key, value in params.items():
            found.setdefault(key, []).append(plain(value))
    return found | {"family": [family], "method": [method], "task": [task]}


def plain(value: JSON) -> str:
    """Return a value as people write it: text without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def _alike(fact: str, pattern: str) -> bool:
    try:
        return float(fact) == float(pattern)  # 1e-3 is 0.001
    except ValueError:
        return fnmatch.fnmatchcase(fact, pattern)
