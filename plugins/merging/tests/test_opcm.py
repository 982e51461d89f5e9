"""OPCM and PCB: projections, norms, shares."""

import math

import pytest
import torch

from bench_merging.access import Access
from bench_merging.methods.opcm import opcm, projected
from bench_merging.methods.pcb import _Competition, _Rules, pcb, pcb_es
from bench_merging.network import MLP, Network
from bench_merging.state import task_vectors
from bench_merging.text import Windows


def matrices():
    return torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9, 1.0])
def test_the_projection_is_orthogonal_to_what_is_merged_and_to_what_it_removes(alpha):
    p, t = matrices()
    cleaned = projected(p, t, alpha)
    assert abs(float((cleaned * p).sum())) < 1e-10
    assert abs(float((cleaned * (t - cleaned)).sum())) < 1e-10
    assert cleaned.norm() <= t.norm()
    torch.testing.assert_close(projected(p, cleaned, alpha), cleaned)
    torch.testing.assert_close(projected(p, p, alpha), torch.zeros_like(p))


def test_the_thin_form_is_that_of_the_full_decomposition():
    p, t = matrices()
    u, s, vt = torch.linalg.svd(p, full_matrices=True)
    core = u.T @ t @ vt.T
    core.diagonal().fill_(0)
    rank = int((s.cumsum(0) / s.sum() > 0.5).float().argmax())
    core[:rank, :rank] = 0
    torch.testing.assert_close(projected(p, t, 0.5), u @ core @ vt)


@pytest.fixture
def maps():
    """An access to a network without embeddings."""
    return Access(Network(MLP(2, [2], 2), [torch.eye(2)]))


def test_the_displacement_has_the_mean_norm_of_the_experts(draw, maps):
    base, experts = draw(5)

    def displacement(model):
        return math.sqrt(sum(float((model[n] - base[n]).double().square().sum()) for n in base))

    for count in (1, 3, 5):
        merged = opcm(base=base, experts=experts[:count], access=maps)
        mean = sum(map(displacement, experts[:count])) / count
        assert displacement(merged) == pytest.approx(mean, rel=1e-4)
    first = opcm(base=base, experts=experts[:1], access=maps)
    assert all(torch.allclose(first[n], experts[0][n], atol=1e-6) for n in base)


def test_a_stream_of_equal_matrices_is_that_matrix(maps):
    base, expert = {"w": torch.randn(6, 4)}, {"w": torch.randn(6, 4)}
    torch.testing.assert_close(opcm(base=base, experts=[expert] * 4, access=maps)["w"], expert["w"])


def test_tables_of_embeddings_are_added_as_they_are():
    """Of two experts, all parts are added up and shrunk alike; what is projected has lost something before."""
    trunk = Windows(7, 4, 5, 3)
    base = {name: tensor.clone() for name, tensor in trunk.state_dict().items()}
    one, two = ({name: base[name] + torch.randn_like(base[name]) for name in base} for _ in range(2))
    merged = opcm(base=base, experts=[one, two], access=Access(Network(trunk, [torch.eye(3)])))
    ratios = {name: (merged[name] - base[name]) / (one[name] + two[name] - 2 * base[name]) for name in base}
    shrunk = ratios["hidden.0.bias"]
    torch.testing.assert_close(ratios["embedding.weight"], shrunk[0].expand(7, 4), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(ratios["hidden.0.weight"], shrunk[0].expand(5, 12), atol=1e-2)


def balanced(tau, keep, clip, inter, **params):
    base, experts = {"w": torch.zeros(tau.shape[1])}, [{"w": row} for row in tau]
    return pcb(base=base, experts=experts, access=None, keep=keep, clip=clip, inter=inter, **params)["w"]


def by_hand(tau, keep, clip, inter, drop, mask, intra="squared"):
    """All in one, on whole vectors."""

    def unit(x):
        return (x - x.amin(-1, keepdim=True)) / (x.amax(-1, keepdim=True) - x.amin(-1, keepdim=True))

    count, size = tau.shape
    ordered = tau.abs().sort().values
    low, high = ordered[:, int(size * clip)], ordered[:, int(size * (1 - clip)) - 1]
    size_of = tau.abs().clamp(low[:, None], high[:, None])
    signed = tau.sign() * unit(size_of)
    between = {
        "pairs": torch.tanh(signed[:, None] * signed[None]).sum(1),
        "sum": torch.tanh(tau * signed.sum(0)),
        "raw": torch.tanh(tau * tau.sum(0)),
        "paper": unit(tau[:, None] * tau[None]).softmax(-1).sum(1),
    }[inter]
    growth = count * (unit(size_of.square()) if intra == "paper" else signed.square())
    score = (growth.exp() if drop == "shifted" else size * growth.softmax(-1)) * between
    if mask < 1:
        score = score * (tau.abs() >= ordered[:, int(size * (1 - mask)) - 1 : int(size * (1 - mask))])
    threshold = score.sort().values[:, int(size * (1 - keep))][:, None]
    shifted = unit(torch.maximum(score, threshold))
    share = shifted if drop == "shifted" else torch.where(score >= threshold, score, 0).clamp(min=0)
    return (share * tau.sign() * size_of).sum(0) / share.sum(0).clamp(min=1e-12)


@pytest.mark.parametrize("inter", ["pairs", "sum", "raw", "paper"])
@pytest.mark.parametrize("drop", ["shifted", "masked"])
@pytest.mark.parametrize("mask", [1.0, 0.3])
def test_pcb_tensor_by_tensor_is_pcb_of_whole_vectors(draw, inter, drop, mask):
    base, experts = draw(3)
    whole = torch.stack([torch.cat([(e[n] - base[n]).flatten() for n in sorted(base)]) for e in experts])
    merged = pcb(base=base, experts=experts, access=None, inter=inter, drop=drop, mask=mask)
    found = torch.cat([(merged[n] - base[n]).flatten() for n in sorted(base)])
    torch.testing.assert_close(found, by_hand(whole, 0.2, 0.01, inter, drop, mask), rtol=1e-3, atol=1e-5)


def test_the_paper_normalises_the_squares_of_what_is_limited():
    tau = torch.randn(3, 400) * torch.tensor([1.0, 0.3, 2.0])[:, None]
    params = {"keep": 0.2, "clip": 0.2, "inter": "paper", "drop": "masked", "intra": "paper"}
    merged = balanced(tau, **params)
    torch.testing.assert_close(merged, by_hand(tau, mask=1.0, **params), rtol=1e-3, atol=1e-5)
    assert not torch.allclose(merged, balanced(tau, **params | {"intra": "squared"}), rtol=1e-2)


def test_the_evolutionary_script_starts_at_one_and_finds_better(draw):
    base, experts = draw(3)
    target = pcb(base=base, experts=experts, access=None, keep=0.05, scale=1.2)

    def evaluate(model, _):
        return -float(sum((model[n] - target[n]).abs().sum() for n in base))

    found = []
    for trials in (1, 200):
        access = Access(Network(MLP(2, [2], 2), [torch.eye(2)] * 3), evaluate=evaluate, budget=3 * trials)
        found.append(pcb_es(base=base, experts=experts, access=access, trials=trials))
    at_one = pcb(base=base, experts=experts, access=None, keep=0.05)
    assert all(torch.allclose(found[0][n], at_one[n], atol=1e-6) for n in base)
    assert evaluate(found[1], 0) > 0.3 * evaluate(found[0], 0)


def test_the_evolutionary_script_keeps_to_its_box_though_more_would_be_better(draw):
    base, experts = draw(3)
    target = pcb(base=base, experts=experts, access=None, keep=0.05, scale=2.0)
    competition = _Competition(base, experts, _Rules(0.05, 0.01, "pairs", "shifted", 1.0))
    shares = torch.cat(
        [competition.shares(task_vectors(name, base, experts)).flatten(1) for name in sorted(base)], dim=1
    )

    def scales(model):
        update = torch.cat([(model[n] - base[n]).flatten() for n in sorted(base)])
        return torch.linalg.lstsq(shares.T, update[:, None]).solution[:, 0]

    def evaluate(model, _):
        return -float(sum((model[n] - target[n]).abs().sum() for n in base))

    access = Access(Network(MLP(2, [2], 2), [torch.eye(2)] * 3), evaluate=evaluate, budget=600)
    found = scales(pcb_es(base=base, experts=experts, access=access, trials=200))
    torch.testing.assert_close(scales(target), torch.full((3,), 2.0))
    assert found.max() <= 1.3 + 1e-4
    assert found.min() > 1.2


@pytest.mark.parametrize("inter", ["pairs", "sum", "raw", "paper"])
def test_pcb_commutes_with_the_order_of_experts_and_entries(inter):
    tau = torch.randn(3, 500)
    merged = balanced(tau, 0.2, 0.01, inter)
    order = torch.randperm(500)
    torch.testing.assert_close(balanced(tau[[2, 0, 1]], 0.2, 0.01, inter), merged, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(balanced(tau[:, order], 0.2, 0.01, inter), merged[order], rtol=1e-4, atol=1e-6)


def test_pcb_of_equal_experts_is_the_expert_but_at_the_least_entries():
    tau = torch.randn(1, 300)
    merged = balanced(tau.repeat(3, 1), 1.0, 0.0, "pairs")
    lost = merged == 0
    assert int(lost.sum()) == 1
    torch.testing.assert_close(merged[~lost], tau[0][~lost], rtol=1e-5, atol=1e-6)


def test_pcb_keeps_the_share_it_is_told_to():
    tau = torch.randn(1, 1000)
    kept = balanced(tau, 0.1, 0.0, "pairs") != 0
    assert 98 <= int(kept.sum()) <= 100
    assert tau[0].abs()[kept].min() >= tau[0].abs()[~kept].max()  # alone, the largest compete best


def test_pcb_scales_with_its_pairs_and_opposites_give_the_base():
    tau = torch.randn(2, 400)
    torch.testing.assert_close(
        balanced(3 * tau, 0.2, 0.01, "pairs"), 3 * balanced(tau, 0.2, 0.01, "pairs"), rtol=1e-3, atol=1e-5
    )
    opposites = torch.stack([tau[0], -tau[0]])
    assert not balanced(opposites, 0.2, 0.0, "pairs").any()


def test_the_factor_of_independent_updates_grows_as_the_root_of_their_number(maps):
    base, experts = {"b": torch.zeros(20_000)}, [{"b": torch.randn(20_000)} for _ in range(9)]
    total = torch.stack([expert["b"] for expert in experts]).sum(0)
    merged = opcm(base=base, experts=experts, access=maps)["b"]  # sum / lambda_t
    torch.testing.assert_close(math.sqrt(len(experts)) * merged, total, rtol=0.03, atol=0.01)


def test_pcb_of_one_expert_is_what_is_limited_of_it_where_it_is_kept():
    tau = torch.randn(1, 500)
    merged = balanced(tau, 0.3, 0.01, "pairs")
    ordered = tau[0].abs().sort().values
    limited = tau[0].sign() * tau[0].abs().clamp(ordered[5], ordered[494])
    kept = merged != 0
    assert 100 <= int(kept.sum()) <= 150
    torch.testing.assert_close(merged[kept], limited[kept])


@pytest.mark.parametrize("inter", ["raw", "sum"])
def test_pcb_with_raw_updates_does_not_scale_with_them(inter):
    tau = torch.randn(2, 400)
    difference = balanced(3 * tau, 0.2, 0.01, inter) - 3 * balanced(tau, 0.2, 0.01, inter)
    assert difference.abs().max() > 0.01
