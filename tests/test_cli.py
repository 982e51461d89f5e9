"""The commands that look but do not run."""

import json
import os
import subprocess
import sys

import pytest

from harness.testing import Bench

HEAVY = {"torch", "pandas", "matplotlib", "numpy", "scipy", "pyarrow", "sklearn"}


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list", "methods"], ["list", "plugins"], ["list", "tasks", "--json"], ["show", "s4d"]],
    ids=" ".join,
)
def test_looking_imports_nothing_heavy(arguments):
    program = f"""
import sys
from harness.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
loaded = {HEAVY!r} & set(sys.modules)
allowed = {{"numpy"}} if {arguments!r}[0] == "show" else set()
assert loaded <= allowed, loaded
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_names_every_command(bench: Bench):
    done = bench("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("doctor", "list", "report", "run", "show"))


@pytest.mark.parametrize("kind", ["methods", "tasks", "metrics", "datasets", "suites", "plugins", "families"])
def test_list_json_is_a_list_of_flat_objects(toy: Bench, kind):
    done = toy("list", kind, "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert all(isinstance(value, str) for row in rows for value in row.values())
    assert bool(rows) == (kind != "suites")


def test_list_shows_a_plugin_s_method_with_its_distribution(toy: Bench):
    lines = [line.split() for line in toy("list", "methods").stdout.splitlines()]
    assert ["shift", "toy", "bench-toy", "1.0", "adds"] in lines


def test_show_method(toy: Bench):
    done = toy("show", "shift")
    assert done.stdout == (
        "method shift\n"
        "  family: toy\n"
        "  target: bench_toy:shift\n"
        "  reference: Nobody 2026\n"
        "  traits: exact\n"
        "  summary: adds\n"
        "  plugin: bench-toy 1.0\n"
        "  parameters:\n"
        "    offset: float = 0.0\n"
    )


def test_show_suite_is_its_full_expansion(toy: Bench, suite):
    facts = json.loads(toy("show", suite, "--json").stdout)
    assert facts[0]["runs"] == 9
    assert len({fact["id"] for fact in facts[1:]}) == 9
    assert {"offset": -1.0} in [fact["method_params"] for fact in facts[1:]]
    assert all(fact["task_params"] == {"target": 0.0, "count": 3} for fact in facts[1:])


def test_show_needs_no_gpu_for_a_suite_that_does(toy: Bench):
    toy.write("s.yaml", "hardware: {device: cuda}\ntasks: [guess]\nmethods: [shift]\n")
    done = toy("show", "s.yaml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[1]["device"] == "cuda"


def test_show_suggests_the_nearest_name(toy: Bench):
    done = toy("show", "shfit")
    assert (done.returncode, done.stderr) == (2, "bench: nothing is named 'shfit'; did you mean 'shift'?\n")


def test_doctor(toy: Bench):
    done = toy("doctor")
    assert done.returncode == 0, done.stdout
    assert "bench-toy 1.0: works" in done.stdout
    assert f"  path: {os.environ.get('BENCH_DATA', toy.folder / 'data')}\n" in done.stdout


def test_suites_in_the_folder_are_found_by_name(toy: Bench, suite):
    (toy.folder / "suites").mkdir()
    (toy.folder / suite).rename(toy.folder / "suites" / "mine.yaml")
    assert toy("list", "suites").stdout == "mine  suites/mine.yaml\n"
    assert "9 runs, 9 to run" in toy("run", "mine", "--dry-run").stdout
