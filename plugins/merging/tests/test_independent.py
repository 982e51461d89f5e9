"""Models of different initialisations: averaging fails, matching mends it, least squares adds to that."""

import pytest
import torch

from bench_merging import evaluation
from bench_merging.access import Access
from bench_merging.methods.activation_matching import activation_matching
from bench_merging.methods.average import average
from bench_merging.methods.pleas import pleas, records
from bench_merging.methods.straight_through import straight_through
from bench_merging.methods.weight_matching import permuted, weight_matching
from bench_merging.methods.zipit import zipit
from bench_merging.network import Network
from bench_merging.pool import read
from bench_merging.pools.independent import independent_pool, untrained


@pytest.fixture(scope="module")
def pools():
    return {
        classes: read(independent_pool(classes=classes, width=64, steps=300), untrained("mlp", 64))
        for classes in ("same", "halves")
    }


def measured(pool, method, **params):
    torch.manual_seed(0)
    access = Access(pool.network, inputs=[x for x, _ in pool.splits["train"]])
    model = method(base=pool.base, experts=pool.experts, access=access, **params)
    losses = [evaluation._loss(pool, model, task) for task in range(2)]
    return sum(evaluation.accuracies(pool, lambda _: model, "test")) / 2, sum(losses) / 2


def test_matching_removes_most_of_the_barrier_and_least_squares_more(pools):
    pool = pools["same"]
    ends = sum(evaluation._loss(pool, expert, k) for k, expert in enumerate(pool.experts)) / 2
    naive, matched = (measured(pool, method)[1] - ends for method in (average, weight_matching))
    assert matched < 0.5 * naive
    only_ls, both = (measured(pool, pleas, matching=matching)[1] - ends for matching in ("none", "weights"))
    assert both < matched
    assert both < only_ls < naive


def test_straight_through_gives_a_midpoint_of_permutations_that_is_better_than_the_average(pools):
    pool = pools["same"]
    torch.manual_seed(0)
    access = Access(pool.network, examples=pool.splits["val"])
    model = straight_through(base=pool.base, experts=pool.experts, access=access, steps=15)
    a, b = pool.experts
    for name in ("hidden.0.bias", "hidden.1.bias"):
        expected = b[name].sort().values
        torch.testing.assert_close((2 * model[name] - a[name]).sort().values, expected, rtol=0, atol=1e-5)
    losses = [sum(evaluation._loss(pool, m, k) for k in range(2)) / 2 for m in (model, _average(pool))]
    assert losses[0] < losses[1]


def _average(pool):
    return average(base=pool.base, experts=pool.experts, access=None)


def test_on_halves_of_the_classes_zipping_is_better_than_averaging(pools):
    pool = pools["halves"]
    assert measured(pool, zipit)[0] > measured(pool, average)[0]
    assert measured(pool, pleas)[0] > measured(pool, average)[0]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_two_cnns_cannot_be_averaged_and_matching_tells_methods_apart(seed):
    pool = read(independent_pool(architecture="cnn", width=128, steps=200, seed=seed), untrained("cnn", 128))
    own = sum(evaluation.accuracies(pool, lambda task: pool.experts[task], "test")) / 2
    naive, by_weights, by_activations, fitted = (
        measured(pool, method)[0] for method in (average, weight_matching, activation_matching, pleas)
    )
    assert own > 0.95
    assert naive < own - 0.2
    assert by_weights > naive + 0.07
    assert by_activations > by_weights + 0.05
    assert fitted > naive + 0.15


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_pleas_gives_a_shuffled_copy_back(architecture):
    trunk = untrained(architecture, 32)
    state = trunk.state_dict()
    network = Network(trunk, [torch.eye(10)] * 2)
    orders = [torch.randperm(len(state[group[0].tensor])) for group in network.groups]
    copy = permuted(state, network.groups, orders)
    x = torch.randn(40, 16, 16)
    merged = pleas(base=state, experts=[state, copy], access=Access(network, inputs=[x, x]))
    torch.testing.assert_close(network.features(merged, x), network.features(state, x), rtol=1e-3, atol=1e-4)
    for name, (z, y) in records(network, state, x).items():
        weight, bias = state[f"{name}.weight"].flatten(1).double(), state.get(f"{name}.bias")
        torch.testing.assert_close(z @ weight.T + (0 if bias is None else bias.double()), y, rtol=1e-3, atol=1e-4)
