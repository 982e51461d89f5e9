"""What mixers, forecasters and their tasks refuse when a suite is planned; and the code itself refuses the same."""

import inspect
import math
import re
import subprocess
import sys
from importlib import import_module

import pytest

import bench_sequence
from bench_sequence import dataset_limits, limits
from bench_sequence.datasets.pathfinder import GEOMETRIES
from harness import source
from harness.catalog import load_catalog
from harness.errors import SuiteError
from harness.plan import plan
from harness.suite import read_suite
from harness.testing import bench  # noqa: F401 - a fixture

TASKS = {task.name: task for task in bench_sequence.bench_tasks()}
METHODS = {method.name: method for method in bench_sequence.bench_methods()}
GIVEN = {  # by family
    bench_sequence.SEQUENCE_MIXER.name: {"d_model": 8, "l_max": 32, "causal": True},
    bench_sequence.FORECASTER.name: {"lookback": 96, "horizon": 8, "series": 2, "calendar": 0},
}


def target(of):
    module, _, name = of.target.partition(":")
    return getattr(import_module(module), name)


def defaults(of):
    """Return the parameters of a target with the values that they have by default."""
    known = inspect.signature(target(of)).parameters
    return {key: p.default for key, p in known.items() if p.default is not inspect.Parameter.empty}


def told(check):
    with pytest.raises(ValueError, match=r".") as caught:
        check()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "params", "given"),
    [
        ("s4", {"d_state": 3}, {}),
        ("s4", {"n_ssm": 3}, {}),
        ("s4", {"dt_min": 0.2}, {}),
        ("s4", {"dt_max": math.nan}, {}),
        ("s4", {"b_clip": -1.0}, {}),
        ("s4d", {"d_state": 0}, {}),
        ("s4d", {"n_ssm": 0}, {}),
        ("s4d", {"dt_min": 0.0}, {}),
        ("s4d", {"real_state": True}, {}),
        ("s4d", {"path": "scan", "discretization": "dss"}, {}),
        ("s4-ptd", {"alpha": 0.001}, {}),
        ("s4-ptd", {"n_ssm": 5}, {}),
        ("s5", {"d_state": 10, "blocks": 4}, {}),
        ("s5", {"dt_min": 0.2}, {}),
        ("s5-ptd", {"alpha": 2.0}, {}),
        ("lssl", {"d_state": 0}, {}),
        ("lssl", {"channels": 0}, {}),
        ("lru", {"d_state": 0}, {}),
        ("lru", {"r_min": 1.0}, {}),
        ("lru", {"max_phase": 0.0}, {}),
        ("s6", {"dt_rank": 0}, {}),
        ("s6", {"dt_min": 0.2}, {}),
        ("mamba", {"d_conv": 0}, {}),
        ("mamba", {"expand": 0}, {}),
        ("mamba", {"d_state": 0}, {}),
        ("spacetime", {"kernel_dim": 0}, {}),
        ("spacetime", {"heads": 3}, {}),
        ("sgconv", {"kernel_dim": 0}, {}),
        ("sgconv", {"kernel_dim": 64}, {}),
        ("sgconv", {"decay_min": 0.0, "kernel_dim": 8}, {}),
        ("hyena", {"order": 1}, {}),
        ("hyena", {"bands": 0}, {}),
        ("monarch-mixer", {"monarch_order": 1}, {}),
        ("monarch-mixer", {"width": 0}, {}),
        ("tcn", {"kernel_size": 1}, {}),
        ("tcn", {"kernel_size": 4}, {"causal": False}),
        ("tcn", {"blocks": 0}, {}),
        ("tcn", {"dropout": 1.5}, {}),
        ("transformer", {"heads": 3}, {}),
        ("linear-attention", {"heads": 0}, {}),
        ("tensor-attention", {"heads": 16}, {}),
        ("polynomial-tensor-attention", {"degree": 3}, {}),
        ("polynomial-tensor-attention", {"heads": 3}, {}),
        ("lstm", {}, {"d_model": 7, "causal": False}),
        ("gru", {}, {"d_model": 7, "causal": False}),
        ("neural-cde", {"window": 0}, {}),
        ("timesnet", {"top_k": 0}, {"causal": False}),
        ("s4-network", {"layers": 0}, {}),
        ("s4-network", {"d_state": 3}, {}),
        ("spacetime-network", {"kernel_dim": 96}, {}),
        ("spacetime-network", {"heads": 3}, {}),
        ("timesnet-network", {"kernels": 0}, {}),
        ("timesnet-network", {"dropout": -0.1}, {}),
        ("dlinear", {"width": 4}, {}),
    ],
    ids=str,
)
def test_a_plan_refuses_what_the_method_itself_does(name, params, given):
    method = METHODS[name]
    given = {**GIVEN[method.family.name], **given}
    planned = told(lambda: limits.method(name, given, {**defaults(method), **params}))
    assert planned == told(lambda: target(method)(**given, **params))
    assert not params or next(iter(params)) in planned or planned.startswith("the state size must be even")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("digits", {"steps": 0}, "steps must be positive, got 0"),
        ("digits", {"dropout": 1.5}, "dropout must be in [0, 1], got 1.5"),
        ("listops", {"min_length": 64}, "longer than min_length and shorter than max_length, got 64 and 64"),
        ("listops", {"max_args": 1}, "max_depth must be at least 1 and max_args 2, got 6 and 1"),
        ("text", {"train_size": -1}, "train_size must not be negative, got -1"),
        ("speed", {"rounds": 5}, "at least 6 rounds, and there are 5"),
        ("speed", {"length": 0}, "length must be positive, got 0"),
        ("scaling", {"lengths": [64, 128]}, "at least three sizes, and these are [64, 128]"),
        ("scaling", {"lengths": [0, 64, 128]}, "sizes must be positive, and these are [0, 64, 128]"),
        ("forecasting", {"lookback": 0}, "lookback must be positive, got 0"),
        ("process-forecasting", {"radius": 1.1}, "must be in (0, 1], got 1.1"),
        ("speech-commands", {"thin": 0}, "thin must be positive, got 0"),
    ],
    ids=str,
)
def test_a_task_refuses_numbers_that_pose_nothing(name, params, message):
    assert message in told(lambda: limits.task(name, {**defaults(TASKS[name]), **params}))


@pytest.mark.parametrize(
    ("name", "module", "params"),
    [
        ("adding", "adding", {"length": 1}),
        ("autoregressive", "autoregressive", {"radius": 0.0}),
        ("delay", "delay", {"lag": 256}),
        ("delay", "delay", {"f_max": 0.001}),
        ("listops", "listops", {"max_depth": 0}),
        ("sequential-mnist", "mnist", {"shrink": 3}),
        ("pathfinder", "pathfinder", {"size": 48}),
        ("pathfinder", "pathfinder", {"contour": 2}),
        ("copying", "recall", {"vocabulary": 3}),
        ("selective-copying", "recall", {"tokens": 0}),
        ("induction-heads", "recall", {"test_length": 3}),
        ("associative-recall", "recall", {"pairs": 17}),
        ("associative-recall", "recall", {"vocabulary": 8}),
        ("spoken-digits", "spoken_digits", {"thin": 3}),
    ],
    ids=str,
)
def test_a_plan_refuses_what_the_data_set_itself_does(name, module, params):
    task = TASKS[name]
    planned = told(lambda: limits.task(name, {**defaults(task), **params}))
    known = import_module(f"bench_sequence.datasets.{module}")
    prepare = getattr(known, task.datasets[0].replace("-", "_"))
    posed = {key: value for key, value in defaults(task).items() if key in inspect.signature(prepare).parameters}
    assert planned == told(lambda: prepare(**{**posed, **params}))


def test_every_method_and_task_is_checked_and_accepts_its_defaults():
    for task in TASKS.values():
        assert task.check == "bench_sequence.limits:task"
        given = limits.task(task.name, defaults(task))
        for method in METHODS.values():
            assert method.check == "bench_sequence.limits:method"
            if method.family == task.family:
                limits.method(method.name, given, defaults(method))
    numbers = {name for name, method in METHODS.items() if any(
        isinstance(v, int | float) and not isinstance(v, bool) for v in defaults(method).values())}  # fmt: skip
    assert numbers | {"lstm", "gru"} >= set(limits._RULES)
    assert numbers - {"hyperzzw", "polynomial-tensor-attention"} <= set(limits._RULES)  # omega_0 may be any number


def test_pathfinder_has_a_geometry_for_each_of_its_sizes():
    assert tuple(GEOMETRIES) == dataset_limits.PATHFINDER_SIZES


def test_the_type_of_every_parameter_is_checked():
    """An annotation that is a name for another one would let through anything."""
    for one in (*METHODS.values(), *TASKS.values()):
        own = {p.name: p.type for p in source.parameters(one.target).values()}
        given = METHODS[one.name].family.given if one.name in METHODS else frozenset()
        assert not [name for name, kind in own.items() if "Any" in str(kind) and name not in given], one.name


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


@pytest.mark.parametrize(
    ("task", "method", "message"),
    [
        ("digits", "{method: s4, params: {d_state: 3}}", "the state size must be even and at least 2, got 3"),
        ("{task: digits, params: {d_model: 30}}", "transformer", "heads must divide d_model, got 4 and 30"),
        ("{task: delay, params: {length: 32, lag: 8}}", "sgconv", "less than twice the length 32, got 64"),
        ("{task: scaling, params: {lengths: [16, 64, 256]}}", "sgconv", "less than twice the length 16, got 64"),
        ("{task: speed, params: {rounds: 3}}", "s4", "an interval needs at least 6 rounds, and there are 3"),
        ("digits", "{method: s4, recipe: {lr: -0.1}}", "task 'digits': lr must be positive, got -0.1"),
        ("digits", "{method: transformer, recipe: {d_model: 30}}", "heads must divide d_model, got 4 and 30"),
        ("{task: speed, params: {d_model: 30}}", "s4", "method 'transformer' on task 'speed': heads must divide"),
        ("series-forecasting", "{method: dlinear, params: {width: 4}}", "width must be odd"),
    ],
    ids=str,
)
def test_a_plan_names_what_is_wrong(catalog, tmp_path, task, method, message):
    suite = tmp_path / "s.yaml"
    suite.write_text(f"tasks: [{task}]\nmethods: [{method}]\n")
    with pytest.raises(SuiteError, match=re.escape(message)) as caught:
        plan(read_suite(suite), catalog, hardware="any")
    assert "\n" not in str(caught.value)


def test_a_width_that_a_method_brings_along_is_what_it_is_checked_with(catalog, tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text("tasks: [{task: digits, params: {d_model: 30}}]\n"
                     "methods: [{method: transformer, recipe: {d_model: 32}}]\n")  # fmt: skip
    (run,) = plan(read_suite(suite), catalog, hardware="any")
    assert run.method == "transformer"


def test_the_program_says_so_in_one_line_before_any_run(bench):  # noqa: F811
    bench.write("s.yaml", "tasks: [digits]\nmethods: [lstm, {method: s4, params: {d_state: 3}}]\n")
    done = bench("run", "s.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "s.yaml:2: method 's4' on task 'digits': the state size must be even and at least 2, got 3" in done.stderr


def test_the_rules_load_no_array_library():
    code = "import sys, bench_sequence.limits; sys.exit(bool({'numpy', 'torch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
