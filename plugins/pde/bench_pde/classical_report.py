"""The part of a report that sets methods beside classical solvers."""

import pandas as pd

from bench_pde.family import NEURAL_OPERATOR
from bench_pde.report import apart, code
from harness.plotting import order
from harness.results import Results

HEADING = "Beside classical solvers"
INTRODUCTION = (
    "What a method takes for a test sample, a whole rollout, and what the solver that made the data takes on the "
    "coarsest grid on which its error is not above that of the method; ratio is the first over the second, and above "
    "1 the method is the slower. Where the solver's error is far below, its coarsest grid is already that accurate, "
    "and the ratio a lower bound; where it is above, its finest grid is not, for it has the method's input alone, and "
    "the ratio is an upper bound. Both are timed in turns on the same few samples in one batch, and their errors "
    "compared on these. All are means over seeds, ratios too, which may differ from the ratio of the means."
)
COLUMNS = ("task", "method", "relative L2", "ms", "solver's relative L2", "solver's ms", "ratio")
METHODS = ("relative_l2", "inference_time", "classical_error", "classical_time", "classical_ratio")
BASELINES = {"persistence": "persistence", "linear regression": "linear"}


def section(results: Results) -> str:
    """Return a table of all tasks with a classical solver; nothing where no run was timed beside one."""
    rows = apart(results.rows)
    rows = rows[(rows["family"] == NEURAL_OPERATOR.name) & (rows["status"] == "done") & (rows["split"] == "test")]
    timed = set(rows.loc[rows["metric"] == "classical_ratio", "task_label"])
    rows = rows[rows["task_label"].isin(timed)]
    if rows.empty:
        return ""
    methods = order(results.leaderboards(), results.overviews())
    lines = [line for task, ours in rows.groupby("task_label", sort=False) for line in _lines(str(task), ours, methods)]
    rule = "|:---|:---|" + "---:|" * (len(COLUMNS) - 2)
    table = "\n".join(["| " + " | ".join(COLUMNS) + " |", rule, *lines])
    return f"## {HEADING}\n\n{INTRODUCTION}\n\n{table}\n"


def _lines(task: str, rows: pd.DataFrame, methods: list[str]) -> list[str]:
    """Return a task's lines: the methods, the best first, and below them the baselines."""
    means = rows.groupby(["method_label", "metric"])["value"].mean().unstack()
    found = [
        _line(task, code(method), *(_number(means.loc[method, name], name) for name in METHODS))
        for method in methods
        if method in means.index and pd.notna(means.loc[method].get("classical_ratio"))
    ]
    of_rules = rows.groupby("metric")["value"].mean()
    for rule, name in BASELINES.items():
        error, ratio = (_number(of_rules[f"{name}_{metric}"]) for metric in ("relative_l2", "classical_ratio"))
        found.append(_line(task, rule, error, "–", "–", "–", ratio))
    return found


def _line(task: str, *cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in (code(task), *cells)) + " |"


def _number(value: float, metric: str = "") -> str:
    return f"{value * 1000 if metric.endswith('_time') else value:.3g}"
