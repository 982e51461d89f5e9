"""TSV-M and Iso-C: spectra, exact cases, changes of basis."""

import torch

from bench_merging.methods.iso import iso_c, isotropic
from bench_merging.methods.tsv import merged_update, tsv_m, whitened


def orthogonal(n):
    return torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0]


def test_one_task_is_returned():
    tau = torch.randn(1, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(merged_update(tau), tau[0])


def test_experts_in_orthogonal_spaces_are_summed():
    left, right = orthogonal(12), orthogonal(9)
    tau = torch.stack(
        [
            left[:, 3 * i : 3 * i + 3] @ torch.diag(torch.rand(3).double() + 1) @ right[3 * i : 3 * i + 3]
            for i in range(3)
        ]
    )
    torch.testing.assert_close(merged_update(tau), tau.sum(0))


def test_whitening_gives_the_nearest_orthonormal_columns():
    x = torch.randn(8, 5, dtype=torch.float64)
    best = whitened(x)
    torch.testing.assert_close(best.T @ best, torch.eye(5, dtype=torch.float64))
    others = [torch.linalg.qr(x + 0.3 * torch.randn_like(x))[0] for _ in range(20)]
    assert all((best - x).norm() <= (other - x).norm() for other in others)


def test_tsv_does_not_return_equal_experts():
    tau = torch.randn(1, 9, 9, dtype=torch.float64).repeat(3, 1, 1)
    assert (merged_update(tau) - tau[0]).norm() / tau[0].norm() > 0.3


def test_iso_makes_the_spectrum_flat_and_keeps_the_nuclear_norm():
    update = torch.randn(10, 6, dtype=torch.float64)
    before, after = (torch.linalg.svdvals(m) for m in (update, isotropic(update)))
    torch.testing.assert_close(after, before.mean().expand(6))


def test_both_commute_with_a_change_of_basis():
    tau, q, r = torch.randn(3, 10, 9, dtype=torch.float64), orthogonal(10), orthogonal(9)
    torch.testing.assert_close(merged_update(q @ tau @ r), q @ merged_update(tau) @ r)
    torch.testing.assert_close(isotropic(q @ tau[0] @ r), q @ isotropic(tau[0]) @ r)


def test_what_is_no_matrix_or_too_small_is_averaged(draw, nothing):
    base, experts = draw(3)  # "b.weight" has two rows for three experts
    mean = {name: torch.stack([e[name] for e in experts]).mean(0) for name in base}
    merged = tsv_m(base=base, experts=experts, access=nothing)
    for name in ("a.bias", "b.weight"):
        torch.testing.assert_close(merged[name], mean[name])
    torch.testing.assert_close(iso_c(base=base, experts=experts, access=nothing)["a.bias"], mean["a.bias"])
    assert not torch.allclose(merged["a.weight"], mean["a.weight"], atol=1e-3)


def test_iso_of_equal_experts_is_k_times_the_flat_update(draw, nothing):
    base, experts = draw(1)
    merged = iso_c(base=base, experts=experts * 4, access=nothing)["a.weight"] - base["a.weight"]
    expected = 4 * isotropic(experts[0]["a.weight"] - base["a.weight"])
    torch.testing.assert_close(merged, expected, rtol=1e-4, atol=1e-5)


def test_both_scale_with_the_updates():
    tau = torch.randn(3, 8, 6, dtype=torch.float64)
    torch.testing.assert_close(merged_update(4 * tau), 4 * merged_update(tau))
    torch.testing.assert_close(isotropic(4 * tau[0]), 4 * isotropic(tau[0]))
