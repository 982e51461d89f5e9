"""Robust Weight Signatures: orthogonal, linear, exact where they can be; and fog is patched."""

import pytest
import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.methods.rws import first_layers, rws, signature
from bench_merging.network import MLP, Network
from bench_merging.pool import read
from bench_merging.pools.corrupted import corrupted_pool
from bench_merging.pools.procedural import trunk_of
from harness import Skip

ONE_TASK = Access(Network(MLP(2, [2], 2), [torch.eye(2)] * 4))


def test_a_signature_is_orthogonal_to_the_clean_update_and_nothing_where_it_is_parallel():
    a, b = torch.randn(6, 5), torch.randn(6, 5)
    v = signature(a, b)
    assert abs(float((v * a).sum())) < 1e-4
    torch.testing.assert_close(v + (a * b).sum() / (a * a).sum() * a, b, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(signature(a, 3 * a), torch.zeros_like(a), rtol=0, atol=1e-5)
    assert torch.equal(signature(torch.zeros_like(b), b), b)


def test_the_patch_is_linear_in_its_strength_and_stays_in_the_first_layers(draw):
    base, experts = draw(4)
    none, one, two = (rws(base=base, experts=experts, access=ONE_TASK, keep=1, strength=s) for s in (0.0, 1.0, 2.0))
    host = experts[-1]
    assert first_layers(base, 1) == {"a.weight", "a.bias"}
    for name in base:
        assert torch.equal(none[name], host[name])
        torch.testing.assert_close(two[name] - host[name], 2 * (one[name] - host[name]), rtol=1e-4, atol=1e-5)
    assert torch.equal(one["b.weight"], host["b.weight"])
    with pytest.raises(Skip, match="a clean model, a robust one and a host"):
        rws(base=base, experts=experts[:2], access=ONE_TASK)
    with pytest.raises(Skip, match="these are of several tasks"):
        rws(base=base, experts=experts, access=Access(Network(MLP(2, [2], 2), list(torch.rand(4, 2, 2)))))


def test_the_signature_of_fog_makes_a_host_robust_to_fog_and_that_of_noise_does_not():
    pool = read(corrupted_pool(base_steps=800, steps=300), trunk_of("mlp", 128, 64))
    clean, fog, noise, host = pool.experts

    def on_fog(model):
        return 100 * evaluation.unseen_accuracies(pool, [model])[0]

    patched, other = (rws(base=pool.base, experts=[clean, robust, host], access=ONE_TASK) for robust in (fog, noise))
    assert on_fog(patched) > on_fog(host) + 10
    assert on_fog(patched) > on_fog(other) + 10
    assert evaluation.accuracy(pool, patched, "test", 3) > evaluation.accuracy(pool, host, "test", 3) - 0.02


def test_the_order_of_robust_models_does_not_matter(draw):
    base, (clean, one, other, host) = draw(4)
    first, second = (
        rws(base=base, experts=[clean, *robust, host], access=ONE_TASK) for robust in ([one, other], [other, one])
    )
    for name in base:
        torch.testing.assert_close(first[name], second[name])
