"""The leaderboard for other programs: one flat record for each method on each task, the same in CSV and JSON.

| field | type | what it is |
|---|---|---|
| `suite`, `family`, `task`, `split` | text | where: `task` has the parameters in which its variants differ |
| `device`, `hardware` | text | "cpu" or "cuda", and the digest of the machine that provenance spells out |
| `metric`, `better`, `unit` | text | what ranks, and whether "higher" or "lower" is better |
| `method` | text | with the parameters in which its variants differ |
| `rank` | integer or null | from 1; null where there is no score |
| `mean`, `low`, `high` | number or null | over seeds, with the ends of the 95 % t-interval; null without one |
| `n` | integer | seeds, failed ones included |
| `like_best` | boolean | the best, or not told from it by paired t-tests (Holm, 5 %) |
| `failures` | integer | runs that failed and count as the metric's worst value |
| `invalid` | text | why a comparison with the best means nothing; mostly empty |
| `reason` | text | why there is no score; mostly empty |
| `cost_ratio` | number or null | the first cost in seconds over that of the fastest method of the suite's field |
| `hyperparameters` | text | where these come from; empty where the results do not tell |
| `trials` | integer | how many these were chosen by, 0 where not tuned; ranks are among methods with as many |
| `published`, `published_std`, `published_source` | number, number, text | a published number, shown beside, or null |
| `cost:NAME` | number or null | the mean of a cost over the runs that succeeded, in the metric's own unit |

Numbers are not rounded. An infinite mean is `Infinity` in CSV, and null in JSON, which has none.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.published import Published
from harness.results import Leaderboard, Results, Standing

SCHEMA_VERSION = 1

Entry = dict[str, Any]


def entries(results: Results, boards: Sequence[Leaderboard]) -> list[Entry]:
    """Return the records of leaderboards, best first on each."""
    costs = [name for name, metric in results.metrics.items() if metric["role"] == "cost"]
    beside = published_beside(results)
    suite = str(results.runs["suite"].iloc[0]) if len(results.runs) else ""
    found = []
    for board in boards:
        where = {
            "suite": suite,
            "family": board.family,
            "task": board.task,
            "split": board.split,
            "device": board.device,
            "hardware": board.hardware,
            "metric": board.metric,
            "better": board.better,
            "unit": results.metrics[board.metric]["unit"],
        }
        scored = [(standing.method, _scored(rank, standing)) for rank, standing in enumerate(board.standings, start=1)]
        others = [(method, _unscored(reason)) for method, reason in board.unscored.items()]
        of = {standing.method: standing.costs for standing in board.standings}
        origins = {standing.method: standing.origin for standing in board.standings}
        for method, facts in scored + others:
            number = beside.get((board.task, method, board.metric))
            found.append(
                {**where, "method": method, **facts, "hyperparameters": origins.get(method, ""), "trials": board.trials}
                | _published(number)
                | {f"cost:{name}": of.get(method, {}).get(name) for name in costs}
            )
    return found


def _scored(rank: int, standing: Standing) -> Entry:
    score = standing.score
    return {
        "rank": rank,
        "mean": score.mean,
        "low": score.low,
        "high": score.high,
        "n": score.n,
        "like_best": standing.like_best,
        "failures": standing.failures,
        "invalid": standing.incomparable,
        "reason": "",
        "cost_ratio": standing.cost_ratio,
    }


def _unscored(reason: str) -> Entry:
    empty = dict.fromkeys(("rank", "mean", "low", "high", "cost_ratio"))
    return {**empty, "n": 0, "like_best": False, "failures": 0, "invalid": "", "reason": reason}


def _published(number: Published | None) -> Entry:
    return {
        "published": number.value if number else None,
        "published_std": number.std if number else None,
        "published_source": number.source if number else "",
    }


def published_beside(results: Results) -> dict[tuple[str, str, str], Published]:
    """Return the published numbers by the labels of task and method, and the metric; of several the first counts."""
    if not results.published:
        return {}
    columns = ["task", "task_params", "task_label", "method", "method_params", "method_label"]
    found: dict[tuple[str, str, str], Published] = {}
    for row in results.runs[columns].drop_duplicates().itertuples(index=False):
        params = json.loads(str(row.method_params)), json.loads(str(row.task_params))
        for number in results.published:
            if number.matches(str(row.method), params[0], str(row.task), params[1]):
                found.setdefault((str(row.task_label), str(row.method_label), number.metric), number)
    return found


def write_csv(found: Sequence[Entry], path: Path) -> None:
    """Write records as a CSV table with a header."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(found[0]) if found else ["suite"])
        writer.writeheader()
        writer.writerows(found)


def write_json(results: Results, found: Sequence[Entry], path: Path) -> None:
    """Write records as JSON: {schema_version, title, counts, leaderboard: [records]}."""
    finite = [
        {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in entry.items()}
        for entry in found
    ]
    whole = {
        "schema_version": SCHEMA_VERSION,
        "title": results.title,
        "counts": results.counts(),
        "leaderboard": finite,
    }
    path.write_text(json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1) + "\n", encoding="utf-8")
