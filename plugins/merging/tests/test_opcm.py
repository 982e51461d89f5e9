"""OPCM and PCB: projections, norms, shares."""

import math

import pytest
import torch

from bench_merging.methods.opcm import opcm, projected
from bench_merging.methods.pcb import balanced, pcb


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


def test_the_displacement_has_the_mean_norm_of_the_experts(draw, nothing):
    base, experts = draw(5)

    def displacement(model):
        return math.sqrt(sum(float((model[n] - base[n]).double().square().sum()) for n in base))

    for count in (1, 3, 5):
        merged = opcm(base=base, experts=experts[:count], access=nothing)
        mean = sum(map(displacement, experts[:count])) / count
        assert displacement(merged) == pytest.approx(mean, rel=1e-4)
    first = opcm(base=base, experts=experts[:1], access=nothing)
    assert all(torch.allclose(first[n], experts[0][n], atol=1e-6) for n in base)


def test_a_stream_of_equal_matrices_is_that_matrix(nothing):
    base, expert = {"w": torch.randn(6, 4)}, {"w": torch.randn(6, 4)}
    torch.testing.assert_close(opcm(base=base, experts=[expert] * 4, access=nothing)["w"], expert["w"])


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


def test_pcb_refuses_shares_out_of_range(draw, nothing):
    base, experts = draw(2)
    for wrong in ({"keep": 0.0}, {"clip": 0.5}):
        with pytest.raises(ValueError, match="keep must be"):
            pcb(base=base, experts=experts, access=nothing, **wrong)
