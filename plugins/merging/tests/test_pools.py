"""The other pools: on every seed, each expert knows its task and harms the others', and methods are told apart.

Those of today's sizes are marked slow; the small ones, of the same construction, are for every day.
"""

import functools
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.adapters import Adapted
from bench_merging.corruptions import OF_TEXTS
from bench_merging.methods.average import average
from bench_merging.methods.evo_merging import evo_merging
from bench_merging.methods.iso import iso_c
from bench_merging.methods.regmean import regmean
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.tsv import tsv_m
from bench_merging.pool import read
from bench_merging.pools import real, sequences, sources
from bench_merging.pools.procedural import procedural_pool, trunk_of
from bench_merging.pools.registry import POOLS
from bench_merging.pools.tokens import token_pool, untrained
from harness import BenchError, Dataset, data_upkeep

SEEDS = (0, 1, 2)
SHARED = Path(os.environ.get("BENCH_SHARED_DATA") or Path(__file__).parents[4] / "shared" / "data")


def percent(pool, model):
    return 100 * np.array(evaluation.accuracies(pool, lambda _: model, "test"))


def merged(pool, method, **params):
    torch.manual_seed(0)
    access = Access(pool.network, inputs=[x for x, _ in pool.splits["train"]])
    return percent(pool, method(base=pool.base, experts=pool.experts, access=access, **params)).mean()


def assert_experts_interfere(pool, *, own, others):
    """Each expert gains so many points on its own task, and loses so many on average on the others'."""
    base = percent(pool, pool.base)
    for k, expert in enumerate(pool.experts):
        change = percent(pool, expert) - base
        assert change[k] >= own
        assert np.delete(change, k).mean() <= -others


@functools.cache
def trained(kind, seed):
    """Return a small pool of a kind, trained once."""
    if kind == "tokens":
        return read(token_pool(base_steps=600, steps=200, seed=seed), untrained(128))
    params = {
        "cnn": {"architecture": "cnn", "tasks": 3, "base_classes": 10, "base_steps": 300, "steps": 120},
        "adamw": {"optimiser": "adamw", "tasks": 4, "base_classes": 15, "base_steps": 600, "steps": 200},
        "adapters": {"adapter_rank": 4, "tasks": 4, "base_classes": 15, "base_steps": 600, "steps": 200},
    }[kind]
    trunk = trunk_of(params.get("architecture", "mlp"), 128, 64)
    trunk = Adapted(trunk, 4) if kind == "adapters" else trunk
    return read(procedural_pool(**params, seed=seed), trunk)


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize("kind", ["cnn", "adamw", "adapters", "tokens"])
def test_experts_interfere_and_average_is_better_than_the_base(kind, seed):
    pool = trained(kind, seed)
    assert_experts_interfere(pool, own=3, others=5)
    assert merged(pool, average) >= percent(pool, pool.base).mean() + 2


@pytest.mark.parametrize("seed", SEEDS[:2])
@pytest.mark.parametrize(
    ("kind", "worse", "better", "points"),
    [
        ("cnn", average, regmean, 1),
        ("cnn", average, tsv_m, 2),
        ("adamw", average, regmean, 3),
        ("adamw", average, tsv_m, 1),
        ("adapters", task_arithmetic, average, 3),
        ("tokens", average, regmean, 1),
        ("tokens", task_arithmetic, iso_c, 3),
        ("tokens", task_arithmetic, tsv_m, 2),
    ],
)
def test_methods_are_told_apart(kind, worse, better, points, seed):
    pool = trained(kind, seed)
    assert merged(pool, better) - merged(pool, worse) >= points


FULL = {  # the pools of the suites: points that TSV-M, or RegMean, has over the average
    "procedural-cnn": (tsv_m, 4),
    "procedural-adamw": (regmean, 5),
    "tokens": (tsv_m, 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_pools_of_the_suites_tell_methods_apart(name):
    kind, (better, points) = POOLS[name], FULL[name]
    make = {"procedural-pool": procedural_pool, "token-pool": token_pool}[kind.dataset]
    pool = read(make(**kind.params, seed=3), kind.trunk())
    assert_experts_interfere(pool, own=4, others=8)
    mean = merged(pool, average)
    assert mean >= percent(pool, pool.base).mean() + 4
    assert merged(pool, better) - mean >= points


def test_a_search_finds_the_adapters_that_matter():
    """Two of six adapters have a task; the average is no better than the base, and the search far better."""
    params = {"tasks": 4, "base_classes": 10, "base_steps": 500, "steps": 200}
    pool = read(
        procedural_pool(**params, adapter_rank=4, targets=2, distractors=2), Adapted(trunk_of("mlp", 128, 64), 4)
    )
    assert (len(pool.experts), len(pool.tasks)) == (6, 2)
    access = Access(pool.network, evaluate=lambda m, t: evaluation.accuracy(pool, m, "val", t), budget=400)
    torch.manual_seed(0)
    found = evo_merging(base=pool.base, experts=pool.experts, access=access, sparsity_trials=40, weight_trials=160)
    assert percent(pool, found).mean() >= merged(pool, average) + 5
    own = [percent(pool, pool.experts[k])[k] for k in (0, 1)]
    assert np.mean(own) >= percent(pool, pool.base).mean() + 10
    without = [percent(pool, expert).mean() for expert in pool.experts[2:]]
    assert max(without) <= percent(pool, pool.base).mean() - 10, "those without a task harm the tasks"


@pytest.mark.parametrize("family", sequences.FAMILIES)
def test_sequences_follow_their_seed(family):
    first = sequences.draw(family, 3, 5, seed=7)
    assert first.shape == (5, sequences.LENGTH)
    assert first.dtype == np.int64
    assert first.min() >= 0
    assert first.max() < sequences.VOCABULARY
    assert np.array_equal(first, sequences.draw(family, 3, 5, seed=7))
    assert not np.array_equal(first, sequences.draw(family, 3, 5, seed=8))
    assert not np.array_equal(first, sequences.draw(family, 4, 5, seed=7))


def test_corruptions_of_texts_change_some_tokens_and_repeat_themselves():
    x = torch.randint(32, (50, 24))
    for corrupt in OF_TEXTS:
        changed = (corrupt(x) != x).double().mean()
        assert 0.1 < changed < 0.4
        assert torch.equal(corrupt(x), corrupt(x))
    assert torch.equal(OF_TEXTS[1](x).sort(1).values, x.sort(1).values), "swapping keeps the tokens"


@pytest.fixture(scope="module")
def real_pool(tmp_path_factory):
    """Return a function that makes a pool of real images, or skips the test where there is no copy of its data."""
    folder = tmp_path_factory.mktemp("data")

    def make(name, files, seed):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENCH_DATA", str(folder))
            try:
                data_upkeep.bring(Dataset(name, "m:f", sources=files), SHARED)
            except BenchError as error:
                pytest.skip(f"{error}; BENCH_SHARED_DATA may name the folder of copies")
            return read(getattr(real, name.replace("-", "_"))(seed=seed), POOLS[name.removesuffix("-pool")].trunk())

    return make


def test_handwriting_interferes_and_tells_methods_apart(real_pool):
    pool = real_pool("handwriting-pool", sources.HANDWRITING, 0)
    assert_experts_interfere(pool, own=15, others=10)
    mean = merged(pool, average)
    assert mean >= percent(pool, pool.base).mean() + 7
    assert merged(pool, regmean) - mean >= 4
    assert merged(pool, tsv_m) - mean >= 2


@pytest.mark.slow
def test_images_interfere_and_tell_methods_apart(real_pool):
    pool = real_pool("images-pool", sources.IMAGES, 0)
    assert_experts_interfere(pool, own=8, others=5)
    mean = merged(pool, average)
    assert mean >= percent(pool, pool.base).mean() + 4
    assert merged(pool, regmean) - mean >= 3
    assert merged(pool, tsv_m) - mean >= 1.5
