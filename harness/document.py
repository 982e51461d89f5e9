"""A YAML file as plain data, with the line of every part.

Read by the YAML 1.2 core rules, so that 1e-3 is a number and `on` a word. Nothing in the file is executed: a tag
that would construct an object is an error, and so is a key given twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import SuiteError, did_you_mean

Place = tuple[str | int, ...]  # the keys and indices that lead to a part of the document


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own pattern


_TAG = "tag:yaml.org,2002:"
_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"^(?:null|Null|NULL|~|)$"), ["n", "N", "~", ""])
_Loader.add_implicit_resolver(_TAG + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_TAG + "int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _TAG + "float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)

_SCALARS: dict[str, Any] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": str,
}


@dataclass(frozen=True)
class Document:
    """The data of a YAML file and the line (from 1) on which each part stands."""

    path: Path
    text: str
    data: Any
    lines: dict[Place, int]

    def error(self, message: str, *place: str | int) -> SuiteError:
        """Return an error that points at a part of the document, or at the nearest part around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return SuiteError(message, path=self.path, line=self.lines.get(place))

    def mapping(self, part: Any, allowed: tuple[str, ...], *place: str | int) -> dict[str, Any]:
        """Return `part` if it is a mapping with only allowed keys; raise SuiteError otherwise."""
        what = f"'{place[-1]}'" if place and isinstance(place[-1], str) else "this entry" if place else "a suite"
        if not isinstance(part, dict):
            raise self.error(f"{what} has to be a mapping, not {describe(part)}", *place)
        for key in part:
            if key not in allowed:
                raise self.error(f"unknown key '{key}'{did_you_mean(str(key), allowed)}", *place, key)
        return part


def read(path: Path) -> Document:
    """Read a YAML file. Raises SuiteError with file and line for whatever is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError("no such file", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot be read: {error}", path=path) from None
    lines: dict[Place, int] = {}
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = None if node is None else _value(node, (), lines, path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise SuiteError(
            f"not valid YAML: {error.problem}", path=path, line=None if mark is None else mark.line + 1
        ) from None
    except yaml.YAMLError as error:
        raise SuiteError(f"not valid YAML: {error}", path=path) from None
    return Document(path, text, data, lines)


def describe(value: Any) -> str:
    """Name a value's kind in YAML's words, with the value where it is short."""
    kinds = {
        dict: "a mapping",
        list: "a list",
        str: "the text",
        bool: "the truth value",
        int: "the number",
        float: "the number",
    }
    if value is None:
        return "nothing"
    kind = kinds[type(value)]
    return (
        kind
        if isinstance(value, dict | list)
        else f"{kind} {str(value).lower() if isinstance(value, bool) else value!r}"
    )


def _value(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> Any:
    line = lines.setdefault(place, node.start_mark.line + 1)  # an item's own line, or that of its key
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, lines, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, i), lines, path) for i, item in enumerate(node.value)]
    kind = node.tag.removeprefix(_TAG)
    if kind not in _SCALARS:
        raise SuiteError(f"the tag '{node.tag}' is not allowed: a suite is plain data", path=path, line=line)
    return _SCALARS[kind](node.value)


def _mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int], path: Path) -> dict[str, Any]:
    if node.tag != _TAG + "map":
        line = node.start_mark.line + 1
        raise SuiteError(f"the tag '{node.tag}' is not allowed: a suite is plain data", path=path, line=line)
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise SuiteError("a key has to be a word", path=path, line=line)
        key = key_node.value
        if key in data:
            raise SuiteError(f"the key '{key}' is given twice", path=path, line=line)
        lines[(*place, key)] = line
        data[key] = _value(value_node, (*place, key), lines, path)
    return data
