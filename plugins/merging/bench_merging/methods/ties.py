"""TIES: trim, elect signs, merge what agrees; Yadav et al. 2023, arXiv:2306.01708.

    tau_i     task vector of expert i over all floating tensors together, D entries
    keep      share of the entries, the largest by magnitude, that survive the trimming
    gamma     elected sign of each entry: that of the sum of the trimmed tau_i (by mass, not by votes)
    theta     theta_0 + scale * merge of those trimmed tau_i whose sign is gamma: their mean, their sum, or the largest

Threshold of tau_i: the (D - int(keep D))-th smallest magnitude, which itself survives, as in the released code
(prateeky2806/ties-merging). Where gamma is 0 though entries survive, that is where they cancel exactly, the majority of
all elected signs decides; where that is 0 too, the negative entries are taken. The paper's defaults are scale 1 with
the mean; FusionBench and AdaMerging have 0.3 with the sum. A tensor that no expert has changed (a frozen tower) is left
out of the D entries.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.state import (
    StateDict,
    assemble,
    blocks,
    by_blocks,
    flat_magnitudes,
    floating,
    task_vectors,
    updates,
)

Rule = Literal["mean", "sum", "max"]


def ties(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    keep: float = 0.2,
    scale: float = 1.0,
    rule: Literal["mean", "sum", "max"] = "mean",
) -> dict[str, Tensor]:
    """Return the base with the merged, trimmed task vectors added.

    Raises:
        ValueError: see `limits.ties`.
    """
    limits.ties(keep=keep, scale=scale)
    thresholds = trim_thresholds(base, experts, keep)
    sign = majority(base, experts, thresholds)

    def merge(parts: Sequence[Tensor], out: Tensor) -> None:
        torch.add(parts[0], scale * disjoint_merge(trim(updates(parts), thresholds), sign, rule), out=out)

    return assemble(base, lambda name: by_blocks(name, [base, *experts], merge, stacked=True), experts)


def trim_thresholds(base: StateDict, experts: Sequence[StateDict], keep: float) -> list[float]:
    """Return for each expert the magnitude that an entry has to reach, over all tensors that any expert has changed."""
    if keep >= 1:
        return [0.0] * len(experts)
    names = changed(base, experts)
    return [_threshold(names, base, expert, keep) for expert in experts]


def changed(base: StateDict, experts: Sequence[StateDict]) -> list[str]:
    """Return the names of the floating tensors that some expert has changed."""
    return [name for name in floating(base) if any(not torch.equal(e[name], base[name]) for e in experts)]


def _threshold(names: Sequence[str], base: StateDict, expert: StateDict, keep: float) -> float:
    every = flat_magnitudes(base, expert, names).numpy()
    place = max(1, len(every) - int(keep * len(every)))  # counted from 1
    every.partition(place - 1)
    return float(every[place - 1])


def trimmed(name: str, base: StateDict, experts: Sequence[StateDict], thresholds: Sequence[float]) -> Tensor:
    """Return the trimmed task vectors of one tensor, (K, *shape)."""
    return trim(task_vectors(name, base, experts), thresholds)


def trim(tau: Tensor, thresholds: Sequence[float]) -> Tensor:
    """Return task vectors (K, *shape) with 0 for what does not reach its expert's threshold. Changes tau."""
    least = torch.tensor(thresholds).view(-1, *[1] * (tau.dim() - 1))
    return tau.masked_fill_(tau.abs() < least, 0)


def majority(base: StateDict, experts: Sequence[StateDict], thresholds: Sequence[float]) -> float:
    """Return the sign that most entries elect, as the sign of the sum of all elected signs."""
    every = (parts for name in floating(base) for parts in blocks(name, [base, *experts], stacked=True))
    elected = sum(float(trim(updates(parts), thresholds).sum(0).sign_().sum(dtype=torch.float64)) for parts in every)
    return math.copysign(1.0, elected) if elected else 0.0


def agreeing(tau: Tensor, majority: float) -> Tensor:
    """Return the entries of the trimmed task vectors (K, *shape) whose sign is the elected one; 0 for the others."""
    gamma = tau.sum(0).sign_()
    gamma.masked_fill_(gamma == 0, majority or -1.0)
    return tau.masked_fill(tau * gamma <= 0, 0)


def disjoint_merge(tau: Tensor, majority: float, rule: Rule) -> Tensor:
    """Return the merge of trimmed task vectors (K, *shape), each entry over those that agree with its sign."""
    chosen = agreeing(tau, majority)
    if rule == "sum":
        return chosen.sum(0)
    if rule == "max":
        return chosen.gather(0, chosen.abs().argmax(0, keepdim=True))[0]
    return chosen.sum(0) / (chosen != 0).sum(0).clamp(min=1)
