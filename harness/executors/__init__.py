"""Where runs go. An executor takes runs and yields events as they start, proceed and end."""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan import Run
from harness.scoring import Progress
from harness.worker import Outcome


@dataclass(frozen=True)
class Started:
    run: Run


@dataclass(frozen=True)
class Proceeded:
    run: Run
    progress: Progress


@dataclass(frozen=True)
class Ended:
    run: Run
    outcome: Outcome


Event = Started | Proceeded | Ended
