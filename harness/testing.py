"""For the tests of plugins: the conformance checks of every installed method, and the program as a user starts it.

# conftest.py of a plugin
from harness.testing import bench  # noqa: F401 - a fixture

# test_conformance.py of a plugin
@pytest.mark.parametrize("case", conformance_cases("sequence-mixer"), ids=str)
def test_conformance(case):
    case.check()
"""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.catalog import load_catalog
from harness.errors import BenchError
from harness.spec import Method


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
        return [sys.executable, "-W", "error", "-m", "harness.cli", *arguments], environment

    def __call__(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
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


def install_plugin(folder: Path, distribution: str, module: str, source: str, version: str = "1.0") -> None:
    """Make `folder` hold an installed distribution whose entry point "bench" is a module with this source."""
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[bench]\n{module} = {module}\n")
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
