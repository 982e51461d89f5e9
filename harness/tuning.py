"""Which trial of a tuned method is the best: by validation data alone, failures counted, the same for every method.

A run's score is the best value that its metric has taken on the split "val"; a trial's is the mean over its seeds. A
trial of which a run failed has none, and cannot win. The best score wins, of equal ones the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from harness import store
from harness.catalog import Catalog
from harness.ledger import Ledger
from harness.plan import Choose, Run, Winner, undecided
from harness.suite import Suite

if TYPE_CHECKING:  # it brings scipy, without which a suite is planned in half the time
    from harness.stats.samples import Better

SPLIT = "val"


def run_score(status: str, values: Sequence[float], better: Better) -> float | None:
    """Return the score of a run that ended so with these values on validation data; None where it has failed."""
    if status != "done" or not values:
        return None
    return max(values) if better == "higher" else min(values)


def trial_score(scores: Sequence[float | None]) -> float | None:
    """Return the score of a trial, given those of its runs."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def best_trial(scores: Mapping[int, float | None], better: Better) -> int:
    """Return the number of the best trial, given the score of each; 0 where all have failed."""
    known = {number: score for number, score in sorted(scores.items()) if score is not None}
    return (max if better == "higher" else min)(known, key=lambda number: known[number], default=0)


class Chooser:
    """Chooses winners by what a results folder holds, as `harness.plan.plan` wants it."""

    def __init__(self, folder: Path, ledger: Ledger, better: Mapping[str, Better]) -> None:
        """Read a results folder, which need not exist. `better` has the direction of each metric."""
        self._ledger, self._better = ledger, better
        self._values = _validations(folder) if folder.is_dir() else {}
        ledger.refresh()

    def __call__(self, trials: Sequence[Run]) -> Winner | None:
        lasts = [self._ledger.last(run.id) for run in trials]
        if not all(last.status for last in lasts):
            return None
        if all(last.status == "skipped" for last in lasts):
            return Winner(0, lasts[0].reason)
        metric, scores = trials[0].select, dict[int, list[float | None]]()
        for run in trials:
            scores.setdefault(run.trial, []).append(self._score(run))
        winner = best_trial({number: trial_score(found) for number, found in scores.items()}, self._better[metric])
        lack = f"none of its {len(scores)} trials has a value of '{metric}' on validation data"
        return Winner(winner, "" if winner else lack)

    def _score(self, run: Run) -> float | None:
        last = self._ledger.last(run.id)
        return run_score(
            last.status, self._values.get((run.id, last.attempt, run.select), []), self._better[run.select]
        )


def chooser(suite: Suite, catalog: Catalog, ledger: Ledger) -> Choose:
    """Return what chooses a suite's winners by what the ledger's folder holds."""
    if suite.tune is None:
        return undecided
    return Chooser(ledger.folder, ledger, {name: metric.better for name, metric in catalog.metrics.items()})


def _validations(folder: Path) -> dict[tuple[str, int, str], list[float]]:
    """Return the values on validation data of each metric of each attempt at a trial."""
    rows = store.read(folder).rows
    rows = rows.filter(pc.and_(pc.greater(rows["trial"], 0), pc.equal(rows["split"], SPLIT)))
    found: dict[tuple[str, int, str], list[float]] = {}
    for run, attempt, metric, value in zip(
        *(rows[name].to_pylist() for name in ("run", "attempt", "metric", "value")), strict=True
    ):
        found.setdefault((run, attempt, metric), []).append(value)
    return found
