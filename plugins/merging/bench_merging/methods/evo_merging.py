"""Evo-Merging: a pool of adapters merged through evaluations alone, with sparsified factors and signed weights; as
released (Chansl-Lucky/Black-Box-Merging).

    A, B      sum_i b_i Top(A_i, a_i) and sum_i b_i B_i: the factors are mixed, and with them the cross terms b_i b_j
    Top       the round(a n) entries of a factor A that are largest by magnitude (and what equals the least of these),
              one at least unless a is 0
    stage 1   b_i = 1/N; a in [0, 1]^N from 1; score less 0.05 mean|a|
    stage 2   a as found; b in [-1.5, 1.5]^N from 1/N; score less 0.05 mean|b|: a negative weight takes an adapter away
    search    CMA-ES, population 20, sigma 0.05; stage 2 counts where its score less penalty is above stage 1's

The score is the mean validation accuracy; the release has the loss on a few samples of one target task, and 400 and 800
trials. Several tasks cost an evaluation each, so that the defaults are half of that.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.search import cma_es
from bench_merging.state import StateDict, assemble, widened
from harness import Skip

PENALTY = 0.05
POPULATION = 20


def evo_merging(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    sparsity_trials: int = 200,
    weight_trials: int = 400,
) -> dict[str, Tensor]:
    """Return the best recipe's adapter; every trial costs one evaluation for each task.

    Raises:
        Skip: the weights are not all factors of adapters.
        ValueError: see `limits.evo_merging` and `limits.affordable`.
    """
    limits.evo_merging(sparsity_trials=sparsity_trials, weight_trials=weight_trials)
    if not all(name.endswith(("lora_A", "lora_B")) for name in base):
        raise Skip("evo-merging merges low-rank adapters, and these are other weights")
    limits.affordable((sparsity_trials + weight_trials) * len(access.network.heads), access.budget)
    count, origin = len(experts), widened(base)
    even = torch.full((count,), 1 / count).double()

    def score(shares: Tensor, weights: Tensor, penalised: Tensor) -> float:
        model = mixed(origin, experts, shares, weights)
        return access.mean_accuracy(model) - PENALTY * float(penalised.abs().mean())

    search = {"sigma": 0.05, "population": POPULATION}
    shares, first = cma_es(
        lambda a: score(a, even, a), torch.ones(count), evaluations=sparsity_trials, low=0.0, high=1.0, **search
    )
    weights, second = cma_es(
        lambda b: score(shares, b, b), even, evaluations=weight_trials, low=-1.5, high=1.5, **search
    )
    return mixed(base, experts, shares, weights if second > first else even)


def mixed(base: StateDict, experts: Sequence[StateDict], shares: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """Return the adapter that shares (N,) and weights (N,) make."""

    def value(name: str) -> Tensor:
        factors = [expert[name].float() for expert in experts]
        if name.endswith("lora_A"):
            factors = [top(factor, float(share)) for factor, share in zip(factors, shares, strict=True)]
        return torch.einsum("n,n...->...", weights.float(), torch.stack(factors))

    return assemble(base, value)


def top(factor: Tensor, share: float) -> Tensor:
    """Return a factor with all but its largest entries set to 0; ties at the least magnitude are kept."""
    if share == 0:
        return torch.zeros_like(factor)
    kept = max(1, round(factor.numel() * share))
    least = factor.abs().flatten().kthvalue(factor.numel() - kept + 1).values
    return torch.where(factor.abs() >= least, factor, 0)
