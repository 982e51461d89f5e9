"""PCB-Merging: entries compete within and between task vectors; Du et al. 2024, arXiv:2410.02396.

One vector of D entries per expert, over all floating tensors; N(x) = (x - min x) / (max x - min x) over these D.

    a_i        |tau_i| limited to its `clip` and 1 - `clip` quantiles (sorted entries int(D c) and int(D (1 - c)) - 1)
    tau~_i     sign(tau_i) a_i;  tau^_i = sign(tau_i) N(a_i)
    intra_i    "squared": exp(K N(a_i)^2);  "paper": exp(K N(a_i^2));  for "masked", where it does not cancel, over its
               mean over the D entries: D times the softmax, and D is the same for all experts
    inter_i    "pairs": sum_j tanh(tau^_i tau^_j), j = i included;  "sum": tanh(tau_i sum_j tau^_j);
               "raw": tanh(tau_i sum_j tau_j);  "paper": sum_j softmax(N(tau_i tau_j)) over the D entries
    b_i        intra_i inter_i; with `mask` below 1, 0 but for this share of the entries, the largest by |tau_i|
    t_i        the (1 - keep) quantile of b_i
    s_i        "shifted": N(max(b_i, t_i)), 0 for the rest and 1 for the best; "masked": b_i where it is t_i or more,
               else 0, and 0 for what is negative
    theta      theta_0 + sum_i lambda_i s_i tau~_i / max(sum_i s_i, 1e-12)

The paper has "masked"; all released code (duguodong7/pcb-merging) has "shifted", the default. There "pairs" stands in
the evolutionary script, "sum" in the vision script, which holds `mask` as a comment, and "raw" in the stand-alone file
and for language; none has the "paper"'s, and all have "squared". These are presets. All lambda_i are `scale`, but in
`pcb-es`, which searches them as the evolutionary script does: from 1 in [0.8, 1.3], at most 100 candidates, by mean
validation accuracy; with CMA-ES in place of the script's choice of a search. Where a vector has one value only, N is 0
(the released code divides zero by zero).

The experts are read K + 2 times or more, since thresholds are over all of their entries: one vector of these is held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench_merging import limits
from bench_merging.access import Access
from bench_merging.methods.search import cma_es
from bench_merging.state import (
    StateDict,
    add,
    assemble,
    blocks,
    by_blocks,
    flat_magnitudes,
    flattened,
    floating,
    task_vectors,
    updates,
    widened,
)

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
    drop: Literal["shifted", "masked"] = "shifted",
    mask: float = 1.0,
    intra: Literal["squared", "paper"] = "squared",
) -> dict[str, Tensor]:
    """Return the base with the balanced task vectors added.

    Raises:
        ValueError: see `limits.pcb`.
    """
    limits.pcb(keep=keep, clip=clip, mask=mask, scale=scale)
    rules = _Rules(keep, clip, inter, drop, mask, intra)
    competition = _Competition(base, experts, rules)

    def merge(parts: Sequence[Tensor], out: Tensor) -> None:
        torch.add(parts[0], scale * competition.shares(updates(parts)).sum(0), out=out)

    return assemble(base, lambda name: by_blocks(name, [base, *experts], merge, stacked=True), experts)


def pcb_es(
    *,
    base: StateDict,
    experts: Sequence[StateDict],
    access: Access,
    keep: float = 0.05,
    clip: float = 0.01,
    inter: Literal["pairs", "sum", "raw", "paper"] = "pairs",
    drop: Literal["shifted", "masked"] = "shifted",
    mask: float = 1.0,
    low: float = 0.8,
    high: float = 1.3,
    trials: int = 100,
) -> dict[str, Tensor]:
    """Return the merge with the best coefficients found; every trial costs one evaluation for each task.

    Raises:
        ValueError: see `limits.pcb_es` and `limits.affordable`.
    """
    limits.pcb_es(keep=keep, clip=clip, mask=mask, low=low, high=high, trials=trials)
    limits.affordable(trials * len(access.network.heads), access.budget)
    competition, origin = _Competition(base, experts, _Rules(keep, clip, inter, drop, mask)), widened(base)
    shares = {name: competition.shares(task_vectors(name, base, experts)) for name in floating(base)}

    def candidate(scales: Tensor) -> dict[str, Tensor]:
        weights = scales.float()
        return add(origin, lambda name: torch.einsum("k,k...->...", weights, shares[name]), experts)

    start = torch.ones(len(experts)).clamp(low, high)
    best, _ = cma_es(
        lambda point: access.mean_accuracy(candidate(point)),
        start,
        sigma=(high - low) / 6,
        evaluations=trials,
        low=low,
        high=high,
    )
    found = candidate(best)
    return assemble(base, lambda name: found[name])


@dataclass(frozen=True)
class _Rules:
    keep: float
    clip: float
    inter: Inter
    drop: Literal["shifted", "masked"]
    mask: float
    intra: Literal["squared", "paper"] = "squared"


class _Competition:
    """The scores of all entries, tensor by tensor, with what is known of whole vectors."""

    def __init__(self, base: StateDict, experts: Sequence[StateDict], rules: _Rules) -> None:
        self.base, self.experts, self.rules, self.names = base, experts, rules, floating(base)
        everyone = range(len(experts))
        self.limits = [self._limits(i) for i in everyone]
        self.pairs = {(i, j): self._pair(i, j) for i in everyone for j in everyone} if rules.inter == "paper" else {}
        self.divisors = [self._divisor(i) if rules.drop == "masked" else 1.0 for i in everyone]
        self.bounds = [self._bounds(i) for i in everyone]

    def shares(self, tau: Tensor) -> Tensor:
        """Return s_i tau~_i / max(sum_i s_i, 1e-12) of some entries, (K, *shape), given their task vectors."""
        known = self._normalised(tau)
        weights = torch.stack([self._weight(tau, known, i) for i in range(len(tau))])
        weights /= weights.sum(0).clamp_(min=1e-12)
        for weight, own, (low, high, _) in zip(weights, tau, self.limits, strict=True):
            weight.mul_(own.abs().clamp_(low, high)).mul_(own.sign())
        return weights

    def _limits(self, i: int) -> tuple[float, float, float]:
        """Return the limits of |tau_i|, and the least of those that the mask lets through."""
        every = flat_magnitudes(self.base, self.experts[i]).numpy()
        size, clip, mask = len(every), self.rules.clip, self.rules.mask
        places = [int(size * clip), max(0, int(size * (1 - clip)) - 1), max(0, int(size * (1 - mask)) - 1)]
        every.partition(sorted(set(places)))
        low, high, least = (float(every[place]) for place in places)
        return low, high, least if mask < 1 else 0.0

    def _divisor(self, i: int) -> float:
        """Return the mean of exp(K N(a_i)^2) over all entries."""
        every = (parts for name in self.names for parts in blocks(name, [self.base, self.experts[i]]))
        total, size = 0.0, 0
        for tau in map(updates, every):
            known = _unit(tau.abs_(), *self.limits[i][:2])
            total += float(self._within(known, i).sum(dtype=torch.float64))
            size += known.numel()
        return total / size

    def _bounds(self, i: int) -> tuple[float, float]:
        """Return the threshold t_i and the largest score of expert i."""

        def scores(parts: Sequence[Tensor], out: Tensor) -> None:
            tau = updates(parts)
            out.copy_(self._score(tau, self._normalised(tau), i))

        every = flattened(self.names, [self.base, *self.experts], scores, stacked=True).numpy()
        place = min(len(every) - 1, int(len(every) * (1 - self.rules.keep)))
        top = float(every.max())
        every.partition(place)
        return float(every[place]), top

    def _weight(self, tau: Tensor, known: Tensor, i: int) -> Tensor:
        """Return s_i of some entries."""
        score, (threshold, top) = self._score(tau, known, i), self.bounds[i]
        if self.rules.drop == "masked":
            return torch.where(score >= threshold, score, 0).clamp_(min=0)
        if top == threshold:
            return torch.zeros_like(score)
        return score.clamp_(min=threshold).sub_(threshold).div_(top - threshold)

    def _score(self, tau: Tensor, known: Tensor, i: int) -> Tensor:
        """Return b_i of some entries, given tau and tau^, (K, *shape)."""
        score = self._within(known[i], i).div_(self.divisors[i]).mul_(self._between(tau, known, i))
        least = self.limits[i][2]
        return score.masked_fill_(tau[i].abs() < least, 0) if least else score

    def _within(self, known: Tensor, i: int) -> Tensor:
        """Return intra_i of some entries before its division, given their N(a_i) or tau^_i."""
        squares = known.square()
        if self.rules.intra == "paper" and (high := self.limits[i][1]) > (low := self.limits[i][0]):
            squares = squares.mul_(high - low).add_(known.abs(), alpha=2 * low).div_(high + low)  # N(a^2) of N(a)
        return squares.mul_(len(self.experts)).exp_()

    def _between(self, tau: Tensor, known: Tensor, i: int) -> Tensor:
        """Return inter_i of some entries."""
        if self.rules.inter == "pairs":
            return (known * known[i]).tanh_().sum(0)
        if self.rules.inter == "sum":
            return known.sum(0).mul_(tau[i]).tanh_()
        if self.rules.inter == "raw":
            return tau.sum(0).mul_(tau[i]).tanh_()
        total = torch.zeros_like(tau[i])
        for j in range(len(tau)):
            low, high, divisor = self.pairs[i, j]
            total += _unit(tau[i] * tau[j], low, high).exp_().div_(divisor)
        return total

    def _normalised(self, tau: Tensor) -> Tensor:
        """Return tau^ of some entries, (K, *shape)."""
        found = [_unit(own.abs(), low, high) for own, (low, high, _) in zip(tau, self.limits, strict=True)]
        return torch.stack(found).copysign_(tau)

    def _pair(self, i: int, j: int) -> tuple[float, float, float]:
        """Return the limits of tau_i tau_j, and the divisor of the softmax over all entries."""
        models = [self.base, self.experts[i], self.experts[j]]
        every = flattened(self.names, models, lambda parts, out: torch.prod(updates(parts), 0, out=out), stacked=True)
        low, high = float(every.min()), float(every.max())
        return low, high, float(_unit(every, low, high).exp_().sum(dtype=torch.float64))


def _unit(x: Tensor, low: float, high: float) -> Tensor:
    """Return x, limited to [low, high], mapped onto [0, 1]; 0 where these are equal. Changes x."""
    return x.clamp_(low, high).sub_(low).div_(high - low) if high > low else x.zero_()
