"""Methods whose loss leaves the finite numbers, through the command line."""

import pandas as pd

from harness.testing import bench  # noqa: F401 - a fixture

SUITE = """
tasks:
  - {task: solve-poisson, params: {wave_number: 5, steps: 4, points: 9, face_points: 2}}
  - {task: denoise-gaussian, params: {steps: 4, batch_size: 8, lr: 1.0e+30}}
  - {task: poisson-systems, params: {points: 8, systems: 1, trained_on: 8, steps: 4, batch_size: 2}}
methods:
  - {method: pinn, params: {width: 4, layers: 1, lr: 1.0e+300}}
  - {method: lpn, params: {hidden: 4, layers: 1}}
  - {method: dcdm, params: {width: 4, convolutions: [2, 2, 2], lr: 1.0e+30}}
pack: 100
"""


def test_a_loss_that_is_not_finite_is_a_divergence_and_no_failure(bench):  # noqa: F811
    """A trial that diverged has said all that there is to know; one that failed is tried again."""
    bench.write("s.yaml", SUITE)
    assert bench("run", "s.yaml").returncode == 1
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert dict(zip(rows["method"], rows["status"], strict=True)) == dict.fromkeys(("pinn", "lpn", "dcdm"), "diverged")
    assert rows["reason"].str.match("the loss is (nan|inf) at step [2-4]").all(), rows["reason"].tolist()
