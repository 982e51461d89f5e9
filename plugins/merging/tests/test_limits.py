"""What mergers and their tasks refuse when a suite is planned, and that the methods themselves refuse the same."""

import inspect
import math
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import torch

import bench_merging
from bench_merging import limits
from bench_merging.access import Access
from bench_merging.network import MLP, Network
from harness import source
from harness.catalog import load_catalog
from harness.errors import SuiteError
from harness.plan import plan
from harness.suite import read_suite
from harness.testing import bench  # noqa: F401 - a fixture

TASKS = {task.name: task for task in bench_merging.bench_tasks()}
METHODS = {method.name: method for method in bench_merging.bench_methods()}
TRUNK = MLP(4, [3], 4)
INPUTS = {
    "base": TRUNK.state_dict(),
    "experts": [MLP(4, [3], 4).state_dict() for _ in range(2)],
    "model": TRUNK.state_dict(),
    "network": Network(TRUNK, [torch.eye(4)] * 2),
    "access": Access(Network(TRUNK, [torch.eye(4)] * 2), evaluate=lambda model, task: 0.5, budget=10),
    "width": 4,
    "hidden": 8,
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
    ("name", "params"),
    [
        ("task-arithmetic", {"scale": math.nan}),
        ("tsv-m", {"scale": math.inf}),
        ("iso-c", {"scale": -math.inf}),
        ("ties", {"keep": 1.5}),
        ("ties", {"keep": 0.0}),
        ("ties", {"scale": math.nan}),
        ("dare", {"drop": -0.1}),
        ("dare", {"scale": math.inf}),
        ("slerp", {"t": 2.0}),
        ("opcm", {"alpha": math.nan}),
        ("rws", {"keep": -1}),
        ("rws", {"strength": math.nan}),
        ("pcb", {"mask": 0.0}),
        ("pcb", {"clip": 0.5}),
        ("pcb", {"scale": math.inf}),
        ("pcb-es", {"keep": 2.0}),
        ("pcb-es", {"low": 1.5}),
        ("pcb-es", {"trials": 0}),
        ("weight-matching", {"sweeps": 0}),
        ("activation-matching", {"examples": 0}),
        ("fisher", {"examples": 0}),
        ("fisher", {"floor": 0.0}),
        ("regmean", {"alpha": 1.1}),
        ("regmean", {"examples": -1}),
        ("zipit", {"alpha": 2.0}),
        ("zipit", {"beta": -0.1}),
        ("zipit", {"examples": 0}),
        ("pleas", {"budget": 2.5}),
        ("pleas", {"examples": 0}),
        ("adamerging", {"steps": -1}),
        ("adamerging", {"lr": 0.0}),
        ("adamerging", {"start": math.nan}),
        ("concrete", {"batch_size": 0}),
        ("concrete", {"scale": math.nan}),
        ("atlas", {"weight_decay": -1.0}),
        ("straight-through", {"steps": 0}),
        ("multitask", {"lr": -0.1}),
        ("tall-masks", {"thresholds": []}),
        ("tall-masks", {"thresholds": [0.2, -0.1]}),
        ("consensus", {"agreement": -1}),
        ("evolutionary", {"trials": 0}),
        ("data-flow", {"repeats": 0}),
        ("evo-merging", {"weight_trials": 0}),
        ("ifm", {"ratio": 1.1}),
        ("ifm", {"most": -1.0}),
        ("random-merging", {"ratio": -0.1}),
        ("unit-pruning", {"ratio": math.nan}),
        ("ewa", {"experts": 1}),
        ("ewa", {"share": 0.9}),
    ],
    ids=str,
)
def test_a_plan_refuses_what_the_method_itself_does(name, params):
    method = METHODS[name]
    given = {key: INPUTS[key] for key in method.family.given}
    if name == "slerp":
        given["experts"] = INPUTS["experts"][:2]
    planned = told(lambda: limits.method(name, {}, {**defaults(method), **params}))
    assert planned == told(lambda: target(method)(**given, **params))
    assert next(iter(params)) in planned or name == "ewa"


def test_a_share_of_everything_dropped_is_the_base():
    """The bounds themselves are allowed: where DARE drops all entries, where TIES keeps them."""
    merged = target(METHODS["dare"])(base=INPUTS["base"], experts=INPUTS["experts"], access=INPUTS["access"], drop=1.0)
    assert all(torch.equal(merged[name], INPUTS["base"][name]) for name in merged)
    limits.method("ties", {}, {**defaults(METHODS["ties"]), "keep": 1.0})


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("merge-evaluations", {"budget": 0}, "budget must be positive, got 0"),
        ("merge-evaluations-resized", {"budget": -5}, "budget must be positive, got -5"),
        ("merge-evaluations-folder", {"budget": 0, "path": "", "sha256": ""}, "budget must be positive, got 0"),
        ("merge-speed", {"width": 0}, "width must be positive, got 0"),
        ("merge-speed", {"rounds": 5}, "at least 6 rounds, and there are 5"),
        ("merge-speed", {"experts": 1}, "merging needs two experts or more, got 1"),
        ("merge-scaling", {"experts": [1, 2, 4]}, "merging needs two experts or more, got 1, 2, 4"),
        ("merge-scaling", {"experts": [2, 4]}, "at least three sizes, and these are [2, 4]"),
        ("vision-transformer-training", {"lr": 0.0}, "lr must be positive, got 0"),
        ("vision-transformer-training", {"heads": 5}, "width must be a multiple of heads, got 48 and 5"),
    ],
)
def test_a_task_refuses_numbers_that_pose_nothing(name, params, message):
    assert message in told(lambda: limits.task(name, {**defaults(TASKS[name]), **params}))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("evolutionary", {"trials": 11}),
        ("pcb-es", {"trials": 11}),
        ("data-flow", {"trials": 11}),
        ("tuned", {}),
        ("tall-masks", {}),
        ("consensus", {}),
    ],
    ids=str,
)
def test_a_search_that_its_budget_does_not_cover_never_starts(name, params):
    """Ten evaluations are granted; the plan knows of trials only, not how many tasks there are."""
    residual = import_module("bench_merging.residual").Residual(4, 4, 2, 4)
    seen = []
    access = Access(
        Network(residual, [torch.eye(4)] * 2), evaluate=lambda model, task: seen.append(task) or 0.5, budget=9
    )
    experts = [{n: t + 0.1 for n, t in residual.state_dict().items()} for _ in range(2)]
    message = told(lambda: target(METHODS[name])(base=residual.state_dict(), experts=experts, access=access, **params))
    assert "evaluations or more are needed, and the budget is 9" in message
    assert not seen
    if params:
        planned = told(lambda: limits.method(name, {"budget": 9}, {**defaults(METHODS[name]), **params}))
        assert "11 evaluations or more are needed, and the budget is 9" in planned


def test_every_method_and_task_is_checked_and_accepts_its_defaults():
    for task in TASKS.values():
        given = limits.task(task.name, defaults(task))
        assert task.check == "bench_merging.limits:task"
        for method in METHODS.values():
            assert method.check == "bench_merging.limits:method" or method.name == "feed-forward"
            if method.family == task.family:
                limits.method(method.name, given, defaults(method))
                for preset in method.presets:
                    limits.method(method.name, given, {**defaults(method), **preset.params})
    judged = {name for name, method in METHODS.items() if any(isinstance(v, int | float | list) and v is not True
              and v is not False for v in defaults(method).values())}  # fmt: skip
    assert judged == set(limits._RULES)


def test_the_type_of_every_parameter_is_checked():
    """An annotation that is a name for another one would let through anything."""
    for one in (*METHODS.values(), *TASKS.values()):
        own = {p.name: p.type for p in source.parameters(one.target).values()}
        given = METHODS[one.name].family.given if one.name in METHODS else frozenset()
        assert not [name for name, kind in own.items() if kind is Any and name not in given], one.name


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


@pytest.mark.parametrize(
    ("task", "method", "message"),
    [
        ("merge-data-free", "{method: ties, params: {keep: 1.5}}", "keep must be in (0, 1], got 1.5"),
        ("merge-data-free", "{method: dare, params: {drop: 1.01}}", "drop must be in [0, 1], got 1.01"),
        ("merge-data-free", "{method: slerp, grid: {t: [0.5, 2]}}", "t must be in [0, 1], got 2"),
        ("merge-data-free", "{method: task-arithmetic, params: {scale: .nan}}", "has to be float, not"),
        ("merge-data-free", "{method: ties, params: {rule: median}}", "has to be"),
        ("merge-data-free", "{method: ties, params: {density: 0.2}}", "has no parameter 'density'"),
        ("{task: merge-evaluations, params: {budget: 0}}", "evolutionary", "budget must be positive, got 0"),
        ("{task: merge-evaluations, params: {budget: 99}}", "evolutionary", "600 evaluations or more are needed"),
        ("compress", "{method: ifm, params: {ratio: 2}}", "ratio must be in [0, 1], got 2"),
        ("vision-transformer-training", "{method: ewa, params: {share: 1}}", "share must be in [0, 0.75], got 1"),
    ],
    ids=str,
)
def test_a_plan_names_what_is_wrong(catalog, tmp_path, task, method, message):
    suite = tmp_path / "s.yaml"
    suite.write_text(f"tasks: [{task}]\nmethods: [{method}]\n")
    with pytest.raises(SuiteError, match=re.escape(message)) as caught:
        plan(read_suite(suite), catalog, hardware="any")
    assert "\n" not in str(caught.value)


def test_the_program_says_so_in_one_line_before_any_run(bench):  # noqa: F811
    bench.write("s.yaml", "tasks: [merge-data-free]\nmethods: [average, {method: ties, params: {keep: 1.5}}]\n")
    done = bench("run", "s.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "s.yaml:2: method 'ties' on task 'merge-data-free': keep must be in (0, 1], got 1.5" in done.stderr


def test_the_rules_load_no_array_library():
    code = "import sys, bench_merging.limits; sys.exit(bool({'numpy', 'torch', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
