"""Every task of the list runs, through the command line, on a method that costs nothing."""

import pandas as pd

from harness.testing import Bench

SYNTHETIC = """\
pack: 20
tasks:
  - {task: copying, params: {length: 6, tokens: 2}}
  - {task: selective-copying, params: {length: 6, tokens: 2}}
  - {task: induction-heads, params: {length: 8, test_length: 16, norm: batch, tie_dropout: true, dropout: 0.1}}
  - {task: associative-recall, params: {length: 16, pairs: 2, train_size: 500, prenorm: false}}
  - {task: adding, params: {length: 8}}
  - {task: autoregressive, params: {length: 40}}
  - {task: autoregressive, params: {length: 40, horizon: 10, radius: 1.0}}
  - {task: in-context-regression, params: {dimension: 2, examples: 3, noise: 0.5}}
methods: [s4d]
"""
TINY = ", steps: 3, d_model: 4, layers: 1, batch_size: 8, evaluations: 1}"


def test_synthetic_tasks_run(tmp_path):
    bench = Bench(tmp_path, [])
    bench.write("all.yaml", SYNTHETIC.replace("}}", TINY + "}"))
    done = bench("run", "all.yaml", "-j", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "all")
    test = table[table["split"] == "test"].set_index(["task", "metric"])["value"]
    assert len(test) == 4 + 1 + 4 + 7
    assert test["in-context-regression", "bayes_mse"] < test["in-context-regression", "mse"]
    assert (test["autoregressive", "least_mse"] < 0.1).all()
