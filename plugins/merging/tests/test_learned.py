"""AdaMerging, aTLAS, Concrete, CMA-ES and its recipes: gradients, starts, what labels may not do."""

import inspect
import math

import pytest
import torch

from bench_merging.access import Access
from bench_merging.methods import concrete as concrete_module
from bench_merging.methods.adamerging import adamerging, elected, entropy
from bench_merging.methods.atlas import atlas
from bench_merging.methods.coefficients import Coefficients
from bench_merging.methods.concrete import concrete, sample
from bench_merging.methods.evolutionary import evolutionary, mixed
from bench_merging.methods.search import cma_es
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.ties import ties
from bench_merging.methods.tuned import METHODS, tuned
from bench_merging.network import MLP, Network
from bench_merging.state import task_vectors


@pytest.fixture
def world():
    """A base, three experts, and an access to inputs and labels of three tasks."""
    base = MLP(5, [6], 4).state_dict()
    experts = [{n: t + 0.2 * torch.randn_like(t) for n, t in base.items()} for _ in range(3)]
    heads = [torch.nn.functional.normalize(torch.randn(4, 3), dim=0) for _ in range(3)]
    inputs = [torch.randn(30, 5) for _ in range(3)]
    examples = [(x, torch.randint(3, (30,))) for x in inputs]
    return base, experts, Access(Network(MLP(5, [6], 4), heads), inputs=inputs, examples=examples)


def close(a, b, tolerance=1e-5):
    for name in b:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=tolerance)


@pytest.mark.parametrize("granularity", ["task", "layer"])
def test_no_step_of_adamerging_is_task_arithmetic(world, granularity):
    base, experts, access = world
    merged = adamerging(base=base, experts=experts, access=access, granularity=granularity, steps=0)
    close(merged, task_arithmetic(base=base, experts=experts, access=access, scale=0.3))


def test_the_updates_of_plus_plus_sum_to_ties(world):
    base, experts, access = world
    expected = ties(base=base, experts=experts, access=access, rule="sum")
    close({n: base[n] + tensor.sum(0) for n, tensor in elected(base, experts).items()}, expected)


def test_adamerging_lowers_the_entropy_and_steps_stay_within_limits(world):
    base, experts, access = world

    def total(model):
        return sum(float(entropy(access.network.logits(model, x, k))) for k, x in enumerate(access.inputs))

    before = total(adamerging(base=base, experts=experts, access=access, steps=0))
    assert total(adamerging(base=base, experts=experts, access=access, steps=60, lr=0.02)) < before
    assert total(adamerging(base=base, experts=experts, access=access, steps=60, lr=0.02, plus_plus=True)) > 0


def test_entropy_of_uniform_and_of_certain_predictions():
    assert float(entropy(torch.zeros(4, 7))) == pytest.approx(math.log(7))
    assert float(entropy(100 * torch.eye(5))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("per_tensor", [True, False])
def test_the_gradient_of_the_coefficients_is_that_of_autograd(world, per_tensor):
    base, experts, access = world
    vectors = {n: task_vectors(n, base, experts) for n in base}
    merge = Coefficients(base, vectors, per_tensor=per_tensor, start=0.3)
    x = access.inputs[0]

    def loss(model):
        return entropy(access.network.logits(model, x, 0))

    merge.descend(torch.optim.SGD([merge.values], lr=0.0), loss)
    values = merge.values.clone().requires_grad_()
    columns = values.expand(-1, len(merge.names))
    model = {n: base[n] + torch.einsum("k,k...->...", columns[:, i], vectors[n]) for i, n in enumerate(merge.names)}
    (expected,) = torch.autograd.grad(loss(model), values)
    torch.testing.assert_close(merge.values.grad, expected, rtol=1e-4, atol=1e-6)


def test_coefficients_outside_their_limits_have_no_gradient(world):
    base, experts, access = world
    merge = Coefficients(base, {n: task_vectors(n, base, experts) for n in base}, per_tensor=True, start=1.4)
    merge.values[0] = 0.5
    merge.descend(
        torch.optim.SGD([merge.values], lr=0.0),
        lambda m: entropy(access.network.logits(m, access.inputs[0], 0)),
        clamp=True,
    )
    assert merge.values.grad[0].any()
    assert not merge.values.grad[1:].any()


def test_atlas_begins_at_the_base_and_fits_the_labels(world):
    base, experts, access = world

    def loss(model):
        return sum(
            float(torch.nn.functional.cross_entropy(access.network.logits(model, x, k), labels))
            for k, (x, labels) in enumerate(access.examples)
        )

    close(atlas(base=base, experts=experts, access=access, steps=0), base)
    assert loss(atlas(base=base, experts=experts, access=access, steps=100)) < loss(base)


def test_the_mask_has_mean_one_and_full_logits_change_nothing(world):
    mask = sample(torch.zeros(50, 40))
    assert float(mask.mean()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(sample(torch.full((5, 4), 100.0)), torch.ones(5, 4))
    logits = torch.zeros(30_000)
    share = (sample(logits + math.log(3)) > 0.5 / 0.75).float().mean()  # sigmoid(log 3) = 0.75
    assert 0.6 < share < 0.9
    base, experts, access = world
    merged = concrete(base=base, experts=experts, access=access, steps=3, then="adamerging")
    assert all(merged[n].shape == base[n].shape for n in base)


def test_concrete_lowers_the_entropy_below_that_of_its_first_mask(world):
    base, experts, access = world

    def total(steps):
        torch.manual_seed(1)
        model = concrete(base=base, experts=experts, access=access, steps=steps, lr=0.05)
        return sum(float(entropy(access.network.logits(model, x, k))) for k, x in enumerate(access.inputs))

    assert total(150) < total(0)


def test_cma_es_finds_the_top_of_an_ill_conditioned_quadratic():
    scales = torch.logspace(0, 3, 6).double()
    target = torch.linspace(0.2, 0.8, 6).double()
    seen = []

    def fitness(x):
        seen.append(x)
        return -float((scales * (x - target).square()).sum())

    best, value = cma_es(fitness, torch.full((6,), 0.5), sigma=0.2, evaluations=2500, low=0.0, high=1.0)
    assert len(seen) <= 2500
    torch.testing.assert_close(best, target, rtol=0, atol=1e-4)
    assert value == fitness(best)
    assert all(((x >= 0) & (x <= 1)).all() for x in seen)
    assert torch.equal(
        cma_es(fitness, torch.full((6,), 0.5), sigma=0.2, evaluations=1, low=0, high=1)[0].float(),
        torch.full((6,), 0.5),
    )


def test_a_recipe_of_one_expert_at_full_density_is_that_expert():
    tau, noise = torch.randn(3, 4, 5), torch.rand(3, 4, 5)
    torch.testing.assert_close(mixed(tau, noise, torch.tensor([0.0, 1, 0]), torch.ones(3)), tau[1])


def test_evolution_keeps_its_budget_and_improves(world):
    base, experts, access = world
    target = task_arithmetic(base=base, experts=experts, access=access, scale=0.2)
    asked = []

    def evaluate(model, task):
        asked.append(task)
        return -float(sum((model[n] - target[n]).square().sum() for n in base))

    def search(trials):
        seen = Access(access.network, evaluate=evaluate, budget=10_000)
        torch.manual_seed(0)
        model = evolutionary(base=base, experts=experts, access=seen, trials=trials)
        assert seen.evaluations <= 3 * trials
        return evaluate(model, 0)

    assert search(150) > search(1)


def test_tuned_finds_the_scale_on_the_grid(world):
    base, experts, access = world
    target = task_arithmetic(base=base, experts=experts, access=access, scale=1.4)
    seen = Access(
        access.network, evaluate=lambda m, _: -float((m["last.weight"] - target["last.weight"]).norm()), budget=200
    )
    close(tuned(base=base, experts=experts, access=seen), target)
    for method in METHODS.values():  # every update has to be linear in its scale
        assert "scale" in inspect.signature(method).parameters
        one, two = (
            [torch.manual_seed(0), method(base=base, experts=experts, access=access, scale=s)][1] for s in (1.0, 2.0)
        )
        close({n: two[n] - base[n] for n in base}, {n: 2 * (one[n] - base[n]) for n in base}, 1e-5)


def slopes(world, *, per_tensor):
    """Return the coefficients' gradient of the entropy on the first task's inputs."""
    base, experts, access = world
    merge = Coefficients(base, {n: task_vectors(n, base, experts) for n in base}, per_tensor=per_tensor, start=0.3)
    merge.descend(
        torch.optim.SGD([merge.values], lr=0.0), lambda m: entropy(access.network.logits(m, access.inputs[0], 0))
    )
    return merge.values.grad


def test_a_coefficient_for_each_task_is_those_of_its_tensors_tied(world):
    torch.testing.assert_close(slopes(world, per_tensor=False), slopes(world, per_tensor=True).sum(1, keepdim=True))


def test_coefficients_by_hand(world):
    base, experts, _ = world
    vectors = {n: task_vectors(n, base, experts) for n in base}
    merge = Coefficients(base, vectors, per_tensor=True, start=0.0)
    assert merge.values.shape == (len(experts), len(base))
    close(merge.merged(), base, 0)
    one = torch.zeros_like(merge.values)
    one[1] = 1
    close(merge.merged(one), experts[1])
    tied = torch.full_like(merge.values, 0.4)
    close(merge.merged(tied), task_arithmetic(base=base, experts=experts, access=None, scale=0.4))
    changed = torch.zeros_like(merge.values)
    changed[2, merge.names.index("last.weight")] = 0.7
    moved = {name for name, tensor in merge.merged(changed).items() if not torch.equal(tensor, base[name])}
    assert moved == {"last.weight"}


def test_one_expert_with_a_coefficient_of_one_is_itself(world):
    base, experts, access = world
    few = Access(access.network.of_tasks([0]), inputs=access.inputs[:1])
    close(adamerging(base=base, experts=experts[:1], access=few, steps=0, start=1.0), experts[0])


def test_a_mask_is_drawn_by_its_logits_and_has_their_slope(monkeypatch):
    logits = torch.linspace(-2, 2, 5).repeat(20_000, 1)
    seen = {}

    def keep(self):
        seen["mask"] = self
        return torch.ones(())

    monkeypatch.setattr(torch.Tensor, "mean", keep)  # the mask before it is divided by its mean
    sample(logits)
    shares = (seen["mask"] > 0.5).double().sum(0) / len(logits)
    torch.testing.assert_close(shares, torch.linspace(-2, 2, 5).sigmoid().double(), rtol=0, atol=0.02)
    leaf = torch.randn(6, requires_grad=True)
    sample(leaf).sum().backward()
    mask = seen["mask"].detach()
    torch.testing.assert_close(leaf.grad, mask * (1 - mask) / concrete_module.TEMPERATURE)
    monkeypatch.setattr(concrete_module, "TEMPERATURE", 1e-3)
    sample(logits[:1000])
    cold = seen["mask"]
    assert ((cold < 0.01) | (cold > 0.99)).double().sum() / cold.numel() > 0.99


def test_the_best_of_a_longer_search_is_never_worse():
    def value(evaluations):
        torch.manual_seed(0)
        return cma_es(
            lambda x: -float((x - 0.7).square().sum()),
            torch.full((4,), 0.5),
            sigma=0.2,
            evaluations=evaluations,
            low=0,
            high=1,
        )[1]

    values = [value(evaluations) for evaluations in (1, 9, 40, 80)]
    assert values == sorted(values)
    assert values[0] < values[-1]
