"""Before any run: suites that ask for the impossible are refused, and what tasks read can be prepared."""

import pytest

from harness import preparing
from harness.testing import install_plugin

PLUGIN = """
from dataclasses import dataclass
from harness import Dataset, Family, Method, Outputs, Task, hookimpl, preparing
from bench_toy import TOY

def task(name, params):
    if params["size"] < 1:
        raise ValueError(f"size must be positive, got {params['size']}")
    return {"x": float(params["size"])}

def method(name, given, params):
    if given["x"] > params["most"]:
        raise ValueError(f"{given['x']:g} is more than {params['most']:g}")

def bounded(*, x: float, most: float = 5.0):
    raise AssertionError("nothing is built")

def counted(*, size: int = 3):
    import numpy as np
    for done in range(size):
        preparing.tell(done + 1, size)
    return {"numbers": np.arange(size)}

@dataclass(frozen=True)
class Sized:
    size: int = 3
    def run(self, build, context):
        numbers = context.data("counted", size=self.size)["numbers"]
        yield Outputs(split="test", step=1, prediction=build(x=float(len(numbers))), target=0.0)

@hookimpl
def bench_methods():
    yield Method("bounded", TOY, "bench_checked:bounded", reference="", check="bench_checked:method")

@hookimpl
def bench_tasks():
    yield Task("sized", TOY, "bench_checked:Sized", metrics=("distance",), datasets=("counted",),
               check="bench_checked:task")
    yield Task("exactly-sized", TOY, "bench_checked:Sized", metrics=("distance",), datasets=("counted",),
               requires=frozenset({"exact"}), check="bench_checked:task")

@hookimpl
def bench_datasets():
    yield Dataset("counted", "bench_checked:counted")
"""


@pytest.fixture
def checked(toy):
    install_plugin(toy.folder / "plugins", "bench-checked", "bench_checked", PLUGIN)
    toy.path.append(toy.folder / "plugins")
    return toy


@pytest.mark.parametrize(
    ("task", "method", "told"),
    [
        ("{task: sized, params: {size: 0}}", "bounded", "s.yaml:1: task 'sized': size must be positive, got 0"),
        (
            "{task: sized, grid: {size: [3, 9]}}",
            "bounded",
            "s.yaml:2: method 'bounded' on task 'sized': 9 is more than 5",
        ),
    ],
)
def test_the_impossible_is_refused_before_any_work(checked, task, method, told):
    checked.write("s.yaml", f"tasks: [{task}]\nmethods: [{method}]\n")
    for command in (("run", "s.yaml"), ("plan", "s.yaml")):
        done = checked(*command)
        assert (done.returncode, done.stderr) == (2, f"bench: {told}\n")
    assert not (checked.folder / "results").exists()


def test_pairings_that_are_skipped_are_not_checked(checked):
    checked.write("s.yaml", "tasks: [{task: exactly-sized, params: {size: 9}}]\nmethods: [bounded, shift]\n")
    done = checked("run", "s.yaml", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "skip: the task needs exact" in done.stdout


def test_data_are_prepared_without_a_method(checked):
    checked.write("s.yaml", "tasks: [sized]\nmethods: [bounded]\n")
    done = checked("data", "prepare", "s.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sized, seed 0: counted:")
    assert list((checked.folder / "data" / "counted").glob("*/about.json"))


def test_preparation_is_told_to_who_listens():
    heard = []
    preparing.tell(1, 2)
    with preparing.heard_by(lambda done, total: heard.append((done, total))):
        preparing.tell(2, 2)
    preparing.tell(3, 3)
    assert heard == [(2, 2)]
