"""Weight matching and ZipIt: permutations leave functions alone, are found again, and pair what is equal."""

import pytest
import torch

from bench_merging.access import Access
from bench_merging.methods.weight_matching import match, match_all, permuted, weight_matching
from bench_merging.methods.zipit import correlation, group_activations, pairing, zipit
from bench_merging.network import CNN, MLP, Network


@pytest.fixture(params=["mlp", "cnn"])
def network(request):
    trunk = MLP(16 * 16, [12, 10], 6) if request.param == "mlp" else CNN(16, [6, 8], 6)
    return Network(trunk, [torch.eye(6)] * 2), trunk.state_dict()


def other(state, size=0.3):
    return {name: tensor + size * torch.randn_like(tensor) for name, tensor in state.items()}


def shuffled(network, state):
    orders = [torch.randperm(len(state[group[0].tensor])) for group in network.groups]
    return permuted(state, network.groups, orders), orders


def distance(a, b):
    return float(sum((a[n] - b[n]).double().square().sum() for n in a))


def test_a_permuted_model_computes_the_same(network):
    net, state = network
    x = torch.randn(5, 16, 16)
    again, _ = shuffled(net, state)
    assert not torch.equal(again[net.groups[0][0].tensor], state[net.groups[0][0].tensor])
    torch.testing.assert_close(net.features(again, x), net.features(state, x), rtol=1e-4, atol=1e-5)


def test_a_shuffled_copy_is_recovered_and_averaging_gives_it_back(network):
    net, state = network
    copy, orders = shuffled(net, state)
    found = match(*({n: t.double() for n, t in s.items()} for s in (state, copy)), net.groups, 100)
    for p, order in zip(found, orders, strict=True):
        assert torch.equal(order[p], torch.arange(len(p)))
    merged = weight_matching(base=state, experts=[state, copy], access=Access(net))
    for name in state:
        torch.testing.assert_close(merged[name], state[name])


def test_matching_brings_models_closer_and_leaves_a_matching_one_alone(network):
    net, state = network
    b, _ = shuffled(net, other(state))
    matched = match_all([state, b], net.groups, 100)
    assert distance(state, matched[1]) < distance(state, b)
    assert all(torch.equal(p, torch.arange(len(p))) for p in match(state, other(state, 0.01), net.groups, 100))
    three = match_all([state, b, shuffled(net, other(state))[0]], net.groups, 20)
    assert distance(three[0], three[2]) < distance(state, b)


def test_equal_models_are_zipped_into_themselves(network):
    net, state = network
    copy, _ = shuffled(net, state)
    inputs = [torch.randn(64, 16, 16) for _ in range(2)]
    merged = zipit(base=state, experts=[state, copy], access=Access(net, inputs=inputs), beta=0.0)
    x = torch.randn(9, 16, 16)
    torch.testing.assert_close(net.features(merged, x), net.features(state, x), rtol=1e-3, atol=1e-4)


def test_zipping_without_own_merges_is_a_perfect_matching():
    features = torch.randn(200, 10)
    u = pairing(
        correlation(torch.cat([features, features.roll(3, 1) + 0.1 * torch.randn(200, 10)], 1).double()), 2, 0, 0
    )
    assert torch.equal(u.sum(1), torch.ones(20).double())
    assert torch.equal(u.sum(0), torch.full((10,), 2.0).double())
    assert torch.equal(u[:10].sum(0), torch.ones(10).double())
    assert all(torch.equal(u[i], u[10 + (i + 3) % 10]) for i in range(10))


def test_the_budget_limits_merges_within_a_model():
    similarity = torch.full((12, 12), 0.1)
    similarity[:6, :6] = 0.9  # the first model's features are alike, the second's are not
    for beta, most in ((0.0, 1), (0.34, 2)):
        u = pairing(similarity, 2, 1.0, beta)
        assert u.shape == (12, 6)
        assert u[:6].sum(0).max() == most


def test_budgets_are_rounded_as_released():
    similarity = torch.full((18, 18), 0.1)
    similarity[:9, :9] = 0.9
    assert pairing(similarity, 2, 1.0, 0.45)[:9].sum(0).max() == 2  # floor(9 / 2) * 0.45 is 1.8: one merge


def test_a_feature_stays_its_model_s_whatever_it_takes_in():
    similarity = torch.full((6, 6), 0.1)
    for i, j, value in ((0, 3, 0.9), (0, 1, 0.8), (1, 3, 0.8), (0, 2, 0.7), (1, 2, 0.7), (2, 3, 0.7), (4, 5, 0.6)):
        similarity[i, j] = similarity[j, i] = value
    u = pairing(similarity, 2, 1.0, 1.0)  # one merge within each model, and 1 into {0, 3} is the first's
    assert sorted(tuple(column.nonzero().flatten().tolist()) for column in u.T) == [(0, 1, 3), (2,), (4, 5)]


def test_activations_are_per_unit_whatever_follows(network):
    net, state = network
    for group, seen in zip(net.groups, group_activations(net, state, torch.randn(3, 16, 16), net.groups), strict=True):
        assert seen.shape[1] == len(state[group[0].tensor])


def objective(net, a, b, found):
    matched = permuted(b, net.groups, found)
    return float(sum((a[name].double() * matched[name].double()).sum() for name in a))


def test_more_sweeps_never_match_less_and_one_layer_takes_one_step(network):
    net, state = network
    b, _ = shuffled(net, other(state))
    values = []
    for sweeps in (0, 1, 2, 100):
        torch.manual_seed(0)  # the same order of the groups
        values.append(objective(net, state, b, match(state, b, net.groups, sweeps)))
    assert values == sorted(values)
    assert values[-1] > values[0]
    small = Network(MLP(5, [9], 4), [torch.eye(4)])
    a, b = ({name: torch.randn(shape) for name, shape in small.shapes.items()} for _ in range(2))
    once, often = (match(a, b, small.groups, sweeps) for sweeps in (1, 100))
    assert torch.equal(once[0], often[0])


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.125), (1.0, 1.0), (0.0, 0.0)])
def test_every_feature_goes_into_one_and_merging_undoes_unmerging(alpha, beta):
    u = pairing(correlation(torch.randn(60, 24, dtype=torch.float64)), 3, alpha, beta)
    assert u.shape == (24, 8)
    assert torch.equal(u.sum(1), torch.ones(24).double())
    merge = u.T / u.sum(0)[:, None]
    torch.testing.assert_close(merge @ u, torch.eye(8).double())
