"""What plugin authors test with: the conformance cases of installed methods, and runs that are broken off."""

import sys

import pytest
import torch

from harness import Outputs
from harness.errors import BenchError
from harness.testing import conformance_cases, install_plugin, interrupted

PLUGIN = """
from harness import Family, Method, hookimpl

KIND = Family("tt-kind", "", given=frozenset({{"x"}}), traits={{"any-size": "", "linear": ""}}, checks="tt_checks")
BARE = Family("tt-bare", "")

def build(*, x=1, n: int = 3): return n

@hookimpl
def bench_methods():
    for name, traits in {methods}.items():
        yield Method(name, KIND, "{module}:build", "", traits=frozenset(traits))
    yield Method("{module}-bare", BARE, "{module}:build", "")
"""
CHECKS = """
import os.path

def check_shape(build): assert build(x=2) == 3
def check_any_size(build): assert build(n=5) == 5
def check_linear(build): assert build() == 4, "not linear"
def helper(build): raise RuntimeError("no check")
check_number = 3
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "tt_checks.py").write_text(CHECKS)
    monkeypatch.syspath_prepend(folder)

    def one(distribution, module, methods):
        install_plugin(folder, distribution, module, PLUGIN.format(methods=methods, module=module))
        monkeypatch.syspath_prepend(folder)  # what is installed is looked up anew

    yield one
    for name in [name for name in sys.modules if name.startswith("tt_")]:
        del sys.modules[name]


@pytest.fixture
def two(install):
    install("tt-first", "tt_first", {"plain": [], "free": ["any-size"]})
    install("tt-second", "tt_second", {"both": ["any-size", "linear"]})


def names(cases):
    return [str(case) for case in cases]


def test_every_check_meets_every_method_that_it_applies_to(two):
    assert sorted(names(conformance_cases("tt-kind"))) == [
        "both-any_size", "both-linear", "both-shape", "free-any_size", "free-shape", "plain-shape",
    ]  # fmt: skip


def test_restriction_to_a_distribution(two):
    assert sorted(names(conformance_cases("tt-kind", methods="tt-second"))) == [
        "both-any_size", "both-linear", "both-shape",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["tt-third", "bench-harness"])
def test_distribution_without_a_method_of_the_family(two, name):
    """No case would be a test that cannot fail."""
    with pytest.raises(BenchError, match=name):
        conformance_cases("tt-kind", methods=name)


def test_case_builds_the_method_with_what_the_check_gives(two):
    cases = {str(case): case for case in conformance_cases("tt-kind")}
    cases["both-shape"].check()
    cases["free-any_size"].check()
    with pytest.raises(AssertionError, match="not linear"):
        cases["both-linear"].check()


def test_unknown_family(two):
    with pytest.raises(BenchError, match=r"no family named 'tt-knd' with conformance checks is installed"):
        conformance_cases("tt-knd")


def test_family_without_checks(two):
    with pytest.raises(BenchError, match=r"no family named 'tt-bare' with conformance checks is installed"):
        conformance_cases("tt-bare")


def test_unknown_trait(install):
    install("tt-first", "tt_first", {"plain": ["liner"]})
    with pytest.raises(BenchError, match=r"method 'plain' claims the trait 'liner', which its family does not know"):
        conformance_cases("tt-kind")


def test_unknown_trait_of_another_distribution_is_not_ours_to_judge(install):
    install("tt-first", "tt_first", {"plain": ["liner"]})
    install("tt-second", "tt_second", {"both": ["linear"]})
    assert sorted(names(conformance_cases("tt-kind", methods="tt-second"))) == ["both-linear", "both-shape"]


def walk(context):
    state = context.resume() or {"done": 0, "total": torch.zeros(())}
    for step in range(state["done"] + 1, 5):
        state = {"done": step, "total": state["total"] + torch.rand(())}
        yield Outputs(split="val", step=step, total=float(state["total"]))
        context.checkpoint(lambda: state)  # noqa: B023 - called before the loop goes on


def totals(at):
    torch.manual_seed(0)
    return [(one.step, one.values["total"]) for one in interrupted(walk, at=at)]


@pytest.mark.parametrize("at", [1, 3, 4])
def test_interrupted_run_yields_what_both_attempts_do(at):
    assert totals(at) == totals(None)


def test_interrupted_run_that_forgets_something_differs():
    def forgets(context):
        draws = torch.Generator().manual_seed(0)
        for one in walk(context):
            yield Outputs(split="val", step=one.step, total=float(torch.rand((), generator=draws)))

    first, second = ([one.values["total"] for one in interrupted(forgets, at=at)] for at in (None, 2))
    assert first != second


def test_interrupted_run_has_to_come_to_its_checkpoint():
    with pytest.raises(AssertionError, match="the run ends before checkpoint 5"):
        totals(5)


def test_interrupted_run_has_no_data():
    with pytest.raises(LookupError, match="none named 'digits'"):
        interrupted(lambda context: context.data("digits"), at=None)
