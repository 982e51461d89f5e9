"""This distribution's part of a report: fields with their errors, errors of rollouts, energy spectra."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from bench_pde import drawings
from bench_pde.drawings import Column
from harness.plotting import Look, Plot, looks, order
from harness.results import Results

OPERATORS = "neural-operator"
FAMILIES = (OPERATORS, "pde-solver")
MOST_TASKS = 12  # panels, and pictures of fields, that a report has room for
MOST_COLUMNS = 6  # methods beside the truth in a picture of fields
MOST_LINES = 20

INTRODUCTION = (
    "Of runs that have succeeded. Pictures of fields show the first test sample for the first seed, at its last frame "
    "or, in one dimension, with time upward: on top the truth and what methods predict, below what they were given and "
    "their errors. All predictions share the truth's colours and all errors one scale; numbers are relative L2 errors "
    "of what is shown."
)
ROLLOUTS = (
    "Relative L2 error of each predicted frame, over all test samples, when a method is applied to its own "
    "predictions: mean over seeds, and their range as a band where there are few methods."
)
SPECTRA = (
    "Amplitude by wave number at the last frame, over all test samples and the mean over seeds: the root of the mean "
    "square of all modes of a ring together. Black is the truth."
)
ERRORS = (
    "The same of the error, divided by that of the truth: above 1, a wave number is worse than not predicted at all."
)


def section(results: Results) -> str:
    """Return what the pictures below show, and which runs have none; nothing without runs of this distribution."""
    runs = _runs(results)
    if runs.empty:
        return ""
    bare = sorted({task for task, ours in runs.groupby("task_label", sort=False) if not _kept(results, ours)})
    lack = f" No run left any of {', '.join(map(code, bare))}." if bare else ""
    count = runs["task_label"].nunique()
    more = f" Of {count} tasks, {MOST_TASKS} are shown." if count > MOST_TASKS else ""
    return f"## Fields, rollouts and spectra\n\n{INTRODUCTION}{lack}{more}\n"


def code(text: object) -> str:
    """Return a label as code, in which Markdown obeys nothing."""
    return f"`{' '.join(str(text).replace('`', chr(39)).split())}`"


def plots(results: Results) -> list[Plot]:
    """Return the pictures: of fields one for each task, and one each of rollouts, spectra and errors of spectra."""
    methods = order(results.leaderboards(), results.overviews())
    look = looks(methods)
    runs = _runs(results)
    found, spectra = [], []
    for number, (task, ours) in enumerate(list(runs.groupby("task_label", sort=False))[:MOST_TASKS], start=1):
        kept = _kept(results, ours)
        if not kept:
            continue
        shown = [method for method in methods if method in kept]
        columns = [Column(method, *_fields(kept[method][0])) for method in shown[:MOST_COLUMNS]]
        draw = partial(drawings.fields, columns=columns, given=_given(kept[shown[0]][0]))
        left = _left_out(shown[MOST_COLUMNS:]).strip()
        found.append(Plot(f"pde-fields-{number}", f"Fields: {task}", left, pd.DataFrame(), draw))
        if ours["family"].iloc[0] == OPERATORS:  # grids of solvers have both ends, and their sums no meaning as waves
            spectra.append(_spectra(str(task), {method: kept[method] for method in shown}))
    table, frames = pd.concat(spectra) if spectra else pd.DataFrame(), _rollouts(results, runs)
    return [
        _lines("pde-rollouts", "Error against rollout time", ROLLOUTS, frames, drawings.rollouts, look),
        *found,
        _lines("pde-spectra", "Energy spectra", SPECTRA, table, drawings.spectra, look),
        _lines("pde-error-spectra", "Spectra of errors", ERRORS, table, drawings.error_spectra, look),
    ]


def _lines(
    name: str, title: str, caption: str, table: pd.DataFrame, draw: drawings.Lines, look: Mapping[str, Look]
) -> Plot:
    if table.empty:
        return Plot(name, title, caption, table, None, "no run has what it shows")
    present = set(table["method"])
    methods = [method for method in look if method in present]
    shown = methods[:MOST_LINES]
    return Plot(name, title, caption + _left_out(methods[MOST_LINES:]), table, partial(draw, methods=shown, look=look))


def _left_out(methods: Sequence[str]) -> str:
    return f" Left out for want of room: {', '.join(methods)}." if methods else ""


def _runs(results: Results) -> pd.DataFrame:
    runs = apart(results.runs)
    return runs[runs["family"].isin(FAMILIES) & (runs["status"] == "done")].sort_values(["task_label", "seed"])


def apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with tasks labelled by machine and tuning, too, where these differ: no mean is to mix them."""
    label = rows["task_label"]
    if len(rows[["device", "hardware"]].drop_duplicates()) > 1:
        label = label + " (" + rows["device"] + " of " + rows["hardware"] + ")"
    if (rows["trials"] > 0).any():
        label = label + np.where(rows["trials"] > 0, " tuned with " + rows["trials"].astype(str) + " trials", "")
    return rows.assign(task_label=label)


def _kept(results: Results, runs: pd.DataFrame) -> dict[str, list[Mapping[str, np.ndarray]]]:
    """Return by method what its runs on a task have left, the first seed first."""
    found: dict[str, list[Mapping[str, np.ndarray]]] = {}
    for method, run in zip(runs["method_label"], runs["run"], strict=True):
        if (arrays := results.artefact(run, "fields")) is not None:
            found.setdefault(method, []).append(arrays)
    return found


def _fields(kept: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth and the prediction of the first channel: (y, x) of the last frame, or (frames, x)."""
    target, prediction = (
        field[..., 0] if field.ndim == 3 and len(field) > 1 else field[-1, ..., 0].T
        for field in (kept["target"], kept["prediction"])
    )
    return target, prediction


def _given(kept: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return what a method saw, (y, x): the first channel that is not the same everywhere, as a coefficient is."""
    if "given" not in kept:
        return None
    channels = np.moveaxis(kept["given"], -1, 0)
    return next((one for one in channels if np.ptp(one) > 0), channels[0]).T


def _rollouts(results: Results, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the error of each frame: task, method, frame, mean, lowest and highest over seeds."""
    rows = apart(results.rows)
    chosen = (rows["split"] == "rollout") & (rows["metric"] == "relative_l2") & rows["run"].isin(set(runs["run"]))
    rows = rows.loc[chosen, ["task_label", "method_label", "step", "value"]]
    rows.columns = pd.Index(["task", "method", "frame", "value"])
    several = rows.groupby("task")["frame"].transform("nunique") > 1  # of one frame there is no line
    by = rows[several].groupby(["task", "method", "frame"], sort=False)["value"]
    table = by.agg(mean="mean", lowest="min", highest="max").reset_index()
    return table[table["task"].isin(list(dict.fromkeys(table["task"]))[:MOST_TASKS])]


def _spectra(task: str, kept: Mapping[str, Sequence[Mapping[str, np.ndarray]]]) -> pd.DataFrame:
    """Return spectra of the first channel, means over seeds: task, method, wave_number, truth, prediction, error."""
    parts = []
    for method, runs in kept.items():
        mean = {
            name: np.mean([run[f"spectrum_{key}"][0] for run in runs], 0)
            for name, key in (("truth", "target"), ("prediction", "prediction"), ("error", "error"))
        }
        parts.append(pd.DataFrame({"task": task, "method": method, "wave_number": range(len(mean["truth"])), **mean}))
    return pd.concat(parts)
