"""Results made by hand for the tests of reports: some methods on some tasks, with curves, costs, sizes and failures."""

from __future__ import annotations

import json
import random

import pandas as pd
import pytest

from harness.results import Results
from harness.schema import SCHEMA

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "$\\frac{1}{0}$ & % # _ ^ ~",
    "\\input{/etc/passwd} \\end{tabular}",
    "a \"quoted\" & 'single' `tick`",
    "![x](http://example.org/x.png) [y](javascript:alert(1))",
    "中文 Ünïcödé λ",
    "a very long name of a method whose middle nobody will ever miss in a plot",
    "]]> --> {{ 7 * 7 }} {% raw %}",
]
METRICS = {
    "accuracy": {"better": "higher", "unit": "", "role": "quality", "summary": "", "worst": 0.0},
    "mse": {"better": "lower", "unit": "", "role": "quality", "summary": "", "worst": None},
    "seconds_per_step": {"better": "lower", "unit": "s", "role": "cost", "summary": "", "worst": None},
    "parameters": {"better": "lower", "unit": "", "role": "cost", "summary": "", "worst": None},
}
MACHINE = {"cpu": "A CPU", "cores": 2, "memory_gib": 4, "gpus": []}


def make(
    tasks: int = 2,
    methods: int = 3,
    seeds: int = 3,
    *,
    labels: list[str] | None = None,
    failed: tuple[tuple[int, int, int], ...] = (),  # (task, method, seed)
    sizes: bool = False,
    anchored: bool = True,
    published: bool = False,
    suite_text: str = "tasks: [t]\n",
) -> tuple[pd.DataFrame, dict]:
    """Return rows and a header; method 0 is the best, and each further one a little worse."""
    rows, generator = [], random.Random(0)
    names = [f"m{i}" for i in range(methods)]
    for task in range(tasks):
        for i, name in enumerate(names):
            params = {"kind": labels[i]} if labels else {}
            for seed in range(seeds):
                is_failed = (task, i, seed) in failed
                common = {
                    "suite": "s", "run": f"{task:04x}{i:04x}{seed:04x}", "family": "f",
                    "method": "m" if labels else name, "method_params": json.dumps(params), "method_version": "1",
                    "task": f"t{task}", "task_params": "{}", "task_version": "1", "seed": seed,
                    "status": "failed" if is_failed else "done", "reason": "no luck" * is_failed,
                    "attempt": 1, "seconds": 1.0, "device": "cpu", "hardware": "h",
                    "started_at": pd.Timestamp("2026-01-01", tz="UTC"), "environment": "e", "source": "c",
                    "task_source": "t", "libraries": "{}", "data": "d:1", "host": "here", "session": "s1",
                    "schema_version": 2, "variant": json.dumps(params), "recipe": "{}", "origin": "default",
                    "trials": 0, "trial": 0,
                }  # fmt: skip
                best = 0.9 - 0.08 * i + 0.01 * generator.random()
                values = [("val", step, "accuracy", best * step / 300) for step in (100, 200, 300)]
                values += [("test", 300, "accuracy", best), ("train", 300, "parameters", 1000.0 * (i + 1))]
                values += [("train", 300, "seconds_per_step", 0.01 * (methods - i) * (1 + 0.1 * generator.random()))]
                if sizes:
                    grid = (256, 512, 1024, 2048, 4096)
                    values += [("size-training", n, "seconds_per_step", 1e-6 * n ** (1 + i / 4)) for n in grid]
                blank = [(None, None, None, None)]
                rows += [
                    common | {"split": split, "step": step, "metric": metric, "value": value, "unit": ""}
                    for split, step, metric, value in (blank if is_failed else values)
                ]
    number = {"method": "m" if labels else "m0", "task": "t0", "metric": "accuracy", "value": 0.95, "std": 0.01}
    header = {
        "suite": "s", "title": (labels or ["A suite"])[0], "suite_text": suite_text, "metrics": METRICS,
        "hardware": {"h": MACHINE}, "environment": {"e": {"python": "3"}},
        "primary": {f"t{task} {{}}": "accuracy" for task in range(tasks)},
        "anchors": {f"t{task} {{}}": {"chance": 0.1, "reference": 1.0} for task in range(tasks)} if anchored else {},
        "published": [number | {"source": "Someone 2020, arXiv:2001.00001"}] if published else [],
    }  # fmt: skip
    return pd.DataFrame(rows, columns=SCHEMA.names), header


@pytest.fixture(scope="session")
def made():
    """Return a function that makes results; its arguments are those of `make`."""
    return lambda *args, **kwargs: Results(*(lambda rows, header: (rows, [header]))(*make(*args, **kwargs)))


@pytest.fixture(scope="session")
def table():
    """Return the function that makes rows and a header."""
    return make


@pytest.fixture(scope="session")
def hostile(made):
    """Results whose every text tries to break what shows it."""
    return made(
        2,
        len(HOSTILE),
        2,
        labels=HOSTILE,
        failed=((0, 1, 0),),
        published=True,
        suite_text=f"# {HOSTILE[1]}\ntasks: [t]\n",
    )
