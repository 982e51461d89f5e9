"""Text from outside: what may be a name, and any other text made fit to show."""

from __future__ import annotations

import re

NAME_RULE = "a name is at most 100 letters, digits, '.', '_', '+' and '-', and begins with a letter or digit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def is_name(text: object) -> bool:
    """Return whether a text follows NAME_RULE: it is then one folder's name, and neither an option nor markup."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def printable(text: str) -> str:
    """Return text without the characters that a terminal obeys instead of showing, but for line ends and tabs."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")


def one_line(text: str) -> str:
    """Return text on one line, without control characters."""
    return printable(" ".join(text.split()))
