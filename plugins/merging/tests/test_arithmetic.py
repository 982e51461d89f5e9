"""Average, task arithmetic, DARE, SLERP and Model Stock: closed forms."""

import math

import pytest
import torch

from bench_merging import evaluation
from bench_merging.methods.average import average
from bench_merging.methods.dare import dare
from bench_merging.methods.model_stock import model_stock, ratio
from bench_merging.methods.pcb import pcb
from bench_merging.methods.slerp import slerp
from bench_merging.methods.task_arithmetic import task_arithmetic
from bench_merging.methods.ties import ties
from bench_merging.state import BLOCK
from harness import Skip


def close(a, b, tolerance=1e-6):
    for name in b:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=tolerance)


def interpolate(a, b, t):
    return slerp(base={"w": torch.zeros_like(a)}, experts=[{"w": a}, {"w": b}], access=None, t=t)["w"]


def test_the_average_is_task_arithmetic_at_one_over_k(draw, nothing):
    base, experts = draw(4)
    close(
        average(base=base, experts=experts, access=nothing),
        task_arithmetic(base=base, experts=experts, access=nothing, scale=1 / 4),
    )


def test_task_arithmetic_at_zero_is_the_base_and_at_one_a_single_expert(draw, nothing):
    base, experts = draw(1)
    zero = task_arithmetic(base=base, experts=experts, access=nothing, scale=0.0)
    assert all(torch.equal(zero[name], base[name]) for name in base)
    close(task_arithmetic(base=base, experts=experts, access=nothing, scale=1.0), experts[0])


def test_task_arithmetic_is_linear_in_the_set_of_experts(draw, nothing):
    base, experts = draw(4)
    whole = task_arithmetic(base=base, experts=experts, access=nothing)
    parts = [task_arithmetic(base=base, experts=part, access=nothing) for part in (experts[:1], experts[1:])]
    close(whole, {name: parts[0][name] + parts[1][name] - base[name] for name in base})


def test_dare_that_drops_nothing_is_task_arithmetic_and_all_the_base(draw, nothing):
    base, experts = draw(3)
    close(
        dare(base=base, experts=experts, access=nothing, drop=0.0),
        task_arithmetic(base=base, experts=experts, access=nothing),
    )
    close(dare(base=base, experts=experts, access=nothing, drop=1.0), base, 0)


def test_what_dare_keeps_is_rescaled_exactly_and_about_the_right_share(draw, nothing):
    base, experts = draw(1, m=100, n=100)
    merged = dare(base=base, experts=experts, access=nothing, drop=0.8, scale=1.0)
    tau, delta = (state["a.weight"] - base["a.weight"] for state in (experts[0], merged))
    kept = delta != 0
    torch.testing.assert_close(delta[kept], 5 * tau[kept], rtol=1e-3, atol=1e-5)
    assert abs(kept.float().mean() - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 10_000)
    plain = dare(base=base, experts=experts, access=nothing, drop=0.8, scale=1.0, rescale=False)
    delta = plain["a.weight"] - base["a.weight"]
    torch.testing.assert_close(delta[delta != 0], tau[delta != 0], rtol=1e-3, atol=1e-6)


def test_the_expectation_of_dare_is_task_arithmetic(draw, nothing):
    base, experts = draw(2, m=4, n=3)
    draws = torch.stack([dare(base=base, experts=experts, access=nothing, drop=0.7)["a.weight"] for _ in range(600)])
    expected = task_arithmetic(base=base, experts=experts, access=nothing)["a.weight"]
    error = (draws.mean(0) - expected).abs() / (draws.std(0) / math.sqrt(600))
    assert error.max() < 4.5


def test_dare_does_not_depend_on_the_order_of_the_tensors(draw, nothing):
    base, experts = draw(2)
    torch.manual_seed(3)
    first = dare(base=base, experts=experts, access=nothing)
    torch.manual_seed(3)
    second = dare(base=dict(reversed(base.items())), experts=experts, access=nothing)
    close(first, second, 0)


def test_slerp_ends_at_its_models_and_is_symmetric(draw, nothing):
    base, experts = draw(2, size=2.0)
    for t, end in ((0.0, experts[0]), (1.0, experts[1])):
        close(slerp(base=base, experts=experts, access=nothing, t=t), end, 1e-6)
    forth = slerp(base=base, experts=experts, access=nothing, t=0.3)
    back = slerp(base=base, experts=experts[::-1], access=nothing, t=0.7)
    close(forth, back)


def test_slerp_keeps_the_norm_and_turns_at_constant_speed():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    for t in (0.25, 0.5):
        angle = torch.tensor(t * math.pi / 2)
        torch.testing.assert_close(interpolate(a, b, t), 3 * torch.stack([angle.cos(), angle.sin()]))
    torch.testing.assert_close(interpolate(a, 2 * a, 0.5), 1.5 * a)  # parallel: linear
    torch.testing.assert_close(interpolate(a, torch.zeros(2), 0.5), a * math.sqrt(0.5))  # as in mergekit


def test_slerp_of_orthogonal_task_vectors_is_task_arithmetic_at_a_half_root(nothing):
    base = {"w": torch.ones(2)}
    experts = [{"w": torch.tensor([2.0, 1.0])}, {"w": torch.tensor([1.0, 2.0])}]
    close(
        slerp(base=base, experts=experts, access=nothing, of="task-vectors"),
        task_arithmetic(base=base, experts=experts, access=nothing, scale=math.sqrt(0.5)),
    )


def test_slerp_skips_three_experts(draw, nothing):
    base, experts = draw(3)
    with pytest.raises(Skip, match="two experts"):
        slerp(base=base, experts=experts, access=nothing)


@pytest.mark.parametrize(("count", "cosine", "expected"), [(2, 0.5, 2 / 3), (8, 0.02, 0.16 / 1.14), (3, -0.2, 0)])
def test_the_ratio_of_model_stock(count, cosine, expected):
    gram = torch.full((count, count), cosine).fill_diagonal_(1)
    assert ratio(gram) == pytest.approx(expected, abs=1e-6)


def test_model_stock_projects_the_centre_onto_the_line_to_the_mean(nothing):
    """theta_i = mu + e_i, all e_i orthogonal to each other and to mu: the closest point of the line is known."""
    axes = torch.eye(6)
    mu = 2 * axes[0]
    experts = [{"w": mu + 0.7 * axes[i]} for i in (1, 2, 3)]
    base = {"w": torch.zeros(6)}
    mean = torch.stack([e["w"] for e in experts]).mean(0)
    expected = (mu @ mean) / (mean @ mean) * mean
    close(model_stock(base=base, experts=experts, access=nothing), {"w": expected})


def test_model_stock_of_orthogonal_experts_is_the_base_and_scales_with_the_updates(draw, nothing):
    base = {"w": torch.zeros(3)}
    orthogonal = [{"w": torch.eye(3)[i]} for i in range(3)]
    close(model_stock(base=base, experts=orthogonal, access=nothing), base)
    base, experts = draw(3)
    doubled = [{name: 2 * e[name] - base[name] for name in base} for e in experts]
    merged = model_stock(base=base, experts=experts, access=nothing)
    wide = model_stock(base=base, experts=doubled, access=nothing)
    close({n: wide[n] - base[n] for n in base}, {n: 2 * (merged[n] - base[n]) for n in base}, 1e-5)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (average, {}),
        (task_arithmetic, {}),
        (model_stock, {}),
        (ties, {}),
        (pcb, {}),
        (pcb, {"inter": "paper", "drop": "masked"}),
    ],
)
def test_tensors_of_any_size_are_merged(method, options, nothing):
    """A number, nothing at all, and one entry more than a block."""
    shapes = [(), (0, 3), (BLOCK + 1,)]
    base = {str(shape): torch.randn(shape) for shape in shapes}
    experts = [{name: tensor + 0.1 * torch.randn(tensor.shape) for name, tensor in base.items()} for _ in range(3)]
    merged = method(base=base, experts=experts, access=nothing, **options)
    assert [merged[name].shape for name in base] == shapes
    least, most = (f(torch.stack([e[str(shapes[2])] for e in [base, *experts]]), 0) for f in (torch.amin, torch.amax))
    inside = (merged[str(shapes[2])] >= least - 0.2) & (merged[str(shapes[2])] <= most + 0.2)
    assert inside.all(), "an entry lies where no model has it"


def test_a_merge_in_blocks_is_the_merge_of_the_whole(draw, nothing, monkeypatch):
    base, experts = draw(5)
    for method in (average, task_arithmetic, model_stock, dare, ties, pcb):
        torch.manual_seed(0)
        whole = method(base=base, experts=experts, access=nothing)
        with monkeypatch.context() as patch:
            patch.setattr("bench_merging.state.BLOCK", 7)
            torch.manual_seed(0)
            close(method(base=base, experts=experts, access=nothing), whole)


def test_an_update_and_its_negation_cancel(draw, nothing):
    base, (expert,) = draw(1)
    opposite = {name: 2 * base[name] - expert[name] for name in base}
    close(task_arithmetic(base=base, experts=[expert, opposite], access=nothing, scale=1.0), base)


def test_dare_leaves_the_mean_output_of_a_layer_alone_and_its_variance_is_known(nothing):
    """Of W x, dropping a share p of an update D has the variance p / (1 - p) sum_j D_kj^2 x_j^2."""
    x, update, p = torch.randn(5), torch.randn(3, 5), 0.6
    base, experts = {"w": torch.zeros(3, 5)}, [{"w": update}]
    draws = [dare(base=base, experts=experts, access=nothing, drop=p, scale=1.0)["w"] @ x for _ in range(1500)]
    outputs = torch.stack(draws)
    variance = p / (1 - p) * (update.square() @ x.square())
    assert ((outputs.mean(0) - update @ x).abs() < 4.5 * (variance / len(draws)).sqrt()).all()
    torch.testing.assert_close(outputs.var(0), variance, rtol=0.25, atol=0)


def test_of_an_expert_dare_keeps_more_by_rescaling(small_pool, nothing):
    pool = small_pool(0)

    def own(**params):
        def merged(task):
            return dare(base=pool.base, experts=[pool.experts[task]], access=nothing, drop=0.8, scale=1.0, **params)

        draws = [evaluation.accuracies(pool, merged, "test") for _ in range(4)]
        return sum(map(sum, draws)) / (4 * len(pool.experts))

    assert own() > own(rescale=False) + 0.02


def test_slerp_of_a_small_angle_is_linear_up_to_its_square():
    for angle in (0.2, 0.1, 0.05):
        a, b = torch.tensor([1.0, 0.0]), torch.tensor([math.cos(angle), math.sin(angle)])
        difference = float((interpolate(a, b, 0.3) - torch.lerp(a, b, 0.3)).norm())
        assert 0 < difference < angle**2 / 8


def test_model_stock_of_different_tasks_stays_behind_the_average(small_pool, nothing):
    pool = small_pool(0)
    models = [method(base=pool.base, experts=pool.experts, access=nothing) for method in (model_stock, average)]
    stock, mean = (sum(evaluation.accuracies(pool, lambda _, m=model: m, "test")) for model in models)
    assert stock < mean
