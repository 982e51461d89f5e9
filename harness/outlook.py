"""What a suite can tell and what it will cost, before it is run."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from harness import provenance
from harness.catalog import Catalog
from harness.claims import Beats, Cheaper, Claim, NotWorse
from harness.ledger import Ledger, is_settled
from harness.plan import Run, plan
from harness.results import Results
from harness.results.judging import spread
from harness.spec import Anchors
from harness.stats.power import power, required_n, resolvable
from harness.stats.prospects import prospects
from harness.stats.verdicts import ALPHA, POWER, Finding
from harness.suite import Suite
from harness.tuning import chooser

_CELL = ["method", "method_params", "task", "task_params"]


@dataclass(frozen=True)
class Power:
    """What n seeds can tell about a claim.

    `spread` is the standard deviation of the paired differences, of logarithms for a factor, and `source` where it is
    from. `detectable` is the least gain that is told from none with a chance of 80 %; `chance` that of the claim being
    REPRODUCED if it is true, and `needed` the seeds with which the check decides with a chance of 80 %. They are None
    where nothing tells.
    """

    claim: Claim
    n: int
    source: str
    spread: float | None = None
    claimed: float | None = None
    detectable: float | None = None
    chance: float | None = None
    needed: int | None = None


@dataclass(frozen=True)
class Cost:
    """How long a suite will run, one run at a time, by the medians of stored runs of the same method and task.

    The runs of the best of trials that have not ended count too. `unknown` counts the waiting runs of which none is
    stored.
    """

    runs: int
    waiting: int
    seconds: float
    unknown: int


def planned(suite: Suite, catalog: Catalog, folder: Path) -> list[Run]:
    """Return the runs of a suite on this machine, those of winners too where trials in `folder` have ended.

    Raises SuiteError for whatever in it is wrong.
    """
    device = provenance.resolve_device(suite.hardware.device)
    suite = dataclasses.replace(suite, hardware=dataclasses.replace(suite.hardware, device=device))
    choose = chooser(suite, catalog, Ledger(folder))
    return plan(suite, catalog, hardware=provenance.fingerprint(provenance.hardware()), choose=choose)


def stored(folder: Path, runs: list[Run]) -> Results:
    """Return what is stored of a plan's methods and tasks, with the anchors that the plan has now.

    Where none has exactly the planned parameters, the newest counts that has equal values for those that it shares:
    code that has gained a parameter since does not make results worthless. What the plan has no more is left out.
    Raises ResultsError where there is no folder.
    """
    found = Results.load(folder)
    cells: dict[tuple[str, str], list[tuple[str, str, pd.DataFrame]]] = {}
    for key, there in found.all_runs.groupby(_CELL, sort=False):
        method, method_params, task, task_params = map(str, key)
        cells.setdefault((method, task), []).append((method_params, task_params, there))
    kept, anchors = list[str](), dict[str, Anchors]()
    for run in {(run.method, str(run.method_params), run.task, str(run.task_params)): run for run in runs}.values():
        if (match := _nearest(run, cells.get((run.method, run.task), []))) is not None:
            _, task_params, there = match
            kept += list(there["run"])
            anchors |= {f"{run.task} {task_params}": run.anchors} if run.anchors else {}
    return found.only(kept).anchored(anchors)


def _nearest(run: Run, cells: list[tuple[str, str, pd.DataFrame]]) -> tuple[str, str, pd.DataFrame] | None:
    """Return the stored cell that is the planned one, or comes next to it."""
    exact = (_spelled(run.method_params), _spelled(run.task_params))
    alike = [
        cell
        for cell in cells
        if _shares(run.method_params, json.loads(cell[0])) and _shares(run.task_params, json.loads(cell[1]))
    ]
    return max(alike, key=lambda cell: (cell[:2] == exact, cell[2]["started_at"].max()), default=None)


def _shares(planned: Mapping[str, object], known: Mapping[str, object]) -> bool:
    """Tell whether parameters that both have are equal."""
    return all(known[name] == planned[name] for name in known.keys() & planned.keys())


def powers(suite: Suite, results: Results | None, prior: float | None = None) -> list[Power]:
    """Return what the suite's seeds can tell about each claim.

    The spread is that of stored results or, where they do not tell, `prior`.
    """
    return [_power(claim, len(suite.seeds), results, prior) for claim in suite.claims]


def cost(runs: list[Run], folder: Path, results: Results | None) -> Cost:
    """Return how long the runs that are not done are expected to take."""
    ledger = Ledger(folder)
    ledger.refresh()
    ended = {run.id for run in runs if is_settled(ledger.last(run.id).status, is_trial=run.trial > 0)}
    waiting = [run for run in runs if not run.skip and run.id not in ended]
    winners = _undecided(runs)
    medians = {} if results is None else _medians(results)
    known = [medians.get((run.method, _spelled(run.method_params), run.task, _spelled(run.task_params)))
             or medians.get((run.method, run.task)) for run in waiting + winners]  # fmt: skip
    return Cost(len(runs) + len(winners), len(known), sum(one for one in known if one), known.count(None))


def _undecided(runs: list[Run]) -> list[Run]:
    """Return for each run of a winner that trials have not decided on yet one of these trials."""
    decided = {_tuned(run) for run in runs if run.trials}
    first = {_tuned(run): run for run in runs if run.trial and not run.skip}
    return [run for pair, run in first.items() if pair not in decided for _ in run.fresh_seeds]


def _tuned(run: Run) -> tuple[str, ...]:
    """Return what is tuned: a method, but for the values that trials choose, on a task."""
    return run.method, _spelled(run.variant), run.task, _spelled(run.task_params)


def _medians(results: Results) -> dict[tuple[str, ...], float]:
    """Return the median seconds of runs that succeeded: by method and task with parameters, and by names alone."""
    found: dict[tuple[str, ...], list[float]] = {}
    done = results.all_runs[results.all_runs["status"] == "done"]
    columns = (done[key] for key in ("method", "method_params", "task", "task_params", "seconds"))
    for method, method_params, task, task_params, seconds in zip(*columns, strict=True):
        for key in ((method, method_params, task, task_params), (method, task)):
            found.setdefault(key, []).append(seconds)
    return {key: statistics.median(values) for key, values in found.items()}


def _spelled(params: Mapping[str, object]) -> str:
    return json.dumps(params, sort_keys=True)


def _power(claim: Claim, n: int, results: Results | None, prior: float | None) -> Power:
    check = claim.check
    if not isinstance(check, Beats | NotWorse | Cheaper):
        return Power(claim, n, "depends on the sizes or levels, and on how straight the line is")
    found = None
    for evidence in [] if results is None else results.evidence():
        found = found or spread(check, evidence)
    deviation, source = (found[0], f"of {found[1]} stored seeds") if found else (prior, "as stated")
    if deviation is None:
        return Power(claim, n, "unknown: nothing is stored; state one with --spread")
    if deviation == 0:
        return Power(claim, n, f"{source}; the difference is always the same", 0.0, _claimed(check), 0.0, 1.0, 2)
    return _told(claim, check, n, deviation, source)


def _told(claim: Claim, check: Beats | NotWorse | Cheaper, n: int, deviation: float, source: str) -> Power:
    least, size = resolvable(n, POWER, ALPHA, sides=1) * deviation, _claimed(check)
    if isinstance(check, NotWorse):
        chance, target = power(size / deviation, n, ALPHA, sides=1), size
    else:
        gain = math.log(size) if isinstance(check, Cheaper) else size
        chance = prospects(gain / deviation, gain / deviation, n, check.share)[Finding.REPRODUCED]
        target, least = (1 - check.share) * gain, math.exp(least) if isinstance(check, Cheaper) else least
    needed = required_n(target / deviation, POWER, ALPHA, sides=1) if target else None
    return Power(claim, n, source, deviation, size, least, chance, needed)


def _claimed(check: Beats | NotWorse | Cheaper) -> float:
    """Return the gain, the margin or the factor that a check names."""
    if isinstance(check, Beats):
        return check.by
    return check.margin if isinstance(check, NotWorse) else check.factor
