"""Which trial of a tuned method is the best: by validation data alone, failures counted, the same for every method.

A run's score is the best value that its metric has taken on the split "val"; a trial's is the mean over its seeds, and
the worst there is where one of its runs has failed. The trial with the best score wins, of equal ones the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow.compute as pc

from harness import store
from harness.ledger import Ledger
from harness.plan import Run, Winner

SPLIT = "val"

Better = Literal["higher", "lower"]


def worst(better: Better) -> float:
    """Return the score of what has failed."""
    return -math.inf if better == "higher" else math.inf


def trial_score(scores: Sequence[float], better: Better) -> float:
    """Return the score of a trial, given those of its runs."""
    return worst(better) if worst(better) in scores else sum(scores) / len(scores)


def best_trial(scores: Mapping[int, float], better: Better) -> int:
    """Return the number of the best trial, given the score of each; 0 where all have failed."""
    number = (max if better == "higher" else min)(sorted(scores), key=lambda one: scores[one])
    return 0 if scores[number] == worst(better) else number


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
        metric, scores = trials[0].select, dict[int, list[float]]()
        for run in trials:
            scores.setdefault(run.trial, []).append(self._score(run))
        better = self._better[metric]
        winner = best_trial({number: trial_score(found, better) for number, found in scores.items()}, better)
        count = f"none of its {len(scores)} trials has"
        return Winner(winner, "" if winner else f"{count} a value of '{metric}' on validation data")

    def _score(self, run: Run) -> float:
        last, better = self._ledger.last(run.id), self._better[run.select]
        found = self._values.get((run.id, last.attempt, run.select)) if last.status == "done" else None
        return worst(better) if found is None else found[better]


def _validations(folder: Path) -> dict[tuple[str, int, str], dict[Better, float]]:
    """Return the highest and the lowest value on validation data of each metric of each attempt at a trial."""
    rows = store.read(folder).rows
    rows = rows.filter(pc.and_(pc.greater(rows["trial"], 0), pc.equal(rows["split"], SPLIT)))
    keys = ["run", "attempt", "metric"]
    found = rows.group_by(keys).aggregate([("value", "max"), ("value", "min")]).to_pylist()
    return {
        (row["run"], row["attempt"], row["metric"]): {"higher": row["value_max"], "lower": row["value_min"]}
        for row in found
    }
