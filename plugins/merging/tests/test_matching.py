"""What is measured of a matching: closed forms on permuted copies and on models by hand."""

import pytest
import torch

from bench_merging import matching
from bench_merging.access import Access
from bench_merging.methods.activation_matching import activation_matching
from bench_merging.methods.average import average
from bench_merging.methods.weight_matching import permuted, units, weight_matching
from bench_merging.network import MLP, Network


@pytest.fixture
def pair():
    """Return a network, a model, and the same with its units in another order."""
    trunk = MLP(9, [7, 6], 5)
    network = Network(trunk, [torch.eye(5)] * 2)
    state = {name: torch.randn_like(tensor) for name, tensor in trunk.state_dict().items()}
    orders = [torch.randperm(units(state, group)) for group in network.groups]
    return network, state, permuted(state, network.groups, orders)


@pytest.mark.parametrize("method", [weight_matching, activation_matching])
def test_a_permuted_copy_is_placed_upon_the_model(pair, method):
    network, a, b = pair
    x = torch.randn(50, 9)
    merged = method(base=a, experts=[a, b], access=Access(network, inputs=[x, x]))
    models = a, b, matching.matched(merged, a)
    assert matching.distance_ratio(models) < 1e-6
    assert matching.singular_alignment_all(models) == pytest.approx(1, abs=1e-5)
    assert matching.singular_alignment(models) == pytest.approx(1, abs=1e-5)


def test_an_average_places_the_second_model_where_it_is(pair):
    _, a, b = pair
    placed = matching.matched(average(base=a, experts=[a, b], access=None), a)
    assert matching.distance_ratio((a, b, placed)) == pytest.approx(1, abs=1e-6)
    for name in a:
        values = [torch.linalg.svdvals(state[name].reshape(len(a[name]), -1)) for state in (a, placed)]
        torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)  # permutations change no singular value
    assert matching.singular_alignment_all((a, b, placed)) < 0.9


def test_the_alignment_by_hand():
    a = {"w": torch.diag(torch.tensor([10.0, 1.0])), "b": torch.ones(2)}
    swapped = {"w": torch.diag(torch.tensor([1.0, 10.0]))}
    assert matching.alignment(a, swapped, 0.3) == pytest.approx(0)  # the large directions are orthogonal
    assert matching.alignment(a, swapped, 0.0) == pytest.approx(1)  # each is the other's, at another place
    assert matching.alignment(a, {"w": -a["w"]}, 0.0) == pytest.approx(-1)


def test_the_barrier_is_above_the_line_between_the_ends():
    assert matching.line_barrier([1.0, 2.0, 3.0]) == 0
    assert matching.line_barrier([1.0, 4.0, 3.0]) == 2
    assert matching.line_barrier([1.0, 0.0, 3.0]) == 0
