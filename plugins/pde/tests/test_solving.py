"""The tasks of solving: every solver on every problem through the command line, and bad parameters."""

import pandas as pd
import pytest
import torch

from bench_pde.tasks.solving import SolveAdvection, SolveHelmholtz, SolvePoisson
from harness.testing import bench  # noqa: F401 - a fixture

SUITE = """
tasks:
  - {task: solve-poisson, params: {wave_number: 5, steps: 3, points: 9, face_points: 2}}
  - {task: solve-steady-allen-cahn, params: {case: three-scales, wave_number: 5, steps: 3, points: 9, face_points: 2}}
  - {task: solve-advection, params: {speed: 5, steps: 3, points: 9, face_points: 2}}
  - {task: solve-helmholtz, params: {a1: 1, steps: 3, points: 9, face_points: 2}}
  - {task: solve-klein-gordon, params: {duration: 1, steps: 3, points: 9, face_points: 2}}
  - {task: solve-flow-mixing, params: {duration: 1, steps: 3, points: 9, face_points: 2}}
  - {task: solve-allen-cahn, params: {steps: 3, points: 9, face_points: 2}}
  - {task: solve-nonlinear-diffusion, params: {steps: 3, points: 9, face_points: 2}}
methods:
  - {method: pinn, params: {width: 4, layers: 1}}
  - {method: rff-pinn, params: {width: 4, layers: 1, features: 4}}
  - {method: pig, params: {gaussians: 3}}
  - {method: gp-hm, params: {nodes: 7, components: 2}}
pack: 100
"""


def test_every_solver_on_every_problem(bench):  # noqa: F811
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert (rows["status"] == "done").all(), rows[rows["status"] != "done"]["reason"].unique()
    tests = rows[rows["split"] == "test"]
    runs = SUITE.count("task: ") * SUITE.count("method: ")
    for metric in ("relative_l2", "max_error", "rmse"):
        values = tests[tests["metric"] == metric]
        assert len(values) == runs
        assert (values["value"] > 0).all()
    assert (rows[rows["metric"] == "seconds_per_step"]["value"] > 0).sum() == runs


CASES = ("sine", "product", "growing", "three-scales", "sine-and-parabola")


@pytest.mark.parametrize("dimensions", [1, 2])
@pytest.mark.parametrize("case", CASES)
def test_no_wave_hides_between_the_points_that_are_scored(case, dimensions):
    """At the wave numbers of the paper the mean square there is that of the whole solution, from 200,000 points."""
    task = SolvePoisson(case=case, dimensions=dimensions)
    problem, generator = task.problem(), torch.Generator().manual_seed(0)
    anywhere = problem.exact(problem.interior(200_000, generator)).square().mean()
    scored = problem.truth((task.scored[dimensions - 1],) * dimensions).square().mean()
    assert float(scored / anywhere) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SolveAdvection(speed=-1.0), "speed must be positive, got -1"),
        (lambda: SolveHelmholtz(steps=0), "steps must be positive, got 0"),
    ],
)
def test_bad_parameters_are_told_before_any_work(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_choices_are_refused_before_any_run(bench):  # noqa: F811
    bench.write("s.yaml", "tasks: [{task: solve-poisson, params: {case: sinus}}]\nmethods: [{method: gp-hm}]\n")
    done = bench("run", "s.yaml", "--dry-run")
    assert done.returncode == 2
    assert "parameter 'case' of task 'solve-poisson'" in done.stderr
    bench.write("s.yaml", "tasks: [solve-poisson]\nmethods: [{method: gp-hm, params: {mixture: normal}}]\n")
    done = bench("run", "s.yaml", "--dry-run")
    assert done.returncode == 2
    assert "parameter 'mixture' of method 'gp-hm'" in done.stderr
