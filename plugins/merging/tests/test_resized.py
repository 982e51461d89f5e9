"""Models of other shapes than the base's: PLeaS in part, and paths through the experts' layers."""

from itertools import permutations

import pandas as pd
import pytest
import torch

from bench_merging.access import Access
from bench_merging.methods.data_flow import data_flow, routed
from bench_merging.methods.partial import _factor, layout, least_alike, shares, widened
from bench_merging.methods.pleas import _matched, pleas, records
from bench_merging.methods.weight_matching import match, permuted, weight_matching
from bench_merging.methods.zipit import group_activations
from bench_merging.network import CNN, MLP, Network
from bench_merging.residual import Residual
from bench_merging.result import Reshaped
from harness import Skip
from harness.testing import Bench


def pair(trunk):
    """Return a network and two models of it that have nothing in common."""
    network = Network(trunk, [torch.eye(6)] * 2)
    return network, [{n: 0.3 * torch.randn_like(t) for n, t in trunk.state_dict().items()} for _ in range(2)]


@pytest.mark.parametrize("trunk", [MLP(256, [12, 10], 6), CNN(16, [6, 8], 6)], ids=["mlp", "cnn"])
@pytest.mark.parametrize("matching", ["activations", "weights"])
def test_with_all_units_apart_pleas_computes_the_mean_of_both_models(trunk, matching):
    network, experts = pair(trunk)
    x = torch.randn(40, 16, 16)
    access = Access(network, inputs=[x, x])
    merged = pleas(base=experts[0], experts=experts, access=access, budget=2.0, matching=matching)
    assert isinstance(merged, Reshaped)
    assert all(len(merged.state[n]) == 2 * len(t) for n, t in experts[0].items() if n != "last.weight")
    expected = sum(network.features(expert, x) for expert in experts) / 2
    torch.testing.assert_close(network.features(merged.state, x), expected, rtol=1e-3, atol=1e-4)
    weight = merged.state["hidden.1.weight" if isinstance(trunk, MLP) else "convolutions.1.weight"]
    out, into = weight.shape[0] // 2, weight.shape[1] // 2
    assert not weight[:out, into:].any()  # nothing leads from own units of one expert to those of the other
    assert not weight[out:, :into].any()


def test_units_are_matched_by_the_distance_of_what_they_give_or_by_its_correlation():
    network, (a, b) = pair(MLP(256, [4], 6))
    x = torch.randn(30, 16, 16)
    ((one,), (other,)) = (group_activations(network, state, x, network.groups) for state in (a, b))
    similarities = {
        "activations": -(one.T[:, None] - other.T[None]).norm(dim=2),
        "correlations": torch.corrcoef(torch.cat([one, other], dim=1).T)[:4, 4:],
    }
    for matching, similarity in similarities.items():
        best = max(permutations(range(4)), key=lambda order, s=similarity: float(s[range(4), order].sum()))
        (found,), (alike,) = _matched(network, a, b, x, matching)
        assert found.tolist() == list(best)
        torch.testing.assert_close(alike, similarity[range(4), best])


def test_a_larger_budget_fits_the_models_better_and_keeps_to_its_cost():
    network, (a, b) = pair(MLP(256, [16, 12], 6))
    x = torch.randn(60, 16, 16)
    target = (network.features(a, x) + network.features(b, x)) / 2
    errors, sizes = [], []
    for budget in (1.0, 1.3, 1.6, 2.0):
        torch.manual_seed(0)
        found = pleas(base=a, experts=[a, b], access=Access(network, inputs=[x, x]), budget=budget)
        state = found.state if isinstance(found, Reshaped) else found
        errors.append(float((network.features(state, x) - target).square().mean()))
        w, v = len(state["hidden.0.bias"]), len(state["hidden.1.bias"])
        own = (w - 16) * (v - 12)  # nothing leads from A's own units to B's, and back
        sizes.append((256 * w + w * v - 2 * own + 6 * v) / (256 * 16 + 16 * 12 + 6 * 12))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6
    assert all(size <= budget + 1e-6 for size, budget in zip(sizes, (1.0, 1.3, 1.6, 2.0), strict=True))


def test_shares_keep_the_budget_and_use_it():
    costs = {(None, 0): 100.0, (0, 1): 50.0, (1, None): 10.0}
    assert shares(costs, 2, 1.0) == pytest.approx([0, 0], abs=1e-6)
    assert shares(costs, 2, 2.0) == [1.0, 1.0]
    one, two = shares(costs, 2, 1.4)
    factor = (1 + one) * (1 + two) - 2 * one * two
    assert (100 * (1 + one) + 50 * factor + 10 * (1 + two)) / 160 <= 1.4 + 1e-5
    assert one + two > 0.8  # equal shares of 0.4 would be within the budget, too


def test_the_least_alike_stay_apart():
    apart = least_alike(torch.tensor([0.9, -0.2, 0.5, 0.1]), 0.5)
    assert apart.tolist() == [False, True, False, True]
    here = layout(apart)
    assert (here.merged, here.apart) == (2, 2)
    through = sum(read @ give for read, give in zip(here.read, here.give, strict=True))
    torch.testing.assert_close(through.diag(), torch.tensor([1.0, 2, 1, 2]).double())


def test_an_architecture_of_one_width_is_skipped():
    class Fixed(MLP):
        like = property()  # there is none

    network, experts = pair(Fixed(256, [8], 6))
    x = torch.randn(20, 16, 16)
    with pytest.raises(Skip, match="one shape only"):
        pleas(base=experts[0], experts=experts, access=Access(network, inputs=[x, x]), budget=1.5)


@pytest.fixture
def layered():
    trunk = Residual(5, 6, 3, 4)
    network = Network(trunk, [torch.eye(4)] * 2)
    return network, [{n: 0.3 * torch.randn_like(t) for n, t in trunk.state_dict().items()} for _ in range(3)]


def test_the_path_of_one_model_is_that_model_bit_for_bit(layered):
    network, experts = layered
    x = torch.randn(9, 5)
    slots = [(k, layer) for k in range(3) for layer in range(3)] * 2
    for k in range(3):
        path = [t for t in range(9) if slots[t][0] == k]
        model = routed(experts, network.stack, slots, path, torch.ones(18 * 17 // 2))
        assert torch.equal(network.features(model, x), network.features(experts[k], x))


def test_a_path_goes_through_layers_in_order_with_their_scales(layered):
    network, (a, b, _) = layered
    slots = [(k, layer) for k in range(2) for layer in range(3)] * 2
    scales = torch.ones(12 * 11 // 2)
    scales[sum(11 - i for i in range(1)) + (9 - 1 - 1)] = 0.5  # W_19: row 1 begins behind row 0, of 11 entries
    model = routed([a, b], network.stack, slots, [1, 9], scales)
    assert model["scales"].tolist() == [1.0, 0.5]
    x = torch.randn(4, 5)
    h = x @ a["embed.weight"].T + a["embed.bias"]
    for scale, owner, layer in ((1.0, a, 1), (0.5, b, 0)):
        h = h * scale
        inner = (h @ owner[f"blocks.{layer}.fc1.weight"].T + owner[f"blocks.{layer}.fc1.bias"]).relu()
        h = h + inner @ owner[f"blocks.{layer}.fc2.weight"].T + owner[f"blocks.{layer}.fc2.bias"]
    torch.testing.assert_close(network.features(model, x), h @ b["last.weight"].T)


def test_a_residual_network_s_units_can_change_places(layered):
    network, (state, *_) = layered
    sizes = [state[group[0].tensor].shape[0] for group in network.groups]
    again = permuted(state, network.groups, [torch.randperm(n) for n in sizes])
    x = torch.randn(7, 5)
    assert not torch.equal(again["embed.weight"], state["embed.weight"])
    torch.testing.assert_close(network.features(again, x), network.features(state, x), rtol=1e-4, atol=1e-5)


def test_the_search_starts_at_the_best_expert_and_never_falls_behind_it(layered):
    network, experts = layered
    inputs = torch.randn(40, 5)
    slots = [(k, layer) for k in range(3) for layer in range(3)]
    path = routed(experts, network.stack, slots, [4, 5, 7], torch.full((36,), 0.8))  # the second, with a layer changed
    target = network.features(path, inputs)

    def quality(model, _):
        return -float((network.features(model, inputs) - target).square().mean())

    values = []
    for trials in (1, 60, 200):
        torch.manual_seed(0)
        access = Access(network, evaluate=quality, budget=2 * (3 + trials))
        values.append(quality(data_flow(base=experts[0], experts=experts, access=access, trials=trials).state, 0))
    assert values[0] == pytest.approx(max(quality(expert, 0) for expert in experts), abs=1e-6)
    assert values == sorted(values)
    assert values[2] > values[0]


def test_tasks_of_other_shapes_run(tmp_path):
    bench = Bench(tmp_path, [])
    bench.write(
        "s.yaml",
        "pack: 100\nseeds: [0]\ntasks:\n"
        "  - {task: merge-unlabelled-train-resized, params: {pool: tiny-pair}}\n"
        "  - {task: merge-evaluations-resized, params: {pool: tiny-layered}}\n"
        "  - {task: match-data-free, params: {pool: tiny-pair}}\n"
        "  - {task: match-unlabelled-train, params: {pool: tiny-pair}}\n"
        "  - {task: match-labelled, params: {pool: tiny-pair}}\n"
        "  - {task: compress, params: {pool: tiny-pair}}\n"
        "  - {task: vision-transformer-training, params: {images: digits, steps: 8, width: 8, heads: 2, blocks: 2}}\n"
        "methods:\n"
        "  - {method: pleas, grid: {budget: [1.0, 1.5]}}\n"
        "  - {method: data-flow, params: {trials: 60}}\n"
        "  - average\n  - weight-matching\n  - activation-matching\n"
        "  - {method: straight-through, params: {steps: 3}}\n"
        "  - {method: ifm, grid: {ratio: [0.0, 0.3]}}\n  - random-merging\n  - unit-pruning\n"
        "  - feed-forward\n  - {method: ewa, grid: {share: [0.0, 0.1]}}\n",
    )
    done = bench("run", "s.yaml", timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "results" / "s")
    assert set(table["status"]) == {"done", "skipped"}
    assert set(table[table["status"] == "skipped"]["method"]) == {"pleas"}  # it is no matching
    values = table[table["split"].isin(["test", "train"])]
    small = values[values["method"] == "ifm"].pivot(index="method_params", columns="metric", values="value")
    small = small.sort_values("size_ratio")
    assert small["size_ratio"].iloc[0] < small["size_ratio"].iloc[1] == small["normalised_accuracy"].iloc[1] == 1
    ratio = values[(values["metric"] == "size_ratio") & (values["method"] == "pleas")]["value"].tolist()
    assert min(ratio) == 1 < max(ratio)
    barrier = values[values["metric"] == "line_barrier"].set_index("method")["value"]
    distance = values[values["metric"] == "distance_ratio"].set_index("method")["value"]
    assert distance["average"] == pytest.approx(1, abs=1e-5)
    assert distance["weight-matching"] < 1
    assert barrier["weight-matching"] < barrier["average"]


def test_with_all_units_merged_and_nothing_fitted_it_is_the_average_of_matched_models():
    network, (a, b) = pair(CNN(16, [6, 8], 6))
    found = match(a, b, network.groups, 100)
    nothing_apart = [layout(torch.zeros(len(p), dtype=torch.bool)) for p in found]
    merged = widened(a, permuted(b, network.groups, found), network.groups, nothing_apart)
    expected = weight_matching(base=a, experts=[a, b], access=Access(network))
    for name in a:
        torch.testing.assert_close(merged[name].float(), expected[name], rtol=1e-4, atol=1e-5)


def test_every_layer_is_fitted_no_worse_than_the_averaged_weights():
    network, (a, b) = pair(MLP(256, [16, 12], 6))
    x = torch.randn(60, 16, 16)
    access = Access(network, inputs=[x, x])
    fitted = pleas(base=a, experts=[a, b], access=access, matching="none")
    seen = records(network, a, x), records(network, b, x)
    for layer in seen[0]:
        (z_a, y_a), (z_b, y_b) = (part[layer] for part in seen)
        residuals = []
        for state in (fitted, {name: (a[name] + b[name]) / 2 for name in a}):
            bias = state[f"{layer}.bias"].double() if f"{layer}.bias" in state else 0
            found = (z_a + z_b) / 2 @ state[f"{layer}.weight"].double().T + bias
            residuals.append(float((found - (y_a + y_b) / 2).square().mean()))
        assert residuals[0] <= residuals[1] * (1 + 1e-6)


def test_a_layer_costs_as_its_blocks_do():
    costs = {(0, 1): 3.0, (None, 0): 1.0}
    assert [_factor([0.0, 0.0], *ends) for ends in costs] == [1, 1]
    assert [_factor([1.0, 1.0], *ends) for ends in costs] == [2, 2]
    assert _factor([0.5, 0.25], 0, 1) == pytest.approx(1.5 * 1.25 - 2 * 0.125)
