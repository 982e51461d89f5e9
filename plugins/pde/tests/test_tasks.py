"""The tasks: what the method sees, rollouts, baselines; and a run of everything through the command line."""

import dataclasses
import inspect
import subprocess
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import bench_pde
from bench_pde import classical_report, limits, report
from bench_pde.baselines import RidgeRegression, fitted_on
from bench_pde.tasks import evolution, problems, several
from bench_pde.tasks.evolution import Windows
from bench_pde.tasks.normalised import Normalised, Scale, Stepper
from harness.cli import main
from harness.results import Results
from harness.testing import bench  # noqa: F401 - a fixture


def test_windows_are_all_stretches_of_all_fields():
    fields = torch.arange(2 * 5 * 3).reshape(2, 5, 3, 1).float()
    windows = Windows(fields, given=2, following=1)
    assert len(windows) == 6
    examples = windows[torch.arange(6)]
    assert examples.inputs[0].shape == (6, 2, 3, 1)
    assert torch.equal(examples.inputs[0][1], fields[0, 1:3])
    assert torch.equal(examples.targets[5], fields[1, 4:5])


class Last(nn.Module):
    """Returns the last given frame, scaled."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.seen = factor, []

    def forward(self, x):
        self.seen.append(x)
        return self.factor * x[..., -1:]


@pytest.mark.parametrize("change", [False, True])
def test_stepper_applies_the_operator_to_what_it_predicted(change):
    frames = torch.full((4, 6, 8, 1), 3.0) + torch.tensor([-1.0, 1.0]).repeat(12)[:, None].reshape(4, 6, 1, 1)
    scale = Scale(frames)
    operator = Last(0.0 if change else 1.0)
    changes = Scale(torch.full((4, 5, 8, 1), 0.5) + 0.1 * torch.randn(4, 5, 8, 1)) if change else None
    stepper = Stepper(operator, scale, changes, trained=1, scored=3)
    given = torch.stack([torch.zeros(2, 8, 1), torch.ones(2, 8, 1)], 1)
    assert stepper.train()(given).shape == (2, 1, 8, 1)
    predicted = stepper.eval()(given)
    assert predicted.shape == (2, 3, 8, 1)
    if change:  # the mean change, each time
        expected = 1 + changes.mean * torch.arange(1, 4)[None, :, None, None].expand(2, 3, 8, 1)
        assert torch.allclose(predicted, expected)
    else:
        assert torch.allclose(predicted, torch.ones(2, 3, 8, 1), atol=1e-6)
        assert torch.allclose(operator.seen[1][..., 0], scale.standardised(torch.zeros(2, 8, 1))[..., 0])
        assert torch.allclose(operator.seen[-1][..., 0], operator.seen[-1][..., 1])  # by now both are predictions


def test_normalised_sees_and_returns_standard_fields():
    inputs, outputs = 5 + 2 * torch.randn(50, 8, 2), -3 + 0.1 * torch.randn(50, 8, 1)
    model = Normalised(Last(1.0), Scale(inputs), Scale(outputs))
    predicted = model(inputs)
    assert predicted.shape == (50, 1, 8, 1)
    seen = model.operator.seen[0]
    assert seen.mean((0, 1)).abs().max() < 1e-5
    assert (seen.std((0, 1)) - 1).abs().max() < 1e-2
    assert predicted.mean() == pytest.approx(-3, abs=1e-2)


@pytest.mark.parametrize("count", [10, 200])
def test_ridge_regression_finds_a_linear_map(count):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(count, 5, 4, generator=generator, dtype=torch.float64)
    weights = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    y = (x.flatten(1) @ weights + 7).unflatten(1, (3, 1))
    error = (RidgeRegression(x, y, penalty=1e-14)(x) - y).abs().max()
    assert error < 1e-6  # with 10 examples of 20 numbers it interpolates
    if count == 200:
        new = torch.randn(5, 5, 4, generator=generator, dtype=torch.float64)
        expected = (new.flatten(1) @ weights + 7).unflatten(1, (3, 1))
        assert (RidgeRegression(x, y, penalty=1e-14)(new) - expected).abs().max() < 1e-6


def test_ridge_regression_of_very_many_examples_takes_some():
    chosen = fitted_on(100_000_001)
    assert len(chosen.unique()) == 2048
    assert chosen[[0, -1]].tolist() == [0, 100_000_000]
    assert fitted_on(5).tolist() == [0, 1, 2, 3, 4]


def test_linear_rollout_cuts_out_no_more_windows_than_it_is_fitted_on(monkeypatch):
    cut_out = []
    whole = evolution.Windows.__getitem__
    monkeypatch.setattr(
        evolution.Windows, "__getitem__", lambda self, index: (cut_out.append(len(index)), whole(self, index))[1]
    )
    angles = torch.linspace(0, 6, 800).repeat(8, 1)[:, :, None, None] + torch.arange(8.0)[:, None, None, None]
    fields = torch.cat([angles.cos(), angles.sin()], -1)  # a rotation, which is a linear map
    rollout = evolution._linear(fields, given=2, frames=5, device="cpu")
    assert cut_out == [2048]  # of 8 × 798
    assert (rollout(fields[:, :2]) - fields[:, 2:7]).abs().max() < 1e-3


SUITE = """
tasks:
  - {task: advection, params: {points: 32, frames: 3, given: 2, unrolled: 2, steps: 2, batch_size: 4, train: 8}}
  - {task: burgers, params: {points: 32, solved_on: 64, viscosity: 0.2, frames: 2, steps: 2, batch_size: 4, train: 8}}
  - {task: reaction-diffusion, params: {points: 32, frames: 2, interval: 0.01, steps: 2, batch_size: 4, train: 8}}
  - task: kuramoto-sivashinsky
    params: {length: 16, points: 32, warm_up: 0, frames: 2, steps: 2, batch_size: 4, train: 8}
  - {task: burgers-map, params: {points: 32, solved_on: 64, steps: 2, batch_size: 4, train: 8}}
  - {task: wave, params: {points: 24, frames: 2, steps: 2, batch_size: 4, train: 8, change: false}}
  - {task: darcy, params: {points: 24, solved_on: 24, steps: 2, batch_size: 4, train: 8}}
  - {task: diffusion-sorption, params: {points: 32, frames: 2, steps: 2, batch_size: 4, train: 8}}
  - {task: diffusion-reaction, params: {points: 24, warm_up: 0.1, frames: 2, steps: 2, batch_size: 4, train: 8}}
  - {task: dam-break, params: {points: 24, solved_on: 24, frames: 5, steps: 2, batch_size: 4, train: 8}}
  - task: navier-stokes
    params: {points: 24, solved_on: 24, frames: 2, interval: 0.1, steps: 2, batch_size: 4, train: 8}
methods:
  - fno
  - {method: u-net, params: {features: 2, levels: 3}}
  - {method: u-net-modern, params: {features: 8, blocks: 1}}
  - {method: deeponet, params: {basis: 4, width: 8}}
  - {method: fno, params: {variant: library, width: 8}}
  - {method: mgno, params: {width: 4, layers: 1, levels: 3}}
  - {method: sinenet, params: {width: 4, waves: 1}}
pack: 100
"""


def test_two_operators_on_every_problem_and_every_operator_on_one_of_each_dimension(bench):  # noqa: F811
    """The others take a training step on the fields of each problem in `test_operators_on_problems`."""
    bench.write("s.yaml", SUITE)
    done = bench("run", "s.yaml", "--select", "method=u-net|deeponet", "--select", "task=advection|wave")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert (rows[rows["status"] == "skipped"]["reason"] == "the task needs 1d, which the method does not claim").all()
    rows = rows[rows["status"] == "done"]
    assert rows["run"].nunique() == 11 * 2 + 3 + 5
    kept = {path.name.partition("-")[0] for path in (bench.folder / "results" / "s" / "_artefacts").iterdir()}
    assert kept == set(rows["run"])
    tests = rows[rows["split"] == "test"]
    is_baseline = tests["metric"].isin(["persistence_relative_l2", "linear_relative_l2"])
    baselines = tests[is_baseline].groupby(["task", "metric"])["value"]
    assert (baselines.nunique() == 1).all()  # no method takes part in them
    ratios = ("classical_ratio", "persistence_classical_ratio", "linear_classical_ratio")
    for metric in ("relative_l2", "fourier_high", "linear_relative_l2", "classical_error", *ratios):
        found = tests[tests["metric"] == metric]
        assert len(found) == found["run"].nunique() == rows["run"].nunique()
        assert (found["value"] > 0).all()
        assert np.isfinite(found["value"]).all()
    frames = rows[(rows["split"] == "rollout") & (rows["metric"] == "nrmse") & (rows["task"] == "burgers")]
    assert set(frames["step"]) == {1, 2}


MORE = """
tasks:
  - task: compressible-flow
    params: {points: 24, solved_on: 24, frames: 2, interval: 0.01, steps: 2, batch_size: 4, train: 8}
  - {task: darcy-rough, params: {points: 24, solved_on: 24, steps: 2, batch_size: 4, train: 8}}
  - {task: darcy-multiscale, params: {scales: 1, points: 24, solved_on: 24, steps: 2, batch_size: 4, train: 8}}
  - {task: helmholtz, params: {frequency: 100, points: 24, solved_on: 24, steps: 2, batch_size: 4, train: 8}}
methods: [fno]
pack: 100
"""


@pytest.mark.slow
def test_the_other_problems(bench, monkeypatch):  # noqa: F811
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # on a busy machine threads wait for each other
    bench.write("s.yaml", MORE)
    prepared = bench("data", "prepare", "s.yaml")
    assert prepared.returncode == 0, prepared.stderr
    done = bench("run", "s.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(bench.folder / "results" / "s")
    assert rows["run"].nunique() == 4
    digests = dict(line.split(", seed 0: ") for line in prepared.stdout.splitlines())
    assert digests == rows.groupby("task")["data"].first().to_dict()  # made on all cores or on one, they are the same
    results = Results.load(bench.folder / "results" / "s")
    check_pictures(results)
    check_table(classical_report.section(results), rows)
    check_machines_are_apart(results)


def check_table(section, rows):
    """The report's table beside classical solvers has the ratios of the runs, and those of baselines below them."""
    table = [line for line in section.splitlines() if line.startswith("| `")]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table]
    assert [line[1] for line in lines] == ["`fno`", "persistence", "linear regression"] * 4
    ratios = rows[rows["metric"] == "classical_ratio"].set_index("task")["value"]
    assert {line[0].strip("`").split()[0]: line[-1] for line in lines[::3]} == {
        task: f"{ratio:.3g}" for task, ratio in ratios.items()
    }


def check_machines_are_apart(results):
    """Of runs on two machines the report has no mean over both."""
    history = results.history
    elsewhere = history.assign(hardware="elsewhere", run=history["run"] + "0", value=3 * history["value"])
    both = Results(pd.concat([history, elsewhere], ignore_index=True), results._headers)
    here, there = (classical_report.section(found).splitlines() for found in (results, both))
    ratios, both_ratios = ([line.split("|")[-2] for line in lines if line.startswith("| `")] for lines in (here, there))
    assert set(ratios) <= set(both_ratios)
    assert len(both_ratios) == 2 * len(ratios)
    (frames,) = (plot.table for plot in report.plots(both) if plot.name == "pde-rollouts")
    assert len(frames) == 4
    assert (frames["lowest"] == frames["highest"]).all()


def check_pictures(results):
    """The report's section draws what the runs have left, and says where they have left nothing."""
    drawn = {plot.name: plot for plot in report.plots(results)}
    assert set(drawn) == {f"pde-fields-{i}" for i in (1, 2, 3, 4)} | {
        "pde-rollouts",
        "pde-spectra",
        "pde-error-spectra",
    }
    for plot in drawn.values():
        assert plot.draw(plot.table).axes, plot.name
    frames = drawn["pde-rollouts"].table
    assert set(frames["task"].str.split().str[0]) == {"compressible-flow"}
    assert frames["frame"].tolist() == [1, 2]
    spectra = drawn["pde-spectra"].table
    assert spectra.groupby("task").size().nunique() == 1  # all on 24 x 24 points
    assert "No run left any" not in report.section(results)
    bare = Results(results.history, results._headers)  # as if what was kept were gone
    assert report.section(bare).count("`") == 8
    assert [plot.absent for plot in report.plots(bare)][1:] == ["no run has what it shows"] * 2


MADE = [value for value in vars(problems).values() if getattr(value, "dataset", "")] + [
    several.Fisher,
    several.DarcyShapes,
]


@pytest.mark.parametrize("task", MADE, ids=lambda task: task.__name__)
def test_all_sizes_of_a_made_data_set_are_parameters_of_its_task(task):
    (target,) = (data.target for data in bench_pde.bench_datasets() if data.name == task.dataset)
    module, _, name = target.partition(":")
    made = {key: p.default for key, p in inspect.signature(getattr(import_module(module), name)).parameters.items()}
    given = task()._data()
    assert {"train", "val", "test"} <= set(given) <= set(made)
    assert {key: given[key] for key in ("val", "test")} == {key: made[key] for key in ("val", "test")}


def test_bad_parameters_are_told_before_any_work(bench, monkeypatch):  # noqa: F811
    """In one line with its place, by `plan` and `run` alike, and nothing is stored."""
    monkeypatch.chdir(bench.folder)
    for name, params, method, message in (
        ("burgers", "viscosity: -1", "fno", "s.yaml:1: task 'burgers': viscosity must be positive, got -1"),
        ("burgers", "points: 100", "fno", "task 'burgers': points must divide solved_on = 512, got 100"),
        ("burgers", "unrolled: 21", "fno", "unrolled must be from 1 to the 20 frames after the given, got 21"),
        ("compressible-flow", "cfl: 0.9", "fno", "cfl = 0.9 makes an unstable time step in two dimensions"),
        ("helmholtz", "frequency: 3000", "fno", "is 4.9 cells long, and ten are the least: raise solved_on"),
        ("darcy-multiscale", "scales: 6", "fno", "127 nodes do not resolve 6 scales: solved_on has to be 768 or more"),
        ("wave", "points: 20", "fno", "s.yaml:2: method 'fno' on task 'wave': a grid of 20 points does not resolve 12"),
        ("wave", "points: 24", "{method: mgno, params: {levels: 7}}", "24 x 24 points is too small for 7 levels"),
        ("fisher", "frames: 16", "fno", "method 'fno' on task 'fisher': a grid of 16 points does not resolve 12 modes"),
        ("fno-darcy", "space: 0", "fno", "space must be positive, got 0"),
        ("wave", "points: 30", "sinenet", "a grid of 30 x 30 points cannot be halved 3 times"),
        ("operator-speed-2d", "points: 20", "fno", "a grid of 20 points does not resolve 12 modes"),
        ("operator-scaling-2d", "sizes: [64, 36, 32]", "sinenet", "36 x 36 points cannot be halved 3 times"),
        ("operator-speed-1d", "channels: 0", "fno", "channels must be positive, got 0"),
    ):
        bench.write("s.yaml", f"tasks: [{{task: {name}, params: {{{params}}}}}]\nmethods: [{method}]\n")
        done = CliRunner().invoke(main, ["run", "s.yaml", "--dry-run"])  # without a process for each
        assert (done.exit_code, message in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert bench("plan", "s.yaml").returncode == 2
    assert not (bench.folder / "results").exists()


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("navier-stokes", {"viscosity": 0.0}, "viscosity must be positive, got 0.0"),
        ("navier-stokes", {"warm_up": -1.0}, "warm_up must not be negative, got -1"),
        ("navier-stokes", {"points": 66}, "points must be even and at most solved_on = 64, got 66"),
        ("kuramoto-sivashinsky", {"length": 0.0}, "length must be positive, got 0"),
        ("kuramoto-sivashinsky", {"warm_up": -1.0}, "warm_up must not be negative, got -1"),
        ("diffusion-reaction", {"warm_up": -1.0}, "warm_up must not be negative, got -1"),
        ("reaction-diffusion", {"growth": -1.0}, "diffusivity and growth must not be negative"),
        ("wave", {"modes": 31}, "32 points do not tell 31 modes apart: 33 are needed, both ends included"),
        ("wave", {"given": 0}, "given must be positive, got 0"),
        ("wave", {"given": 21}, "given must be from 1 to 20"),
        ("fisher", {"diffusivity": -0.1}, "diffusivity must not be negative, got -0.1"),
        ("darcy-shapes", {"points": 7}, "points must be 8 or more, got 7"),
    ],
)
def test_what_a_problem_cannot_be_asked_for(name, params, message):
    (task,) = (made for made in MADE if made.dataset == name)
    given = {field.name: getattr(task(), field.name) for field in dataclasses.fields(task)}
    limits.task(name, given)
    with pytest.raises(ValueError, match=message):
        limits.task(name, {**given, **params})


def test_checks_before_any_work_load_no_array_library():
    code = "import sys, bench_pde.limits; sys.exit(bool({'numpy', 'torch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
