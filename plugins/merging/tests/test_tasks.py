"""Every method runs on its task through the command line, and sees what its family declares and nothing else."""

import json

import pandas as pd

from bench_merging import MERGERS
from harness.testing import Bench, install_plugin

SUITE = """\
pack: 100
seeds: [0]
tasks: [{tasks}]
methods: [{methods}]
"""

OF_OTHER_POOLS = {"slerp", "pleas", "straight-through", "activation-matching", "evo-merging", "data-flow", "rws"}

CURIOUS = """\
from bench_merging import MERGERS
from harness import Method, hookimpl

@hookimpl
def bench_methods():
    yield Method("curious", MERGERS["data-free"], "bench_curious:curious", reference="")

def curious(*, base, experts, access, look: str = "inputs"):
    getattr(access, look)
    return dict(base)
"""


def test_every_method_runs_on_its_task(tmp_path):
    bench = Bench(tmp_path, [])
    listing = json.loads(bench("list", "methods", "--json").stdout)
    families = {family.name for family in MERGERS.values()}
    ours = [method for method in listing if method["family"] in families]
    levels = sorted({method["family"].removeprefix("merging-") for method in ours})
    tasks = [f"{{task: merge-{level}, params: {{pool: tiny}}}}" for level in levels]
    methods = [method["name"] for method in ours if method["name"] not in OF_OTHER_POOLS]
    bench.write("smoke.yaml", SUITE.replace("{tasks}", ", ".join(tasks)).replace("{methods}", ", ".join(methods)))
    done = bench("run", "smoke.yaml", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "smoke")
    assert set(table["status"]) == {"done"}
    assert table["run"].nunique() == len(methods)
    values = table[table["split"].isin(["test", "train"])].pivot(index="method", columns="metric", values="value")
    assert values["mean_accuracy"].between(0.1, 1).all()
    assert values.loc["experts", "normalised_accuracy"] == 1
    assert values.loc["pretrained", "mean_accuracy"] == values.loc["pretrained", "pretrained_accuracy"]
    assert abs(values.loc["experts", "barrier"]) < 1e-6
    assert (values["worst_accuracy"] <= values["mean_accuracy"]).all()
    assert (values["merge_seconds"] > 0).all()
    size = 256 * 32 + 32 + 2 * (32 * 32 + 32) + 32 * 16
    assert values.loc["experts", "extra_parameters"] == 2 * size
    assert values.loc["tall-masks", "extra_parameters"] == size + 3 * size / 32
    assert values.loc["tuned", "evaluations"] == 41 * 3
    assert values.loc["average", "evaluations"] == 0


def test_a_method_that_looks_further_than_its_family_fails_and_one_over_budget_too(tmp_path):
    install_plugin(tmp_path / "plugins", "bench-curious", "bench_curious", CURIOUS)
    bench = Bench(tmp_path, [tmp_path / "plugins"])
    bench.write(
        "s.yaml",
        "tasks: [{task: merge-data-free, params: {pool: tiny}}, "
        "{task: merge-evaluations, params: {pool: tiny, budget: 10}}]\n"
        "methods: [{method: curious, grid: {look: [inputs, examples, network]}}, tuned, slerp]",
    )
    done = bench("run", "s.yaml")
    assert done.returncode == 1, done.stderr
    table = pd.read_parquet(tmp_path / "results" / "s").drop_duplicates("run")
    reasons = dict(zip(table["method"] + table["method_params"], table["status"] + ": " + table["reason"], strict=True))
    assert "declares no unlabelled data" in reasons['curious{"look": "inputs"}']
    assert "declares no labelled data" in reasons['curious{"look": "examples"}']
    assert reasons['curious{"look": "network"}'].startswith("done")
    tuned = next(reason for key, reason in reasons.items() if key.startswith("tuned"))
    assert tuned.endswith("123 evaluations or more are needed, and the budget is 10; raise it, or try less")
    assert next(r for key, r in reasons.items() if key.startswith("slerp")).startswith("skipped: slerp interpolates")


def test_a_misspelt_pool_is_one_line(bench):
    bench.write("s.yaml", "tasks: [{task: merge-data-free, params: {pool: procedral}}]\nmethods: [average]")
    done = bench("run", "s.yaml")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("did you mean 'procedural'?")


def test_a_stream_measures_what_later_experts_take_away(tmp_path):
    bench = Bench(tmp_path, [])
    bench.write(
        "s.yaml",
        "pack: 10\ntasks: [{task: merge-stream, params: {pool: tiny}}]\n"
        "methods: [opcm, pretrained, average, model-stock, experts]",
    )
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "s")
    assert set(table[table["method"] == "experts"]["status"]) == {"skipped"}
    values = table[table["split"] == "test"].pivot(index="method", columns="metric", values="value")
    assert values.loc["opcm", "backward_transfer"] < 0
    assert values.loc["pretrained", "backward_transfer"] == 0
    assert values.loc["average", "mean_accuracy"] > values.loc["pretrained", "mean_accuracy"]
