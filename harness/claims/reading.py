"""The claims of a suite file, checked one by one; whether they fit the suite is `resolving`'s business."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, get_args, get_type_hints

import msgspec

from harness.claims.shapes import CHECKS, Beats, Cheaper, Check, Claim
from harness.document import Document, Place, describe
from harness.errors import did_you_mean
from harness.selection import Selection
from harness.text import NAME_RULE, is_name

_ABOVE = {"by": 0, "margin": 0, "factor": 1, "power": 0}  # what a number has to be above


def read_claims(source: Document, part: Any) -> tuple[Claim, ...]:
    """Read the claims of a suite. Raises SuiteError, with file and line, for whatever in them is wrong by itself."""
    if not isinstance(part, list):
        raise source.error(f"'claims' has to be a list, not {describe(part)}", "claims")
    found: list[Claim] = []
    for i, item in enumerate(part):
        claim = _claim(source, item, ("claims", i))
        if claim.id in {other.id for other in found}:
            raise source.error(f"the claim '{claim.id}' stands twice", "claims", i, "id")
        found.append(claim)
    return tuple(found)


def _claim(source: Document, item: Any, place: Place) -> Claim:
    given = source.mapping(item, ("id", "source", "statement", "check"), *place)
    for key in ("id", "source", "statement"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise source.error(f"a claim needs '{key}': text", *place, key)
    if not is_name(given["id"]):
        raise source.error(f"a claim's id is a name, and {given['id']!r} is none: {NAME_RULE}", *place, "id")
    return Claim(given["id"], given["source"].strip(), given["statement"].strip(), _check(source, given, place), place)


def _check(source: Document, given: dict[str, Any], place: Place) -> Check:
    part = given.get("check")
    if not isinstance(part, dict) or len(part) != 1:
        raise source.error(f"a claim needs 'check': one of {', '.join(CHECKS)}", *place, "check")
    (kind,) = part
    if kind not in CHECKS:
        raise source.error(f"unknown check '{kind}'{did_you_mean(kind, CHECKS)}", *place, "check", kind)
    here, shape = (*place, "check", kind), CHECKS[kind]
    fields = {field.name: field for field in dataclasses.fields(shape)}
    values = dict(source.mapping(part[kind], tuple(fields), *here))
    if isinstance(values.get("tasks"), str):
        values["tasks"] = [values["tasks"]]
    hints = get_type_hints(shape)
    for name, field in fields.items():
        if name not in values and field.default is dataclasses.MISSING:
            raise source.error(f"'{kind}' needs '{name}'", *here)
    check: Check = shape(**{name: _value(source, value, hints[name], (*here, name)) for name, value in values.items()})
    _check_margins(source, check, here)
    return check


def _value(source: Document, value: Any, kind: Any, place: Place) -> Any:
    """Return a value of a check as its field has it."""
    name = str(place[-1])
    try:
        found = msgspec.convert(value, type=kind)
    except msgspec.ValidationError:
        raise source.error(f"'{name}' has to be {_wanted(kind)}, not {describe(value)}", *place) from None
    if isinstance(found, float) and not (math.isfinite(found) and found > _ABOVE.get(name, -math.inf)):
        least = f" above {_ABOVE[name]}" if name in _ABOVE else ""
        raise source.error(f"'{name}' has to be a finite number{least}, not {value}", *place)
    if name == "share" and not 0 <= found < 1:
        raise source.error(f"'share' has to be from 0 to below 1, not {value}", *place)
    try:
        for expression in found if name == "tasks" else [found] if name in ("a", "b") else []:
            Selection.parse(expression, plain="task" if name == "tasks" else "method")
    except ValueError as error:
        raise source.error(f"'{name}': {error}", *place) from None
    return found


def _wanted(kind: Any) -> str:
    if options := [option for option in get_args(kind) if isinstance(option, str)]:
        return f"one of {', '.join(options)}"
    if float in (kind, *get_args(kind)):
        return "a number"
    return "text" if kind is str else "a list of tasks"


def _check_margins(source: Document, check: Check, place: Place) -> None:
    """Raise SuiteError where a gain could be both the claimed one and too small to matter."""
    if isinstance(check, Cheaper):
        margin, target = check.margin or 1, check.factor ** (1 - check.share)
        if check.margin is not None and margin <= 1:
            raise source.error(f"'margin' is a factor above 1 here, not {margin}", *place, "margin")
    elif isinstance(check, Beats):
        margin, target = check.margin or 0, (1 - check.share) * check.by
    else:
        return
    if margin > target:
        raise source.error(f"'margin' has to be at most {target:.4g}, the least gain that reproduces", *place, "margin")
