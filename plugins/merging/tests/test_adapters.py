"""Adapters and their black-box merge."""

import pytest
import torch

from bench_merging.access import Access
from bench_merging.adapters import Adapted
from bench_merging.methods.evo_merging import evo_merging, mixed, top
from bench_merging.network import MLP, Network
from bench_merging.pool import read
from bench_merging.pools.procedural import procedural_pool
from bench_merging.pools.registry import POOLS
from harness import Skip


@pytest.fixture
def adapters():
    base = Adapted(MLP(5, [6], 4), 2).state_dict()
    return base, [{n: torch.randn_like(t) for n, t in base.items()} for _ in range(3)]


def test_fresh_adapters_change_nothing_and_others_add_their_product():
    trunk = MLP(5, [6], 4)
    adapted, x = Adapted(trunk, 2), torch.randn(7, 5)
    torch.testing.assert_close(adapted(x), trunk(x))
    state = {n: torch.randn_like(t) for n, t in adapted.state_dict().items()}
    adapted.load_state_dict(state)
    whole = {n: t.clone() for n, t in trunk.state_dict().items()}
    for i, name in enumerate(("hidden.0.weight", "last.weight")):
        whole[name] += state[f"layers.{i}.lora_B"] @ state[f"layers.{i}.lora_A"]
    torch.testing.assert_close(adapted(x), torch.func.functional_call(trunk, whole, (x,)))
    assert torch.equal(trunk.state_dict()["last.weight"], adapted.frozen["last.weight"])


def test_a_pool_of_adapters_keeps_its_frozen_weights():
    params = {"tasks": 2, "width": 16, "features": 8, "base_classes": 4, "base_steps": 60, "steps": 60}
    arrays = procedural_pool(**params, adapter_rank=2)
    pool = read(arrays, Adapted(MLP(256, [16] * 3, 8), 2))
    x = pool.splits["test"][0][0]
    plain = read(procedural_pool(**params), MLP(256, [16] * 3, 8))
    torch.testing.assert_close(pool.network.features(pool.base, x), plain.network.features(plain.base, x))
    assert set(pool.base) == {f"layers.{i}.lora_{f}" for i in range(4) for f in "AB"}
    assert isinstance(POOLS["procedural-lora"].trunk(), Adapted)


def test_top_keeps_the_largest_and_ties():
    factor = torch.tensor([[1.0, -3.0], [2.0, -2.0]])
    assert torch.equal(top(factor, 0.0), torch.zeros(2, 2))
    assert torch.equal(top(factor, 1.0), factor)
    assert torch.equal(top(factor, 0.01), torch.tensor([[0.0, -3.0], [0.0, 0.0]]))  # one at least
    assert torch.equal(top(factor, 0.25), torch.tensor([[0.0, -3.0], [0.0, 0.0]]))
    assert torch.equal(top(factor, 0.5), torch.tensor([[0.0, -3.0], [2.0, -2.0]]))


def test_recipes_by_hand(adapters):
    base, experts = adapters
    one = mixed(base, experts, torch.ones(3), torch.tensor([0.0, 1.0, 0.0]))
    assert all(torch.equal(one[n], experts[1][n]) for n in base)
    weights = torch.tensor([0.5, -0.2, 1.0])
    plus, minus = (mixed(base, experts, torch.ones(3), sign * weights) for sign in (1, -1))
    for i in range(2):  # both factors change their sign, their product does not
        products = [m[f"layers.{i}.lora_B"] @ m[f"layers.{i}.lora_A"] for m in (plus, minus)]
        torch.testing.assert_close(*products)
    same = mixed(base, [experts[0]] * 3, torch.ones(3), torch.tensor([0.2, 0.3, 0.5]))
    assert all(torch.allclose(same[n], experts[0][n], atol=1e-6) for n in base)
    empty = mixed(base, experts, torch.zeros(3), weights)
    assert not empty["layers.0.lora_A"].any()


def test_the_search_takes_a_harmful_adapter_away_within_its_budget(adapters):
    base, experts = adapters
    target = mixed(base, experts, torch.ones(3), torch.tensor([0.6, 0.5, -0.4]))
    network = Network(Adapted(MLP(5, [6], 4), 2), [torch.eye(4)] * 2)

    def evaluate(model, task):
        return -float(sum((model[n] - target[n]).square().mean() for n in base))

    access = Access(network, evaluate=evaluate, budget=2 * 600)
    merged = evo_merging(base=base, experts=experts, access=access)
    average = mixed(base, experts, torch.ones(3), torch.full((3,), 1 / 3))
    assert access.evaluations <= 2 * 600
    assert evaluate(merged, 0) > 0.5 * evaluate(average, 0)


def test_other_weights_are_skipped(draw, nothing):
    base, experts = draw(2)
    with pytest.raises(Skip, match="low-rank adapters"):
        evo_merging(base=base, experts=experts, access=nothing)
