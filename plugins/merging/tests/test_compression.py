"""Iterative Feature Merging: duplicates are found, functions are kept, widths are those of its controls."""

import pytest
import torch

from bench_merging.compression_checks import check_contract
from bench_merging.methods.ifm import closest, distances, ifm, join, merged, random_merging, unit_pruning
from bench_merging.methods.weight_matching import permuted, units
from bench_merging.network import CNN, MLP, Network
from bench_merging.result import Reshaped
from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("compression"), ids=str)
def test_conformance(case):
    case.check()


@pytest.fixture(params=["mlp", "cnn"])
def network(request):
    trunk = MLP(256, [8, 6], 5) if request.param == "mlp" else CNN(16, [5, 6], 5)
    return Network(trunk, [torch.eye(5)])


def weights(network):
    return {name: 0.3 * torch.randn(shape) for name, shape in network.shapes.items()}


def doubled(network, state):
    """Return a network that computes the same with every unit twice, half of its weight in each consumer."""
    state = dict(state)
    for group in network.groups:
        for axis in group:
            tensor = state[axis.tensor]
            moved = tensor.movedim(axis.axis, 0)
            twice = moved.reshape(-1, axis.repeat, *moved.shape[1:]).repeat_interleave(2, 0).flatten(0, 1)
            state[axis.tensor] = (twice if axis.incoming else twice / 2).movedim(0, axis.axis)
    return state


def test_duplicated_units_are_merged_into_what_they_were_copied_from(network):
    state = weights(network)
    twice = doubled(network, state)
    x = torch.randn(7, 16, 16)
    torch.testing.assert_close(network.features(twice, x), network.features(state, x), rtol=1e-4, atol=1e-4)
    small = ifm(model=twice, network=network, ratio=1e-3).state
    assert {name: tensor.shape for name, tensor in small.items()} == dict(network.shapes)
    # Summed channels are normalised by another share of the norm's epsilon.
    torch.testing.assert_close(network.features(small, x), network.features(state, x), rtol=1e-2, atol=2e-3)


def test_units_in_another_order_give_the_same_widths_and_function(network):
    state = doubled(network, weights(network))
    orders = [torch.randperm(units(state, group)) for group in network.groups]
    one, other = (
        ifm(model=model, network=network, ratio=0.2).state for model in (state, permuted(state, network.groups, orders))
    )
    x = torch.randn(7, 16, 16)
    assert {n: t.shape for n, t in one.items()} == {n: t.shape for n, t in other.items()}
    torch.testing.assert_close(network.features(one, x), network.features(other, x), rtol=1e-3, atol=1e-4)


def test_a_ratio_of_one_leaves_a_single_unit_and_a_limit_stops_before(network):
    state = weights(network)
    assert all(len(t) == 1 for n, t in ifm(model=state, network=network, ratio=1.0).state.items() if "last" not in n)
    half = ifm(model=state, network=network, ratio=1.0, most=0.5).state
    for group in network.groups:
        assert len(half[group[0].tensor]) == len(state[group[0].tensor]) // 2


def test_summed_producers_and_mean_consumers_are_mean_producers_and_summed_consumers():
    network = Network(MLP(4, [6], 3), [torch.eye(3)])
    state = {name: tensor.double() for name, tensor in weights(network).items()}
    (group,) = network.groups
    chosen = [(0, 3), (1, 4), (0, 2)]
    by_sums = dict(state)
    counts = torch.ones(6).double()
    for pair in chosen:
        counts = join(by_sums, group, counts, pair)
    members = [[i] for i in range(6)]
    for i, j in chosen:
        both = members[i] + members[j]
        members = [m for k, m in enumerate(members) if k not in (i, j)] + [both]
    assert counts.tolist() == [len(m) for m in members]
    w, b, v = state["hidden.0.weight"], state["hidden.0.bias"], state["last.weight"]
    by_means = {
        "hidden.0.weight": torch.stack([w[m].mean(0) for m in members]),
        "hidden.0.bias": torch.stack([b[m].mean() for m in members]),
        "last.weight": torch.stack([v[:, m].sum(1) for m in members], 1),
    }
    x = torch.randn(9, 4)
    torch.testing.assert_close(network.features(by_sums, x), network.features(by_means, x))


def test_the_closest_pair_is_that_of_a_plain_search(network):
    state = {name: tensor.double() for name, tensor in weights(network).items()}
    for group in network.groups:
        found = distances(state, group)
        count = len(found)
        expected = torch.zeros(count, count).double()
        for i in range(count):
            for j in range(count):
                for axis in group:
                    tensor = state[axis.tensor].movedim(axis.axis, 0)
                    one, other = (tensor[k * axis.repeat : (k + 1) * axis.repeat] for k in (i, j))
                    expected[i, j] += (one - other).square().sum() if tensor.dim() > 1 else 0.0
        torch.testing.assert_close(found, expected)
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        nearest = min(pairs, key=lambda pair: float(expected[pair]))
        assert closest(state, group, 1.0) == nearest
        ratio = float(expected[nearest] / expected.max())
        assert closest(state, group, 1.001 * ratio) == nearest
        assert closest(state, group, 0.999 * ratio) is None


def test_a_sweep_goes_through_all_groups_and_the_last_merges_nothing(network):
    state = {name: tensor.double() for name, tensor in weights(network).items()}
    seen = []
    merged(state, network.groups, lambda s, g: seen.append(len(distances(s, g))) or None, [9] * len(network.groups))
    assert seen == [len(state[g[0].tensor]) for g in network.groups]  # one sweep, in which nothing merges


def test_the_checks_refuse_a_compression_that_merges_nothing():
    with pytest.raises(AssertionError, match="are nearly copies"):
        check_contract(lambda *, model, network: Reshaped(dict(model)))


def test_controls_are_as_narrow(network):
    state = weights(network)
    shapes = [
        {n: t.shape for n, t in method(model=state, network=network, ratio=0.5).state.items()}
        for method in (ifm, random_merging, unit_pruning)
    ]
    assert shapes[0] == shapes[1] == shapes[2] != dict(network.shapes)
