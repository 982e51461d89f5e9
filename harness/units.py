"""Sizes and durations as people write them: "16GiB", "90s", "2h"."""

from __future__ import annotations

import re

BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}


def size(text: object) -> int:
    """Return a size in bytes. Raises ValueError for anything but a number above 0 with a unit, such as "512MiB"."""
    return round(_parse(text, BYTES, "a size such as 512MiB or 16GiB", 1))


def duration(text: object) -> float:
    """Return a duration in seconds. Raises ValueError for anything but a number with a unit, such as "90s"."""
    return _parse(text, SECONDS, "a duration such as 90s, 10min or 2h")


def _parse(text: object, units: dict[str, float] | dict[str, int], wanted: str, least: float = 0) -> float:
    match = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*", text) if isinstance(text, str) else None
    if match is None or match[2] not in units or float(match[1]) * units[match[2]] < least:
        raise ValueError(f"{wanted}, with a unit of {', '.join(units)}")
    return float(match[1]) * units[match[2]]


def show_size(count: float) -> str:
    """Return a size as people write it, to three digits: the largest binary unit in which it is at least one."""
    unit = next((unit for unit in ("TiB", "GiB", "MiB", "KiB") if count >= BYTES[unit]), "KiB")
    number = count / BYTES[unit]
    return f"{number:.3g} {unit}" if number < 999.5 else f"{number:.0f} {unit}"


def show_duration(seconds: float) -> str:
    """Return a duration to the second: "45 s", "3 min 20 s", "2 h 5 min"; below ten seconds, to three digits."""
    if seconds < 9.5:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
