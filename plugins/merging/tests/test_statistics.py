"""Fisher averaging and RegMean: closed forms and optimality."""

import pytest
import torch
from torch.nn import functional

from bench_merging.access import Access
from bench_merging.methods.fisher import diagonal, fisher, norm
from bench_merging.methods.regmean import grams, regmean, shrunk, solve
from bench_merging.network import MLP, Network


@pytest.fixture
def world():
    """A linear trunk, its network with two heads, and two experts."""
    heads = [functional.normalize(torch.randn(4, 3), dim=0) for _ in range(2)]
    network = Network(MLP(5, [6], 4), heads)
    experts = [MLP(5, [6], 4).state_dict() for _ in range(2)]
    return network, experts, [torch.randn(40, 5), torch.randn(40, 5)]


def test_the_fisher_information_is_that_of_one_example_and_class_at_a_time(world):
    network, experts, inputs = world
    x, state = inputs[0][:7], experts[0]
    found = diagonal(network, state, x, 0)
    expected = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    for one in x:
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in state.items()}
        log_p = network.logits(leaves, one[None], 0)[0].log_softmax(-1)
        for c in range(3):
            gradients = torch.autograd.grad(log_p[c], list(leaves.values()), retain_graph=True)
            for name, gradient in zip(leaves, gradients, strict=True):
                expected[name] += log_p[c].exp().detach() * gradient.square() / len(x)
    for name in found:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-7)


def test_fisher_averages_lie_between_the_experts_and_follow_the_certain_one(world):
    network, experts, inputs = world
    merged = fisher(base=experts[0], experts=experts, access=Access(network, inputs=inputs))
    for name, tensor in merged.items():
        pair = torch.stack([e[name] for e in experts])
        assert (tensor >= pair.amin(0) - 1e-6).all()
        assert (tensor <= pair.amax(0) + 1e-6).all()
    silent = [inputs[0], torch.zeros_like(inputs[1])]  # the second's first layer then has no information
    merged = fisher(base=experts[0], experts=experts, access=Access(network, inputs=silent), floor=1e-30)
    alive = diagonal(network, experts[0], inputs[0], 0)["hidden.0.weight"] > 1e-20
    torch.testing.assert_close(merged["hidden.0.weight"][alive], experts[0]["hidden.0.weight"][alive])


def test_the_two_estimators_differ(world):
    network, experts, inputs = world
    one, other = (
        fisher(base=experts[0], experts=experts, access=Access(network, inputs=inputs), estimator=estimator)
        for estimator in ("per-example", "batch")
    )
    assert any(not torch.allclose(one[n], other[n], atol=1e-4) for n in one)
    assert norm({"a": torch.tensor([3.0]), "b": torch.tensor([4.0])}) == pytest.approx(5)


def test_regmean_is_the_least_squares_solution():
    x = [torch.randn(50, 6, dtype=torch.float64) for _ in range(3)]
    w = [torch.randn(4, 6, dtype=torch.float64) for _ in range(3)]
    merged = solve(w, [a.T @ a / len(a) for a in x]).double()
    stacked = torch.cat(x), torch.cat([a @ b.T for a, b in zip(x, w, strict=True)])
    torch.testing.assert_close(merged, torch.linalg.lstsq(*stacked).solution.T, rtol=1e-5, atol=1e-5)

    def loss(candidate):
        return sum(((a @ (candidate - b).T) ** 2).mean() for a, b in zip(x, w, strict=True))

    assert all(loss(merged) <= loss(other) for other in [*w, torch.stack(w).mean(0)])


def test_regmean_without_off_diagonals_is_a_weighted_mean_of_columns():
    found = [torch.randn(30, 5, dtype=torch.float64) for _ in range(2)]
    found = [shrunk(x.T @ x, 0.0) for x in found]
    w = [torch.randn(3, 5) for _ in range(2)]
    weights = torch.stack([g.diag() for g in found])
    expected = (weights[:, None] * torch.stack(w).double()).sum(0) / weights.sum(0)
    torch.testing.assert_close(solve(w, found).double(), expected, rtol=1e-5, atol=1e-5)


def test_equal_grams_and_silent_inputs_give_the_plain_mean():
    w = [torch.randn(3, 5) for _ in range(4)]
    gram = torch.randn(20, 5, dtype=torch.float64)
    mean = torch.stack(w).mean(0)
    torch.testing.assert_close(solve(w, [gram.T @ gram] * 4), mean, rtol=1e-5, atol=1e-5)
    gram[:, 2] = 0
    torch.testing.assert_close(solve(w, [gram.T @ gram] * 4)[:, 2], mean[:, 2], rtol=1e-5, atol=1e-5)


def test_grams_are_of_each_layer_s_own_inputs_in_the_expert(world):
    network, experts, inputs = world
    found = grams(network, experts[0], inputs[0])
    x = inputs[0].double()
    torch.testing.assert_close(found["hidden.0.weight"], x.T @ x / len(x))
    hidden = (inputs[0] @ experts[0]["hidden.0.weight"].T + experts[0]["hidden.0.bias"]).relu().double()
    torch.testing.assert_close(found["last.weight"], hidden.T @ hidden / len(x))


def test_regmean_averages_what_is_no_linear_weight(world):
    network, experts, inputs = world
    merged = regmean(base=experts[0], experts=experts, access=Access(network, inputs=inputs))
    bias = torch.stack([e["hidden.0.bias"] for e in experts]).mean(0)
    torch.testing.assert_close(merged["hidden.0.bias"], bias)


class _Logistic:
    """One weight for each input, two classes."""

    def logits(self, state, x, task):
        z = x @ state["w"]
        return torch.stack([torch.zeros_like(z), z], dim=1)


def test_the_fisher_information_of_a_logistic_regression():
    x, w = torch.randn(50, 4), torch.randn(4)
    p = (x @ w).sigmoid()
    expected = ((p * (1 - p))[:, None] * x.square()).mean(0)
    torch.testing.assert_close(diagonal(_Logistic(), {"w": w}, x, 0)["w"], expected)


@pytest.mark.parametrize("normalise", [True, False])
def test_equal_information_gives_the_mean_and_its_scale_counts_unless_normalised(world, monkeypatch, normalise):
    network, experts, inputs = world
    informed = {name: torch.rand_like(tensor) for name, tensor in experts[0].items()}
    scales = iter([1.0, 1.0, 1.0, 5.0])
    where = "bench_merging.methods.fisher.diagonal"
    monkeypatch.setattr(where, lambda *_: {name: s * f for s in [next(scales)] for name, f in informed.items()})
    merge = {"base": experts[0], "experts": experts, "access": Access(network, inputs=inputs), "floor": 1e-30}
    equal, unequal = (fisher(**merge, normalise=normalise) for _ in range(2))
    for name in equal:
        one, other = (expert[name] for expert in experts)
        torch.testing.assert_close(equal[name], (one + other) / 2)
        wanted = (one + other) / 2 if normalise else (one + 5 * other) / 6
        torch.testing.assert_close(unequal[name], wanted, rtol=1e-4, atol=1e-6)


def test_grams_are_symmetric_and_not_negative_and_one_expert_is_left_alone(world):
    network, experts, inputs = world
    for gram in grams(network, experts[0], inputs[0]).values():
        torch.testing.assert_close(gram, gram.T)
        assert torch.linalg.eigvalsh(gram).min() > -1e-9
    merged = regmean(base=experts[1], experts=experts[:1], access=Access(network, inputs=inputs[:1]))
    for name in merged:
        torch.testing.assert_close(merged[name], experts[0][name], rtol=1e-4, atol=1e-5)
