"""What solvers and their problems refuse when a suite is planned, and that the code itself refuses the same."""

import inspect
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

import bench_pde
from bench_pde import solver_limits
from bench_pde.denoisers.dncnn import DnCNN
from bench_pde.denoisers.lpn import lpn
from bench_pde.fields.images import drawn_image, photographs
from bench_pde.linear.dcdm import DeepConjugateDirections
from bench_pde.linear.mgpcg import MultigridCG
from bench_pde.linear.system import Training, poisson
from bench_pde.problems.flow import taylor_green
from bench_pde.problems.poisson import poisson as poisson_problem
from bench_pde.problems.problem import Budget
from bench_pde.problems.transport import moving_bump
from bench_pde.solvers.gp_hm import gp_hm
from bench_pde.solvers.insr import insr
from bench_pde.solvers.insr_flow import insr_flow
from bench_pde.solvers.pig import pig
from bench_pde.solvers.pinn import pinn
from bench_pde.solvers.random_features import random_fourier_features
from bench_pde.solvers.semi_lagrangian import semi_lagrangian
from bench_pde.solvers.stable_fluids import stable_fluids
from harness.testing import bench  # noqa: F401 - a fixture

TASKS = {task.name: task for task in bench_pde.bench_tasks()}
METHODS = {method.name: method for method in bench_pde.bench_methods()}
BUMP, FLOW, EMPTY = moving_bump(duration=1.0), taylor_green(times=4), poisson(np.ones((8, 8), bool))


def defaults(target):
    """Return the parameters of a target with the values that they have by default."""
    module, _, name = target.partition(":")
    known = inspect.signature(getattr(import_module(module), name)).parameters
    return {key: p.default for key, p in known.items() if p.default is not inspect.Parameter.empty}


def told(check):
    with pytest.raises(ValueError, match=r".") as caught:
        check()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("solve-poisson", {"dimensions": 3}),
        ("solve-poisson", {"wave_number": -1.0}),
        ("solve-steady-allen-cahn", {"steps": 0}),
        ("solve-advection", {"speed": -1.0}),
        ("solve-advection", {"face_points": 0}),
        ("solve-moving-bump", {"width": 0.2}),
        ("solve-moving-bump", {"duration": 13.0}),
        ("solve-flow-mixing", {"duration": 0.0}),
        ("solve-helmholtz", {"a1": 0}),
        ("solve-helmholtz", {"coefficient": 5 * np.pi**2 / 4}),
        ("solve-klein-gordon", {"duration": -1.0}),
        ("solve-taylor-green", {"dt": -0.1}),
        ("poisson-systems", {"dimensions": 1}),
        ("poisson-systems", {"points": 4}),
        ("poisson-systems", {"tolerance": 2.0}),
        ("fit-drawing", {"numbers": 0}),
        ("fit-shape", {"samples": 5}),
        ("denoise-gaussian", {"size": 0}),
        ("deblur", {"blur": -1.0}),
        ("deblur", {"iterations": 0}),
    ],
)
def test_a_plan_refuses_what_the_task_itself_does(name, params):
    module, _, target = TASKS[name].target.partition(":")
    planned = told(lambda: solver_limits.task(name, {**defaults(TASKS[name].target), **params}))
    assert planned == told(lambda: getattr(import_module(module), target)(**params))


def given(name, **params):
    return solver_limits.task(name, {**defaults(TASKS[name].target), **params})


BUMPED = given("solve-moving-bump", duration=1.0, steps=10)
FLOWING = given("solve-taylor-green", times=4, steps=3)


@pytest.mark.parametrize(
    ("name", "seen", "params", "itself"),
    [
        ("pinn", BUMPED, {"width": 0}, lambda **p: pinn(problem=BUMP, budget=Budget(1), **p)),
        ("pinn", BUMPED, {"polish": 2.0}, lambda **p: pinn(problem=BUMP, budget=Budget(1), **p)),
        ("rff-pinn", BUMPED, {"scale": 0.0}, lambda **p: random_fourier_features(problem=BUMP, budget=Budget(1), **p)),
        ("pig", BUMPED, {"sigma": -0.1}, lambda **p: pig(problem=BUMP, budget=Budget(1), **p)),
        (
            "gp-hm",
            given("solve-poisson"),
            {"frequency": 5.0, "nodes": 20},
            lambda **p: gp_hm(problem=poisson_problem(), budget=Budget(1), **p),
        ),
        ("gp-hm", BUMPED, {"lr": 0.0}, lambda **p: gp_hm(problem=BUMP, budget=Budget(1), **p)),
        ("insr", BUMPED, {}, lambda **p: insr(problem=BUMP, budget=Budget(10), **p)),
        ("insr", BUMPED, {"dt": 0.0}, lambda **p: insr(problem=BUMP, budget=Budget(10), **p)),
        ("semi-lagrangian", BUMPED, {}, lambda **p: semi_lagrangian(problem=BUMP, budget=Budget(10), **p)),
        ("semi-lagrangian", BUMPED, {"nodes": 1}, lambda **p: semi_lagrangian(problem=BUMP, budget=Budget(10), **p)),
        ("insr-flow", FLOWING, {}, lambda **p: insr_flow(flow=FLOW, budget=Budget(3), **p)),
        ("stable-fluids", FLOWING, {}, lambda **p: stable_fluids(flow=FLOW, budget=Budget(3), **p)),
        ("stable-fluids", FLOWING, {"cells": 1}, lambda **p: stable_fluids(flow=FLOW, budget=Budget(3), **p)),
        (
            "dcdm",
            given("poisson-systems", trained_on=9),
            {},
            lambda **p: DeepConjugateDirections(
                example=poisson(np.ones((9, 9), bool)), training=Training(0, 1, torch.Generator()), **p
            ),
        ),
        (
            "dcdm",
            given("poisson-systems"),
            {"convolutions": [4, 5, 4]},
            lambda **p: DeepConjugateDirections(example=EMPTY, training=Training(0, 1, torch.Generator()), **p),
        ),
        (
            "mgpcg",
            given("poisson-systems"),
            {"damping": 1.5},
            lambda **p: MultigridCG(example=EMPTY, training=Training(0, 1, torch.Generator()), **p).prepared(EMPTY),
        ),
        ("lpn", given("deblur"), {"beta": 0.0}, lambda **p: lpn(shape=[1], **p)),
        ("dncnn", given("deblur"), {"depth": 1}, lambda **p: DnCNN(shape=[1, 8, 8], **p)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_plan_refuses_what_the_method_itself_does(name, seen, params, itself):
    planned = told(lambda: solver_limits.method(name, seen, {**defaults(METHODS[name].target), **params}))
    assert planned == told(lambda: itself(**params))


@pytest.mark.parametrize("make", [lambda: drawn_image(seed=0, size=2), lambda: photographs(first=999, side=2)])
def test_a_plan_refuses_pictures_that_are_none(make):
    planned = {
        told(lambda: solver_limits.task("fit-drawing", {**defaults(TASKS["fit-drawing"].target), "size": 2})),
        told(lambda: solver_limits.task("fit-photographs", {"steps": 1, "first": 999, "side": 2})),
    }
    assert told(make) in planned


def test_every_task_and_method_of_these_families_has_its_rules():
    """And all that a suite may say by default is accepted."""
    checked = [task for task in TASKS.values() if task.check.startswith("bench_pde.solver_limits")]
    assert {task.name for task in checked} == set(solver_limits._TASKS)
    for task in checked:
        seen = solver_limits.task(task.name, defaults(task.target))
        for method in METHODS.values():
            if method.family == task.family and task.requires <= method.traits:
                solver_limits.method(method.name, seen, defaults(method.target))
    assert set(solver_limits._RULES) <= {name for name, method in METHODS.items() if "solver_limits" in method.check}


def test_they_are_told_in_one_line_before_any_run(bench):  # noqa: F811
    for task, method, message in (
        ("solve-poisson", "{method: gp-hm, params: {frequency: 9}}", "method 'gp-hm' on task 'solve-poisson'"),
        ("{task: poisson-systems, params: {points: 31}}", "dcdm", "even numbers of cells, got 31 x 31"),
    ):
        bench.write("s.yaml", f"tasks: [{task}]\nmethods: [{method}]\n")
        done = bench("run", "s.yaml", "--dry-run")
        assert (done.returncode, message in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr


def test_the_rules_load_no_array_library():
    code = "import sys, bench_pde.solver_limits; sys.exit(bool({'numpy', 'torch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
