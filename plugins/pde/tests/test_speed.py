"""The speed of operators, through the command line."""

import pandas as pd

from harness.testing import bench  # noqa: F401 - a fixture

SUITE = """\
tasks:
  - task: operator-speed-1d
    params: {points: 32, batch_size: 2, rounds: 6, limit: 0.5}
    reference: {method: fno, params: {width: 4, modes: 4, layers: 1}}
  - task: operator-scaling-2d
    params: {sizes: [8, 12, 16], batch_size: 1, rounds: 6, limit: 0.2}
    reference: {method: fno, params: {width: 4, modes: 4, layers: 1}}
methods: [{method: fno, params: {width: 4, modes: 4, layers: 1}}]
"""


def test_operators_are_timed_against_a_reference(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    found = rows.set_index(["task", "split", "metric"])["value"].sort_index()
    for call in ("training", "inference"):
        values = found["operator-speed-1d", f"test-{call}"]
        assert values["time_ratio_low"] <= values["time_ratio"] <= values["time_ratio_high"]
        assert values["flops_per_call"] > 0
        assert "exponent" in found["operator-scaling-2d", f"test-{call}"]
    sizes = rows[(rows["split"] == "size-inference") & (rows["metric"] == "seconds_per_call")]
    assert sizes["step"].tolist() == [8, 12, 16]


def test_a_reference_that_its_grid_does_not_bear_is_refused_when_planned(bench):  # noqa: F811
    bench.write(
        "s.yaml",
        """
        hardware: {device: cpu}
        tasks: [{task: operator-speed-2d, reference: {method: fno, params: {modes: 400}}}]
        methods: [deeponet]
        seeds: [0]
        """,
    )
    refused = bench("plan", "s.yaml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("bench: s.yaml:3: method 'fno' on task 'operator-speed-2d': a grid of 64 points")
