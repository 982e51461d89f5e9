"""Linear systems as tasks, through the command line."""

import pandas as pd
import pytest

from bench_pde.tasks.systems import PoissonSystems
from harness.testing import bench  # noqa: F401 - a fixture

SUITE = """
tasks:
  - task: poisson-systems
    params: {points: 16, systems: 2, tolerance: 0.01, limit: 60, trained_on: 8, steps: 3, batch_size: 2}
  - task: poisson-systems
    params: {dimensions: 3, points: 8, obstacles: 1, systems: 1, limit: 60, trained_on: 8, steps: 3, batch_size: 2}
methods: [cg, icpcg, mgpcg, {method: dcdm, params: {width: 4, convolutions: [2, 2, 2]}}]
pack: 100
"""


def test_every_solver_on_every_system(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert (rows["status"] == "done").all(), rows[rows["status"] != "done"]["reason"].unique()
    rows = rows[rows["task"] == "poisson-systems"]
    tests = rows[rows["split"] == "test"].pivot(index="run", columns="metric", values="value")
    assert len(tests) == 8
    reached = tests["unsolved"] == 0
    assert reached.sum() >= 6  # all but the network of three steps
    assert (tests["iterations"][~reached] > 30).all()
    assert (tests["solve_seconds"] > 0).all()
    history = rows[(rows["split"] == "history") & (rows["method"] == "cg")]
    assert set(history["metric"]) == {"relative_residual"}
    for _, one in history.groupby("run"):
        ordered = one.sort_values("step")
        assert ordered["step"].tolist() == [2**i for i in range(len(ordered))]
        assert ordered["value"].iloc[-1] < 0.1


SPEED = """
tasks:
  - {task: poisson-systems-speed, params: {points: 8, systems: 1, trained_on: 8, steps: 2, batch_size: 2, rounds: 6}}
  - {task: poisson-systems-speed, params: {points: 8, systems: 1, trained_on: 8, steps: 2, batch_size: 2, limit: 2}}
methods: [mgpcg, {method: dcdm, params: {width: 4, convolutions: [2, 2, 2]}}]
pack: 100
"""


def test_there_is_no_time_to_a_tolerance_that_is_missed(bench):  # noqa: F811
    """By a network of two steps, and by any method within two iterations."""
    bench.write("s.yaml", SPEED)
    assert bench("run", "s.yaml").returncode == 1
    rows = pd.read_parquet(bench.folder / "results" / "s")
    done = rows[rows["status"] == "done"]
    assert set(done["method"]) == {"mgpcg"}
    assert "time_ratio" in set(done["metric"])
    failed = rows[rows["status"] == "failed"]
    assert sorted(failed["method"]) == ["dcdm", "dcdm", "mgpcg"]
    assert failed["reason"].str.contains("2 of 2 right-hand sides miss the tolerance of 0.0001 within 2").all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tolerance": 2.0}, "tolerance must be between 0 and 1, got 2"),
        ({"steps": 0}, "steps must be positive, got 0"),
        ({"points": 4}, "points must be 8 or more, got 4"),
    ],
)
def test_bad_parameters_are_told_before_any_work(params, message):
    with pytest.raises(ValueError, match=message):
        PoissonSystems(**params)
