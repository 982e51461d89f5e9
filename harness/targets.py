"""What a target, "module:attribute", stands for: so plugins name code that is imported when it is used."""

from __future__ import annotations

import importlib
from typing import Any


def resolved(target: str) -> Any:
    """Import a target. Raises ImportError or AttributeError where it names nothing."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
