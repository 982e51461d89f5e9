"""For the tests of plugins: conformance checks, runs broken off and taken up again, the program as a user starts it.

# conftest.py of a plugin
from harness.testing import bench, faulty  # noqa: F401 - fixtures

# test_conformance.py of a plugin
@pytest.mark.parametrize("case", conformance_cases("sequence-mixer"), ids=str)
def test_conformance(case):
    case.check()

# test_executor.py of a plugin that contributes the executor "mine"
@pytest.mark.parametrize("case", executor_cases(), ids=str)
def test_executor(case, faulty):
    case.check(faulty, "mine")
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness import scoring
from harness.catalog import load_catalog
from harness.errors import BenchError, Stopped
from harness.spec import JSON, Build, Context, Method, Outputs

pytest.register_assert_rewrite("harness.drills")  # before its import, so that what fails says what it has found
from harness.drills import ExecutorCase, executor_cases  # noqa: E402

__all__ = [
    "Bench",
    "ConformanceCase",
    "ExecutorCase",
    "bench",
    "conformance_cases",
    "executor_cases",
    "faulty",
    "install_plugin",
    "interrupted",
]


@dataclass(frozen=True)
class ConformanceCase:
    """One check of a family on one of its methods, built with default parameters."""

    method: Method
    name: str
    function: Callable[[Callable[..., Any]], None]

    def __str__(self) -> str:
        return f"{self.method.name}-{self.name}"

    def check(self) -> None:
        """Raise AssertionError where the method does not do what its family asks or its traits claim."""
        module, _, attribute = self.method.target.partition(":")
        self.function(partial(getattr(importlib.import_module(module), attribute)))


def conformance_cases(family: str, methods: str = "") -> list[ConformanceCase]:
    """Return the checks of a family, each with each installed method that it applies to.

    The family's `checks` module holds functions ``check_<name>(build)``. Where <name> is a trait of the family, the
    check applies to the methods that claim it; otherwise to all. `methods` restricts to those of one distribution.

    Raises BenchError for an unknown family, one without checks, or a method that claims an unknown trait.
    """
    catalog = load_catalog()
    if family not in catalog.families or catalog.families[family].checks is None:
        raise BenchError(f"no family named '{family}' with conformance checks is installed")
    traits = {name.replace("-", "_") for name in catalog.families[family].traits}
    functions = inspect.getmembers(importlib.import_module(str(catalog.families[family].checks)), inspect.isfunction)
    checks = {name.removeprefix("check_"): function for name, function in functions if name.startswith("check_")}
    cases = []
    for method in (method for method in catalog.methods.values() if method.family.name == family):
        if methods and catalog.owners["methods", method.name].distribution != methods:
            continue
        claimed = {trait.replace("-", "_") for trait in method.traits}
        if unknown := claimed - traits:
            raise BenchError(
                f"method '{method.name}' claims the trait '{min(unknown)}', which its family does not know"
            )
        cases += [
            ConformanceCase(method, name, check) for name, check in checks.items() if name not in traits - claimed
        ]
    if not cases:
        raise BenchError(f"no method of the family '{family}' comes from the distribution '{methods}'")
    return cases


def interrupted(run: Callable[[Context], Iterable[Outputs]], *, at: int | None) -> list[Outputs]:
    """Return what `run(context)` yields when it is broken off at its checkpoint number `at` and then taken up again.

    The two attempts share nothing but the checkpoint; with None there is only one. The context is on the CPU and has
    no data sets. Raises AssertionError where the run ends before that checkpoint.
    """
    context, outputs = _Interrupting(at), list[Outputs]()
    with contextlib.suppress(Stopped):
        outputs.extend(run(context))
        assert at is None, f"the run ends before checkpoint {at}"
        return outputs
    outputs.extend(run(context))
    return outputs


class _Interrupting:
    """The context of `interrupted`."""

    device = "cpu"

    def __init__(self, at: int | None) -> None:
        self.seeds = scoring.seeds(0)
        self._left = at
        self._saved: bytes | None = None

    @property
    def reference(self) -> Build:
        raise LookupError("a run in a test has no reference")

    def data(self, name: str, **params: JSON) -> dict[str, Any]:
        raise LookupError(f"a run in a test has no data set, and none named '{name}'")

    def report(self, step: int, steps: int, **latest: float) -> None:
        pass

    def keep(self, name: str, **arrays: Any) -> None:
        pass

    def resume(self) -> Any | None:
        import torch

        if self._saved is None:
            return None
        streams, state = torch.load(io.BytesIO(self._saved), weights_only=True)
        scoring.set_random_streams(streams)
        return state

    def checkpoint(self, state: Callable[[], Any]) -> None:
        import torch

        if self._left is None:
            return
        self._left -= 1
        if self._left == 0:
            file = io.BytesIO()
            torch.save((scoring.random_streams(), state()), file)
            self._saved = file.getvalue()
            raise Stopped


@dataclass
class Bench:
    """The command line in a folder of its own: ``bench("run", "suite.yaml")``.

    `path` is a list of folders in which plugins are found besides the installed ones; see `install_plugin`.
    """

    folder: Path
    path: list[Path]

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """Return the command and the environment that start the program."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, self.path)), "COLUMNS": "200"}
        environment.setdefault("BENCH_DATA", str(self.folder / "data"))
        environment["BENCH_LOCKS"] = str(self.folder / "locks")  # else tests that run side by side wait for each other
        return [sys.executable, "-W", "error", "-m", "harness.cli", *arguments], environment

    def __call__(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        command, environment = self.command(*arguments)
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the program and return at once; its two outputs are pipes."""
        command, environment = self.command(*arguments)
        return subprocess.Popen(
            command, env=environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder and return its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """The command line in an empty folder, with no plugins besides the installed ones."""
    return Bench(tmp_path, [])


@pytest.fixture
def faulty(tmp_path: Path) -> Bench:
    """The command line in an empty folder, with the method `fault` and the task `fault-drill` of `harness.faults`."""
    folder = tmp_path / "plugins"
    install_plugin(folder, "bench-faults", "bench_faults", "from harness.faults import *\n")
    return Bench(tmp_path, [folder])


def install_plugin(folder: Path, distribution: str, module: str, source: str, version: str = "1.0") -> None:
    """Make `folder` hold an installed distribution whose entry point "bench" is a module with this source."""
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[bench]\n{module} = {module}\n")
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
