"""The project's own benchmarks for asv: every one has a version, and every installed method can be exercised."""

import json
import subprocess
import sys
from pathlib import Path

import asv
import numpy as np
import pytest

from harness.catalog import load_catalog

ROOT = Path(__file__).parent.parent.parent
MIB = 2**17  # numbers of eight bytes
FAMILIES = sorted(name for name, family in load_catalog().families.items() if family.exercise)


@pytest.fixture(scope="module")
def discovered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("discovered")
    script = Path(asv.__file__).with_name("benchmark.py")
    command = [sys.executable, str(script), "discover", str(ROOT / "asv_benchmarks"), str(folder / "found.json")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads((folder / "found.json").read_text())}


def test_versions_are_explicit(discovered):
    assert discovered
    assert [name for name, one in discovered.items() if not one["version"].isdecimal()] == []


def test_methods_are_those_of_the_catalog(discovered):
    methods = {name for name, method in load_catalog().methods.items() if method.family.exercise}
    for name in ("Speed.time_training_step", "Speed.time_inference", "Memory.track_peak_memory"):
        assert {param[1:-1] for param in discovered[f"methods.{name}"]["params"][0]} == methods


def test_every_family_says_how_it_is_exercised():
    assert sorted(load_catalog().families) == FAMILIES


def test_peak_memory_has_the_model_and_what_its_training_takes(monkeypatch):
    """What the first of two passes has built is not among what the second one finds there."""
    monkeypatch.syspath_prepend(ROOT)
    from asv_benchmarks import methods

    def exercised(name):
        model = np.ones(50 * MIB)  # of over 32 MiB, for which malloc takes no memory that earlier tests have left

        def training():
            assert len(model) < len(np.ones(100 * MIB))

        return {"training": training, "inference": lambda: model.sum()}

    monkeypatch.setattr(methods, "exercised", exercised)
    assert methods.Memory().track_peak_memory("m") == pytest.approx(150, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_method_is_exercised(family, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from asv_benchmarks.methods import METHODS, exercised

    members = [name for name, method in METHODS.items() if method.family.name == family]
    assert members
    for name in members:
        calls = exercised(name)
        assert set(calls) == {"training", "inference"}, name
        for call in calls.values():
            call()
