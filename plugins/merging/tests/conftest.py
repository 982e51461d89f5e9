"""Weights to merge, and small pools that are trained once for all tests."""

import functools
import os

import pytest
import torch

from bench_merging.access import Access
from bench_merging.pool import read
from bench_merging.pools.procedural import trunk_of
from harness.data import load
from harness.testing import bench  # noqa: F401 - a fixture

SMALL = {"tasks": 5, "width": 128, "features": 64, "base_steps": 800, "steps": 300}


@pytest.fixture(autouse=True)
def _seeded():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def draw():
    """Return a function that draws a base and experts with a matrix, a small matrix and a vector."""

    def weights(count=4, size=0.1, m=12, n=9):
        def state(scale):
            shapes = {"a.weight": (m, n), "b.weight": (2, n), "a.bias": (m,)}
            return {name: scale * torch.randn(shape) for name, shape in shapes.items()}

        base = state(1.0)
        return base, [{name: base[name] + tensor for name, tensor in state(size).items()} for _ in range(count)]

    return weights


@pytest.fixture(scope="session")
def small_pool(tmp_path_factory):
    """Return a function from a seed (and other parameters of `procedural_pool`) to a small pool, trained once.

    It is trained once for all processes of a test session, too.
    """
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    @functools.cache
    def pool(seed=0, **params):
        params = SMALL | params
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENCH_DATA", str(shared / "pools"))
            target = "bench_merging.pools.procedural:procedural_pool"
            arrays = load("procedural-pool", target, {**params, "seed": seed}).arrays
        return read(arrays, trunk_of("mlp", params["width"], params["features"]))

    return pool


@pytest.fixture
def nothing():
    """An access for methods that see nothing of it."""
    return Access.__new__(Access)
