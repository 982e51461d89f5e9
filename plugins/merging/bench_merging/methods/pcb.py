"""PCB-Merging: entries compete within and between task vectors; Du et al. 2024, arXiv:2410.02396.

One vector of D entries per expert, over all floating tensors; N(x) = (x - min x) / (max x - min x) over these D.

    a_i        |tau_i| limited to its `clip` and 1 - `clip` quantiles (sorted entries int(D c) and int(D (1 - c)) - 1)
    tau~_i     sign(tau_i) a_i;  tau^_i = sign(tau_i) N(a_i)
    intra_i    exp(K N(a_i)^2)
    inter_i    "pairs": sum_j tanh(tau^_i tau^_j), j = i included;  "sum": tanh(tau_i sum_j tau^_j);
               "raw": tanh(tau_i sum_j tau_j);  "paper": sum_j softmax(N(tau_i tau_j)) over the D entries
    s_i        N(max(b_i, t_i)) of b_i = intra_i inter_i and its (1 - keep) quantile t_i: 0 for the rest, 1 for the best
    theta      theta_0 + scale * sum_i s_i tau~_i / max(sum_i s_i, 1e-12)

The released code (duguodong7/pcb-merging) has all of these but "paper": "pairs" in the evolutionary script, "sum" in
the vision script, "raw" in the stand-alone file and for language. Where a vector has one value only, N is 0 (the
released code divides zero by zero).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from bench_merging.access import Access
from bench_merging.state import StateDict, assemble, floating, task_vectors

Inter = Literal["pairs", "sum", "raw", "paper"]


def pcb(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    keep: float = 0.2,
    scale: float = 1.0,
    clip: float = 0.01,
    inter: Literal["pairs", "sum", "raw", "paper"] = "pairs",
) -> dict[str, Tensor]:
    """Return the base with the balanced task vectors added.

    Raises:
        ValueError: `keep` is not in (0, 1], or `clip` not in [0, 0.5).
    """
    if not 0 < keep <= 1 or not 0 <= clip < 0.5:
        raise ValueError(f"keep must be in (0, 1] and clip in [0, 0.5), got {keep} and {clip}")
    names = floating(base)
    tau = torch.stack([torch.cat([task_vectors(n, base, [e]).flatten() for n in names]) for e in experts])
    update = dict(zip(names, balanced(tau, keep, clip, inter).split([base[n].numel() for n in names]), strict=True))
    return assemble(base, lambda name: base[name].float() + scale * update[name].view(base[name].shape))


def balanced(tau: Tensor, keep: float, clip: float, inter: Inter) -> Tensor:
    """Return sum_i s_i tau~_i / sum_i s_i of task vectors (K, D), (D,)."""
    count = len(tau)
    magnitude = torch.stack([_clipped(row.abs(), clip) for row in tau])
    normalised = _unit(magnitude)
    signed = tau.sign() * normalised
    top = torch.zeros_like(tau[0])
    bottom = torch.zeros_like(tau[0])
    sums = {"sum": signed, "raw": tau}.get(inter, tau).sum(0)
    for i in range(count):
        if inter == "pairs":
            between = torch.stack([torch.tanh(signed[i] * other) for other in signed]).sum(0)
        elif inter == "paper":
            between = torch.stack([_unit(tau[i] * other).softmax(-1) for other in tau]).sum(0)
        else:
            between = torch.tanh(tau[i] * sums)
        share = _share(torch.exp(count * normalised[i].square()) * between, keep)
        top += share * tau[i].sign() * magnitude[i]
        bottom += share
    return top / bottom.clamp(min=1e-12)


def _clipped(magnitude: Tensor, clip: float) -> Tensor:
    size = len(magnitude)
    ordered = magnitude.sort().values
    return magnitude.clamp(float(ordered[int(size * clip)]), float(ordered[max(0, int(size * (1 - clip)) - 1)]))


def _unit(x: Tensor) -> Tensor:
    """Return x with its last axis mapped onto [0, 1]; 0 where that axis is constant."""
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    return torch.where(high > low, (x - low) / (high - low), 0)


def _share(score: Tensor, keep: float) -> Tensor:
    """Return N(max(b, t)): 0 for all but about the best `keep` of the entries."""
    ordered = score.sort().values
    return _unit(score.clamp(min=float(ordered[min(len(score) - 1, int(len(score) * (1 - keep)))])))
