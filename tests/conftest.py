"""Fixtures of the core's tests: the command line with the toy plugin installed beside the real ones."""

from pathlib import Path

import pytest

from harness.testing import Bench, bench, install_plugin  # noqa: F401 - `bench` is a fixture

TOY = Path(__file__).parent / "toy" / "bench_toy.py"


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    install_plugin(folder, "bench-toy", "bench_toy", TOY.read_text())
    return folder


@pytest.fixture
def toy(tmp_path: Path, toy_folder: Path) -> Bench:
    """The command line in an empty folder, with the toy plugin."""
    return Bench(tmp_path, [toy_folder])


@pytest.fixture
def suite(toy: Bench) -> str:
    """A suite of nine runs in the folder of `toy`, all of which succeed."""
    text = """\
seeds: [0, 1, 2]
tasks: [guess]
methods:
  - method: shift
    grid: {offset: [0.5, -1.0]}
  - noise
"""
    toy.write("s.yaml", text)
    return "s.yaml"
