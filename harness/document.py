"""A YAML file as plain data, with the line of every part.

Read by the YAML 1.2 core rules, so that 1e-3 is a number and `on` a word. Nothing in the file is executed, and nothing
stands for what is written elsewhere: tags, anchors and aliases are errors, and so is a key given twice.
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
_Loader.add_implicit_resolver(
    _TAG + "int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), list("-+0123456789")
)
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
    "int": lambda text: int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)),
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

    def as_text(self, given: dict[str, Any], key: str, *place: str | int) -> str:
        """Return the text under a key of a mapping, "" where it has none; raise SuiteError for what is no text."""
        value = given.get(key, "")
        if not isinstance(value, str):
            raise self.error(f"'{key}' has to be text, not {describe(value)}", *place, key)
        return value.strip()


def read(path: Path) -> Document:
    """Read a YAML file. Raises SuiteError with file and line for whatever is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError("no such file", path=path) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"cannot be read: {error}", path=path) from None
    return parse(text, path)


def parse(text: str, path: Path) -> Document:
    """Read the text of a YAML file, whose path errors name. Raises SuiteError for whatever is wrong with it."""
    lines: dict[Place, int] = {}
    try:
        _check_plain(text, path)
        node = yaml.compose(text, Loader=_Loader)
        data = None if node is None else _value(node, (), lines, path)
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, ", ".join(filter(None, [error.context, error.problem]))
        line = None if mark is None else mark.line + 1
        raise SuiteError(f"not valid YAML: {problem}", path=path, line=line) from None
    except yaml.YAMLError as error:
        raise SuiteError(f"not valid YAML: {error}", path=path) from None
    except RecursionError:
        raise SuiteError("nested too deeply", path=path) from None
    return Document(path, text, data, lines)


def _check_plain(text: str, path: Path) -> None:
    """Raise SuiteError where a text holds a tag, an anchor, an alias, or half a character that no file can hold."""
    for token in yaml.scan(text, Loader=_Loader):
        line = token.start_mark.line + 1
        if isinstance(token, yaml.TagToken):
            tag = "".join(filter(None, token.value))
            raise SuiteError(f"the tag '{tag}' is not allowed: a suite is plain data", path=path, line=line)
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken):
            mark = "&" if isinstance(token, yaml.AnchorToken) else "*"
            raise SuiteError(
                f"'{mark}{token.value}' is not allowed: write out what it stands for", path=path, line=line
            )
        if isinstance(token, yaml.ScalarToken) and re.search("[\ud800-\udfff]", token.value):
            raise SuiteError(f"{token.value!r} holds half a character", path=path, line=line)


def describe(value: Any) -> str:
    """Name a value's kind in YAML's words, with the value where it is short."""
    if value is None or isinstance(value, dict | list):
        return "nothing" if value is None else "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    return f"the text {value!r}" if isinstance(value, str) else f"the number {value!r}"


def _value(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> Any:
    line = lines.setdefault(place, node.start_mark.line + 1)  # an item's own line, or that of its key
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, lines, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, i), lines, path) for i, item in enumerate(node.value)]
    try:
        return _SCALARS[node.tag.removeprefix(_TAG)](node.value)
    except ValueError as error:  # more digits than Python cares to read
        raise SuiteError(f"not a number that can be used: {error}", path=path, line=line) from None


def _mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int], path: Path) -> dict[str, Any]:
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
