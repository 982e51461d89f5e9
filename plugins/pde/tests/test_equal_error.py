"""Methods beside classical solvers: known costs and errors, and settings that get more accurate as they get finer."""

import inspect
import itertools
import math
import time
from importlib import import_module
from pkgutil import resolve_name

import pytest
import torch

import bench_pde
from bench_pde import equal_error
from bench_pde.equal_error import beside_classical
from bench_pde.equations import regridding
from bench_pde.metrics import relative_l2
from bench_pde.tasks import problems


class Clock:
    """Time that passes only where a solver says so."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(time, "process_time", lambda: self.now)

    def solver(self, seconds, error):
        """Return what takes so long for a batch, and is off by so much."""

        def solver(inputs):
            self.now += seconds
            return (1 + error) * inputs

        return solver


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.mark.parametrize(
    ("error", "setting"),
    [(0.3, 2), (0.25, 2), (0.2, 3), (0.01, 4), (2.0, 0)],
    ids=["between", "equal", "finer", "none", "coarsest"],
)
def test_ratio_is_against_the_cheapest_setting_that_is_as_accurate(clock, error, setting):
    """Of an equation whose errors are 1, 1/2, 1/4, … and whose costs are 1, 4, 16, … milliseconds."""
    settings = [clock.solver(0.001 * 4**i, 0.5**i) for i in range(5)]
    inputs = torch.ones(2, 1, 8, 1, dtype=torch.float64)
    learned = {"beside": clock.solver(0.02, error), "fast": clock.solver(0.002, error)}
    found = beside_classical(learned, settings, inputs, inputs, "cpu")
    beside = found["beside"]
    assert equal_error.classical_error(beside) == pytest.approx(0.5**setting)
    assert equal_error.classical_time(beside) == pytest.approx(0.001 * 4**setting / 2)
    assert equal_error.inference_time(beside) == pytest.approx(0.01)
    assert equal_error.classical_ratio(beside) == pytest.approx(20 / 4**setting)
    assert equal_error.linear_classical_ratio(found["fast"]) == pytest.approx(2 / 4**setting)


def test_settings_finer_than_needed_are_not_tried(clock):
    def never(_):
        raise AssertionError

    inputs = torch.ones(2, 1, 8, 1)
    settings = [clock.solver(1.0, 0.5), clock.solver(2.0, 0.1), never]
    found = beside_classical({"beside": clock.solver(1.0, 0.2)}, settings, inputs, inputs, "cpu")
    assert found["beside"].classical_error == pytest.approx(0.1)


def test_a_setting_that_leaves_the_finite_numbers_is_not_as_accurate(clock):
    def unstable(_):
        raise ArithmeticError

    inputs = torch.ones(2, 1, 8, 1)
    settings = [unstable, clock.solver(1.0, math.nan), clock.solver(1.0, math.inf), clock.solver(2.0, 0.1)]
    found = beside_classical({"beside": clock.solver(1.0, 0.2)}, settings, inputs, inputs, "cpu")
    assert found["beside"].classical_seconds == 1.0


def test_waves_that_both_grids_tell_survive_between_them():
    x = torch.arange(24, dtype=torch.float64) / 24
    u = (torch.sin(2 * torch.pi * 3 * x)[:, None] + torch.cos(2 * torch.pi * 2 * x))[None]
    for n in (8, 9, 24, 60):
        y = torch.arange(n, dtype=torch.float64) / n
        expected = torch.sin(2 * torch.pi * 3 * y)[:, None] + torch.cos(2 * torch.pi * 2 * y)
        assert (regridding.periodic(u, n, 2) - expected).abs().max() < 1e-13


def test_cells_keep_their_mean_when_joined_and_nodes_their_place():
    u = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert (regridding.cells(u, 4, 2).mean((-1, -2)) - u.mean((-1, -2))).abs().max() < 1e-14
    assert regridding.cells(u[..., 0], 16, 1).shape == (2, 3, 16)
    fine = regridding.nodes(u, 15)
    assert (fine[..., ::2, ::2] - u).abs().max() < 1e-12
    assert torch.equal(regridding.nearest_nodes(u, 15)[..., ::2, ::2], u)
    assert regridding.sizes(24, 60) == [6, 12, 24, 48, 60]
    assert regridding.sizes(24, 24) == [6, 12, 24]


SMALL = {
    "Burgers": {"viscosity": 0.1, "points": 32, "solved_on": 64},
    "BurgersMap": {"points": 32, "solved_on": 64},
    "KuramotoSivashinsky": {"length": 16.0, "points": 32, "warm_up": 10.0},
    "NavierStokes": {"points": 16, "solved_on": 32, "interval": 0.5},
    "DiffusionSorption": {"points": 32},
    "DiffusionReaction": {"points": 16},
    "DamBreak": {"points": 16, "solved_on": 32, "given": 2, "interval": 0.2},
    "CompressibleFlow": {"points": 16, "solved_on": 16, "interval": 0.02},
    "Darcy": {"points": 16, "solved_on": 46},
    "DarcyRough": {"points": 32, "solved_on": 63},
    "DarcyMultiscale": {"scales": 1, "points": 32, "solved_on": 63},
    "Helmholtz": {"frequency": 150.0, "points": 16, "solved_on": 61},
}
SOLVED = [value for value in vars(problems).values() if getattr(value, "classical", "")]
DATASETS = {dataset.name: dataset.target for dataset in bench_pde.bench_datasets()}


@pytest.mark.parametrize("kind", SOLVED, ids=lambda task: task.__name__)
def test_errors_fall_as_settings_get_finer(kind):
    """Until they are about those of the finest, which are not 0 where the input leaves something out."""
    sizes = {"frames": 4, "train": 1, "val": 1, "test": 2}
    task = kind(**{key: value for key, value in (sizes | SMALL.get(kind.__name__, {})).items() if hasattr(kind, key)})
    data = task._data()
    module, _, function = DATASETS[task.dataset].partition(":")
    made = {key: torch.tensor(array) for key, array in getattr(import_module(module), function)(**data).items()}
    if "frames" in data:
        inputs, target = made["test_fields"].tensor_split([task.given], 1)
        data["frames"] = target.shape[1]
    else:
        inputs, target = made["test_inputs"], made["test_targets"].unsqueeze(1)
    settings = resolve_name(f"bench_pde.equations.{task.classical}")(**data)
    errors = []
    for solver in settings:
        found = solver(inputs)
        assert found.shape == target.shape
        errors.append(relative_l2(found, target))
    assert len(errors) >= 3
    assert all(fine < max(1.1 * coarse, 2 * errors[-1]) for coarse, fine in itertools.pairwise(errors)), errors
    assert errors[-1] < 0.4 * errors[0], errors


def test_every_problem_with_a_solver_has_its_metrics():
    metrics = {"classical_ratio", "classical_time", "persistence_classical_ratio", "linear_classical_ratio"}
    listed = {task.name for task in bench_pde.bench_tasks() if metrics <= set(task.metrics)}
    assert listed == {kind.dataset for kind in SOLVED}
    for kind in SOLVED:  # the code of a solver is in the module of the data set, or in one that this imports
        module = import_module(DATASETS[kind.dataset].partition(":")[0])
        where = f"bench_pde.equations.{kind.classical.partition(':')[0]}"
        assert where in inspect.getsource(module) or where == module.__name__
