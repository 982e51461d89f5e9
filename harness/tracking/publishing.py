"""A results tree -> a page that needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import BenchError
from harness.tracking.settings import Settings


@dataclass(frozen=True)
class Page:
    """What was published, and where."""

    path: Path
    regressions: int

    def __str__(self) -> str:
        return f"{self.regressions} regressions"


def publish(settings: Settings) -> Page:
    """Make the page of a results tree."""
    raise BenchError("not yet")
