"""Batch normalisation: running means and variances are no weights, and every merge of them can be computed with."""

from importlib import import_module
from itertools import chain

import pytest
import torch
from torch import nn
from torch.nn import functional

import bench_merging
from bench_merging.access import Access
from bench_merging.methods.ifm import ifm
from bench_merging.methods.rws import rws
from bench_merging.methods.weight_matching import match, permuted
from bench_merging.network import Axis, Network
from bench_merging.normalisation import reestimated
from bench_merging.result import Reshaped, Routed
from bench_merging.state import WeightsError, is_statistic, validate
from harness import Skip

METHODS = {method.name: method for method in bench_merging.bench_methods() if method.family.name.startswith("merging-")}
FEW = {"steps": 2, "trials": 2, "examples": 8, "batch_size": 4}
NORMS = ("weight", "bias", "running_mean", "running_var")


class Normalised(nn.Module):
    """A convolution with batch normalisation, ReLU, a hidden layer and a map."""

    def __init__(self, channels=4):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.hidden, self.inner = nn.Linear(channels, 6), nn.BatchNorm1d(6)
        self.last = nn.Linear(6, 5, bias=False)

    def forward(self, x):
        x = self.norm(self.convolution(x.unsqueeze(1))).relu().mean((2, 3))
        return self.last(self.inner(self.hidden(x)).relu())

    def groups(self):
        first = [Axis(f"convolution.{part}", 0, True) for part in ("weight", "bias")]
        second = [Axis(f"hidden.{part}", 0, True) for part in ("weight", "bias")]
        return [
            [*first, *(Axis(f"norm.{part}", 0, True) for part in NORMS), Axis("hidden.weight", 1, False)],
            [*second, *(Axis(f"inner.{part}", 0, True) for part in NORMS), Axis("last.weight", 1, False)],
        ]


def trained():
    """Return weights whose statistics are those of some inputs."""
    trunk = Normalised()
    for _ in range(20):
        trunk(torch.randn(16, 6, 6))
    return trunk.state_dict()


@pytest.fixture
def world():
    """A base with variances of about 1, experts with far smaller ones, and what may be seen of their tasks."""
    base = trained()
    experts = [{n: t + 0.2 * torch.randn(t.shape) if t.is_floating_point() else t + 5 for n, t in base.items()}
               for _ in range(4)]  # fmt: skip
    for name in ("norm.running_var", "inner.running_var"):
        base[name] = torch.ones_like(base[name])
        for expert in experts:
            expert[name] = 0.01 + 0.1 * torch.rand_like(base[name])
    return base, experts


def access(count, *, one_task=False):
    heads = [functional.normalize(torch.randn(5, 3), dim=0) for _ in range(count)]
    if one_task:
        heads = heads[:1] * count
    inputs = [torch.randn(12, 6, 6) for _ in range(count)]
    examples = [(x, torch.arange(12) % 3) for x in inputs]
    network = Network(Normalised(), heads)
    return Access(network, inputs=inputs, examples=examples, evaluate=lambda m, k: float(k), budget=10_000)


def build(name, **given):
    module, _, attribute = METHODS[name].target.partition(":")
    merge = getattr(import_module(module), attribute)
    return merge(**given, **{key: value for key, value in FEW.items() if key in (merge.__kwdefaults__ or {})})


@pytest.mark.parametrize("name", METHODS)
def test_every_merge_gives_finite_numbers_and_no_variance_below_zero(world, name):
    base, experts = world
    for count in (4, 2):
        seen = access(count, one_task=name == "rws")
        try:
            merged = build(name, base=base, experts=experts[:count], access=seen)
        except Skip:
            continue
        break
    else:
        assert name in ("data-flow", "evo-merging")  # for networks of other kinds
        return
    models = [merged.model(k) for k in range(count)] if isinstance(merged, Routed) else [merged]
    for model in models:
        state = model.state if isinstance(model, Reshaped) else model
        assert set(state) == set(base)
        assert all(state[key].min() >= 0 for key in state if key.endswith("running_var"))
        assert state["norm.num_batches_tracked"] == base["norm.num_batches_tracked"] or isinstance(merged, Routed)
        assert all(seen.network.logits(state, x, k).isfinite().all() for k, x in enumerate(seen.inputs))


@pytest.mark.parametrize("name", ["task-arithmetic", "ties", "dare", "pcb", "tsv-m", "iso-c", "opcm", "model-stock"])
def test_statistics_have_no_part_in_what_becomes_of_weights(world, name):
    """Weights are those of a merge of models without statistics, and statistics the mean of the experts'."""
    base, experts = world
    nothing = access(4)
    bare, *bare_experts = ({n: t for n, t in state.items() if not is_statistic(n)} for state in (base, *experts))
    torch.manual_seed(1)
    merged = build(name, base=base, experts=experts, access=nothing)
    torch.manual_seed(1)
    without = build(name, base=bare, experts=bare_experts, access=nothing)
    for key in merged:
        if is_statistic(key):
            torch.testing.assert_close(merged[key], torch.stack([e[key] for e in experts]).mean(0))
        else:
            assert torch.equal(merged[key], without[key])


def test_statistics_of_a_merge_that_sees_inputs_are_its_own(world):
    base, experts = world
    seen = access(4)
    merged = build("regmean", base=base, experts=experts, access=seen)
    x = torch.cat(list(seen.inputs)).unsqueeze(1)
    found = functional.conv2d(x, merged["convolution.weight"], merged["convolution.bias"], padding=1)
    torch.testing.assert_close(merged["norm.running_mean"], found.mean((0, 2, 3)))
    torch.testing.assert_close(merged["norm.running_var"], found.var((0, 2, 3)))
    again = reestimated(seen.network, merged, seen.inputs)
    assert all(torch.allclose(again[key], merged[key], rtol=1e-4, atol=1e-5) for key in merged)


def test_masks_give_back_the_statistics_of_each_expert(world):
    base, experts = world
    merged = build("tall-masks", base=base, experts=experts, access=access(4))
    for task, expert in enumerate(experts):
        assert all(torch.equal(merged.model(task)[key], expert[key]) for key in expert if is_statistic(key))
    weights = sum(t.numel() for n, t in base.items() if t.is_floating_point() and not is_statistic(n))
    assert merged.extra_parameters == weights + 4 * weights / 32 + 3 * 2 * (4 + 6)


def test_signatures_replace_batch_normalisation_by_that_of_the_robust_models(world):
    base, (clean, one, other, host) = world
    merged = rws(base=base, experts=[clean, one, other, host], access=access(1), keep=1)
    for key in chain(*((f"{norm}.{part}" for part in NORMS) for norm in ("norm", "inner"))):
        torch.testing.assert_close(merged[key], (one[key] + other[key]) / 2)
    assert not torch.equal(merged["convolution.weight"], host["convolution.weight"])
    assert torch.equal(merged["hidden.weight"], host["hidden.weight"]), "a norm counts as a layer"


def test_statistics_go_with_their_units_and_have_no_part_in_matching(world):
    a, network = world[1][0], access(1).network
    order = [torch.randperm(4), torch.randperm(6)]
    moved, x = permuted(a, network.groups, order), torch.randn(9, 6, 6)
    torch.testing.assert_close(network.features(moved, x), network.features(a, x), rtol=1e-4, atol=1e-5)
    strange = {n: 100 * torch.rand_like(t) if is_statistic(n) else t for n, t in moved.items()}
    assert all(torch.equal(p[q], torch.arange(len(p))) for p, q in
               zip(order, match(a, strange, network.groups, 50), strict=True))  # fmt: skip


def test_merged_units_have_the_mean_of_their_statistics(world):
    base, _ = world
    network = access(1).network
    small = ifm(model=base, network=network, ratio=1.0, most=1.0).state
    assert len(small["norm.running_var"]) == 1
    torch.testing.assert_close(small["norm.running_mean"][0], base["norm.running_mean"].mean())


def test_an_expert_with_a_variance_below_zero_is_refused(world):
    base, experts = world
    experts[1]["inner.running_var"][2] = -0.1
    with pytest.raises(WeightsError, match=r"expert 1: 'inner.running_var' holds variances below 0"):
        validate(base, experts)
