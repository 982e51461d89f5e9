"""What holds for all tests: pytest runs a process for each core, so that none of them may use more than one.

Tests start the program hundreds of times, so its byte code is made once, even where PYTHONDONTWRITEBYTECODE is set.
"""

import compileall
import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch loads


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # one of the processes of xdist, whose parent has done it
        return
    folder = Path(__file__).parent
    for package in (folder / "harness", *folder.glob("plugins/*/bench_*")):
        compileall.compile_dir(package, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave out of every search for garbage what imports make: it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
