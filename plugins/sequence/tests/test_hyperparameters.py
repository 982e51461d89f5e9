"""Presets and spaces name parameters that there are, with values that these take."""

import importlib

import msgspec
import pytest

from bench_sequence.tasks.trained import Trained
from harness.binding import recipe_of
from harness.catalog import load_catalog
from harness.source import parameters

CATALOG = load_catalog()
METHODS = [m for m in CATALOG.methods.values() if CATALOG.owners["methods", m.name].distribution == "bench-sequence"]
METHODS = [method for method in METHODS if method.family.name == "sequence-mixer"]
PRESETS = [(method, preset) for method in METHODS for preset in method.presets]


@pytest.mark.parametrize(("method", "preset"), PRESETS, ids=[f"{m.name}-{p.name}" for m, p in PRESETS])
def test_preset_builds_its_method_and_fits_a_task(method, preset):
    known, task = parameters(method.target), CATALOG.tasks["copying"]
    for name, value in preset.params.items():
        assert msgspec.convert(value, type=known[name].type) == value
    for name, value in preset.recipe.items():
        assert msgspec.convert(value, type=recipe_of(task)[name].type) == value
    assert preset.source
    module, _, attribute = method.target.partition(":")
    width = preset.recipe.get("d_model", 32)
    causal = "bidirectional" not in method.traits
    layer = getattr(importlib.import_module(module), attribute)(d_model=width, l_max=64, causal=causal, **preset.params)
    assert sum(parameter.numel() for parameter in layer.parameters())


def test_presets_from_the_code_of_s4_hold_what_its_configurations_inherit():
    """B is clipped at 2, and where a configuration names none there is one system for all channels, no weight decay."""
    ours = {(m.name, p.name): p for m, p in PRESETS if "state-spaces/s4" in p.source and m.name in ("s4", "s4d")}
    assert len(ours) == 13
    assert {preset.params["b_clip"] for preset in ours.values()} == {2.0}
    assert all("n_ssm" in preset.params and "weight_decay" in preset.recipe for preset in ours.values())
    for name in ("ablation-scifar", "ablation-speech-commands"):
        assert ours["s4d", name].params["n_ssm"] == 1
    assert (
        ours["s4", "forecasting"].recipe["weight_decay"]
        == ours["s4d", "ablation-speech-commands"].recipe["weight_decay"]
        == 0
    )


def test_presets_of_a_method_have_different_names():
    names = [(method.name, preset.name) for method, preset in PRESETS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_space_is_of_parameters_that_there_are_around_their_defaults(method):
    known = parameters(method.target)
    assert method.space.source
    for name, one in method.space.params.items():
        assert type(one.at(0.5)) is type(known[name].default)
    for name, one in method.space.recipe.items():
        assert one.at(0.0) <= getattr(Trained, name) <= one.at(0.999999)


def test_tasks_leave_the_recipe_to_their_methods():
    for name in ("digits", "delay", "copying", "adding"):
        assert {"lr", "weight_decay", "warmup", "d_model"} <= recipe_of(CATALOG.tasks[name]).keys()
    assert not CATALOG.tasks["speed"].recipe
