"""What the families beside operators refuse: when a suite is planned, and when a task or method is called directly."""

import inspect
import math
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

import bench_pde
from bench_pde.denoisers.dncnn import DnCNN
from bench_pde.denoisers.lpn import lpn
from bench_pde.fields.dense_grid import DenseGrid
from bench_pde.fields.hash_grid import HashGrid
from bench_pde.fields.images import drawn_image, photographs
from bench_pde.fields.neurbf import NeuRBF
from bench_pde.fields.signal import Signal
from bench_pde.linear.dcdm import DeepConjugateDirections
from bench_pde.linear.mgpcg import MultigridCG
from bench_pde.linear.poisson_systems import poisson_systems
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

MODULES = ("solver_limits", "linear_limits", "field_limits", "denoiser_limits")
TASKS = {task.name: task for task in bench_pde.bench_tasks() if task.check.split(":")[0][10:] in MODULES}
METHODS = {method.name: method for method in bench_pde.bench_methods()}
BUMP, FLOW, EMPTY = moving_bump(duration=1.0), taylor_green(times=4), poisson(np.ones((8, 8), bool))
IMAGE = Signal(torch.rand(100, 2), torch.rand(100, 3), "image", (10, 10))


def named(target):
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def defaults(target):
    """Return the parameters of a target with the values that they have by default."""
    known = inspect.signature(named(target)).parameters
    return {key: p.default for key, p in known.items() if p.default is not inspect.Parameter.empty}


def given(name, **params):
    """Return what the plan says that a task gives to methods."""
    task = TASKS[name]
    return named(task.check)(name, {**defaults(task.target), **params})


def learning(method):
    """Return how a linear solver is made."""
    return lambda **p: method(**{"example": EMPTY, "training": Training(0, 1, torch.Generator()), **p})


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("solve-poisson", {"dimensions": 3}, "dimensions must be 1 or 2, got 3"),
        ("solve-poisson", {"wave_number": -1.0}, "wave_number must be positive, or 0 for that of the paper, got -1"),
        ("solve-steady-allen-cahn", {"steps": 0}, "steps must be positive, got 0"),
        ("solve-steady-allen-cahn", {"dimensions": 0}, "dimensions must be 1 or 2, got 0"),
        ("solve-advection", {"speed": -1.0}, "speed must be positive, got -1"),
        ("solve-advection", {"face_points": 0}, "face_points must be positive, got 0"),
        ("solve-moving-bump", {"width": 0.2}, "a bump of width 0.2 at speed 0.25 reaches an end by time 3"),
        ("solve-moving-bump", {"duration": 13.0}, "reaches an end by time 13"),
        ("solve-flow-mixing", {"duration": 0.0}, "duration must be positive, got 0"),
        ("solve-helmholtz", {"a1": 0}, "a1 must be positive, got 0"),
        ("solve-helmholtz", {"coefficient": 5 * np.pi**2 / 4}, "is an eigenvalue"),
        ("solve-klein-gordon", {"duration": -1.0}, "duration must be positive, got -1"),
        ("solve-allen-cahn", {"points": 0}, "points must be positive, got 0"),
        ("solve-nonlinear-diffusion", {"steps": -2}, "steps must be positive, got -2"),
        ("solve-taylor-green", {"dt": -0.1}, "dt must be positive, got -0.1"),
        ("poisson-systems", {"dimensions": 1}, "dimensions must be 2 or 3, got 1"),
        ("poisson-systems", {"points": 4}, "points must be 8 or more, got 4"),
        ("poisson-systems", {"tolerance": 2.0}, "tolerance must be between 0 and 1, got 2"),
        ("poisson-systems-speed", {"systems": 0}, "systems positive, got 3 and 0"),
        ("poisson-systems-speed", {"rounds": 0}, "an interval needs at least 6 rounds, and there are 0"),
        ("fit-drawing", {"numbers": 0}, "numbers must be positive, got 0"),
        ("fit-drawing", {"size": 2}, "size must be at least 8, got 2"),
        ("fit-photographs", {"first": 999}, "images 999 to 1007 are not all among the 1000"),
        ("fit-shape", {"samples": 5}, "samples must be at least 10, got 5"),
        ("denoise-laplace", {"scale": 0.0}, "scale must be positive, got 0"),
        ("denoise-gaussian", {"size": 0}, "size must be positive, got 0"),
        ("deblur", {"blur": -1.0}, "blur must be positive, got -1"),
        ("deblur", {"iterations": 0}, "iterations must be positive, got 0"),
        ("deblur", {"size": 6}, "size a multiple of 4, got 2000 and 6"),
    ],
)
def test_a_task_is_refused_when_planned_and_when_made(name, params, message):
    for made in (lambda: given(name, **params), lambda: named(TASKS[name].target)(**params)):
        with pytest.raises(ValueError, match=message):
            made()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: drawn_image(seed=0, size=2), "size must be at least 8, got 2"),
        (lambda: photographs(first=999, side=2), "images 999 to 1002 are not all among the 1000"),
        (lambda: poisson_systems(dimensions=1), "dimensions must be 2 or 3, got 1"),
    ],
)
def test_so_are_data_sets(make, message):
    with pytest.raises(ValueError, match=message):
        make()


BUMPED = given("solve-moving-bump", duration=1.0, steps=10)
FLOWING = given("solve-taylor-green", times=4, steps=3)
DRAWN, SYSTEMS = given("fit-drawing", numbers=3000), given("poisson-systems")


def solving(method, problem=BUMP):
    return lambda **p: method(problem=problem, budget=Budget(10), **p)


def flowing(method):
    return lambda **p: method(flow=FLOW, budget=Budget(3), **p)


def fitting(method):
    return lambda **p: method(signal=IMAGE, numbers=3000, **p)


@pytest.mark.parametrize(
    ("name", "seen", "params", "itself", "message"),
    [
        ("pinn", BUMPED, {"width": 0}, solving(pinn), "width must be positive, got 0"),
        ("pinn", BUMPED, {"polish": 2.0}, solving(pinn), "polish must be between 0 and 1, got 2"),
        ("rff-pinn", BUMPED, {"scale": 0.0}, solving(random_fourier_features), "scale must be positive, got 0"),
        ("pig", BUMPED, {"sigma": -0.1}, solving(pig), "sigma must be positive, got -0.1"),
        (
            "gp-hm",
            given("solve-poisson"),
            {"frequency": 5.0, "nodes": 20},
            solving(gp_hm, poisson_problem()),
            "it needs 64 nodes",
        ),
        ("gp-hm", BUMPED, {"lr": 0.0}, solving(gp_hm), "lr must be positive, got 0"),
        ("insr", BUMPED, {}, solving(insr), "10 steps are too few: the initial fit and each of 20 time steps"),
        ("insr", BUMPED, {"dt": 0.0}, solving(insr), "dt must be positive, got 0"),
        ("semi-lagrangian", BUMPED, {}, solving(semi_lagrangian), "20 steps in time are more than the 10"),
        ("semi-lagrangian", BUMPED, {"nodes": 1}, solving(semi_lagrangian), "nodes must be at least 2, got 1"),
        ("insr-flow", FLOWING, {}, flowing(insr_flow), "each of 12 time steps"),
        ("insr-flow", FLOWING, {"layers": 0}, flowing(insr_flow), "layers must be positive, got 0"),
        ("stable-fluids", FLOWING, {}, flowing(stable_fluids), "4 times are more than the 3 steps of the budget"),
        ("stable-fluids", FLOWING, {"cells": 1}, flowing(stable_fluids), "cells must be at least 2, got 1"),
        (
            "dcdm",
            given("poisson-systems", trained_on=9),
            {},
            lambda: learning(DeepConjugateDirections)(example=poisson(np.ones((9, 9), bool))),
            "even numbers of cells, got 9 x 9",
        ),
        ("dcdm", SYSTEMS, {"convolutions": [4, 5, 4]}, learning(DeepConjugateDirections), "three even numbers from 2"),
        ("mgpcg", SYSTEMS, {"damping": 1.5}, learning(MultigridCG), "damping must be between 0 and 1, got 1.5"),
        ("dense-grid", DRAWN, {}, fitting(DenseGrid), "3000 numbers leave 0 nodes beside a network 64 wide"),
        ("hash-grid", DRAWN, {}, fitting(HashGrid), "3000 numbers leave no table"),
        ("hash-grid", DRAWN, {"finest": 3}, fitting(HashGrid), "coarsest from 1 to finest, got 16, 16 and 3"),
        ("neurbf", DRAWN, {}, fitting(NeuRBF), "3000 numbers leave 0 kernels of 37"),
        (
            "neurbf",
            given("fit-drawing", size=8, numbers=10**5),
            {},
            lambda: NeuRBF(signal=IMAGE, numbers=10**5),
            "kernels are more than the (64|100) samples",
        ),
        ("neurbf", DRAWN, {"lowest": 0.0}, fitting(NeuRBF), "lowest must be positive, got 0"),
        ("lpn", given("deblur"), {"beta": 0.0}, lambda **p: lpn(shape=[1], **p), "beta must be positive, got 0"),
        ("dncnn", given("deblur"), {"depth": 1}, lambda **p: DnCNN(shape=[1, 8, 8], **p), "depth must be at least 2"),
        ("dncnn", given("denoise-laplace"), {}, lambda **p: DnCNN(shape=[1], **p), r"on images .*, got \[1\]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_method_is_refused_when_planned_and_when_called(name, seen, params, itself, message):
    method = METHODS[name]
    for made in (
        lambda: named(method.check)(name, seen, {**defaults(method.target), **params}),
        lambda: itself(**params),
    ):
        with pytest.raises(ValueError, match=message):
            made()


def test_all_that_a_suite_may_say_by_default_is_accepted():
    assert len(TASKS) == 18
    for name, task in TASKS.items():
        seen = given(name)
        for method in METHODS.values():
            if method.family == task.family and task.requires <= method.traits:
                named(method.check)(method.name, seen, defaults(method.target))


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.family.name == "pde-solver"])
def test_the_plan_knows_the_box_of_a_problem(name):
    problem, seen = named(TASKS[name].target)().problem(), given(name)
    assert seen["extents"] == [high - low for low, high in problem.box]
    stepped = "t" in problem.axes and not any("t" in wanted and wanted != "t" for wanted in problem.wanted)
    assert seen.get("duration") == (problem.box[-1][1] - problem.box[-1][0] if stepped else None)
    assert seen.get("transports", False) == (stepped and set(problem.wanted) <= set(problem.axes))
    assert given("solve-poisson", case="three-scales", dimensions=2)["extents"] == [1.0, 1.0]
    assert given("solve-poisson", case="growing")["extents"] == [2 * math.pi]


def test_they_are_told_in_one_line_before_any_run(bench):  # noqa: F811
    for task, method, message in (
        ("solve-poisson", "{method: gp-hm, params: {frequency: 9}}", "method 'gp-hm' on task 'solve-poisson'"),
        ("{task: poisson-systems, params: {points: 31}}", "dcdm", "even numbers of cells, got 31 x 31"),
    ):
        bench.write("s.yaml", f"tasks: [{task}]\nmethods: [{method}]\n")
        done = bench("run", "s.yaml", "--dry-run")
        assert (done.returncode, message in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr


@pytest.mark.parametrize("module", ["limits", "operator_limits", *MODULES])
def test_the_rules_load_no_array_library(module):
    code = f"import sys, bench_pde.{module}; sys.exit(bool({{'numpy', 'torch', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
