"""Models whose units are merged in part: some as pairs, the others kept apart; the wider models of PLeaS (Nasery et al.
2025, arXiv:2407.02447).

    group    d pairs of matched units, of which k are merged; width 2 d - k: [merged | only A's | only B's]
    O_m      (2 d - k, d) of model m: what its units give to the new ones; 1/2 for a merged pair, 1 for an own unit
    E_m      (d, 2 d - k): where model m's units are read from; 1 for a merged pair and for an own unit
    W        O_A W_A E_A + O_B W_B E_B: merged to merged the mean, merged to own in full, own to merged half, and
             nothing between A's own and B's; an axis without a group, as that of the output, is merged
    share    rho_g = 1 - k/d of group g; a layer costs (1 + rho_in)(1 + rho_out) - 2 rho_in rho_out times the base's

With nothing apart the model has the base's widths, with everything apart twice these, and computes the mean of both
models' outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from bench_merging.network import Axis, Groups
from bench_merging.state import StateDict


@dataclass(frozen=True)
class Layout:
    """Where the units of a group of both models have gone; `give` and `read` have O_A, O_B and E_A, E_B."""

    merged: int
    give: tuple[Tensor, Tensor]
    read: tuple[Tensor, Tensor]

    @property
    def apart(self) -> int:
        """How many units of each model are kept apart."""
        return (self.give[0].shape[0] - self.merged) // 2


def layout(apart: Tensor) -> Layout:
    """Return the layout of matched units, (d,) bool: which of them stay apart. All float64."""
    unit = torch.eye(len(apart), dtype=torch.float64)
    shared, own, none = unit[~apart], unit[apart], torch.zeros_like(unit[apart])
    parts = [(shared, own, none), (shared, none, own)]
    return Layout(
        merged=len(shared),
        give=tuple(torch.cat([s / 2, a, b]) for s, a, b in parts),  # type: ignore[arg-type]
        read=tuple(torch.cat(part).T for part in parts),  # type: ignore[arg-type]
    )


def least_alike(similarity: Tensor, share: float) -> Tensor:
    """Return which of the matched units stay apart, (d,) bool: those with the smallest similarity, a share of them."""
    apart = torch.zeros(len(similarity), dtype=torch.bool)
    apart[similarity.argsort(stable=True)[: int(share * len(similarity) + 1e-6)]] = True
    return apart


def shares(costs: Mapping[tuple[int | None, int | None], float], count: int, budget: float) -> list[float]:
    """Return rho of each of `count` groups: as many units apart as the budget, in multiples of the base's cost, allows.

    Args:
        costs: the cost of the layers between two groups; None for an axis without one.

    The sum of the shares is maximised under that limit, from equal shares on; it need not be the largest there is.
    """

    def relative(rho: Sequence[float]) -> float:
        total = sum(cost * _factor(rho, *ends) for ends, cost in costs.items())
        return float(total) / sum(costs.values())

    if budget >= relative([1.0] * count):
        return [1.0] * count
    start = max((i / 100 for i in range(101)), key=lambda r: r if relative([r] * count) <= budget else -1)
    found = minimize(
        lambda rho: -float(np.sum(rho)),
        np.full(count, start),
        bounds=[(0, 1)] * count,
        constraints={"type": "ineq", "fun": lambda rho: budget - relative(rho)},
        method="SLSQP",
    ).x.clip(0, 1)
    keeps = relative(found) <= budget + 1e-6 and found.sum() > start * count
    return [float(rho) for rho in found] if keeps else [start] * count


def _factor(rho: Sequence[float], one: int | None, other: int | None) -> float:
    """Return by how much a layer between two groups grows; an axis without a group is merged."""
    a, b = (0.0 if group is None else rho[group] for group in (one, other))
    return (1 + a) * (1 + b) - 2 * a * b


def widened(a: StateDict, b: StateDict, groups: Groups, layouts: Sequence[Layout]) -> dict[str, Tensor]:
    """Return W of every tensor of two models, float64, with matched units in the same places."""
    found = {}
    for name in a:
        axes = [(axis, here) for group, here in zip(groups, layouts, strict=True) for axis in group]
        axes = [(axis, here) for axis, here in axes if axis.tensor == name]
        total = torch.zeros((), dtype=torch.float64)
        for m, state in enumerate((a, b)):
            tensor = state[name].double()
            for axis, here in axes:
                tensor = mapped(tensor, axis.axis, axis.repeat, here.give[m] if axis.incoming else here.read[m].T)
            total = total + tensor
        found[name] = total if any(axis.incoming for axis, _ in axes) else total / 2
    return found


def mapped(tensor: Tensor, axis: int, repeat: int, matrix: Tensor) -> Tensor:
    """Return a tensor whose units on one axis are the rows of `matrix` times what they were."""
    moved = tensor.movedim(axis, 0)
    flat = moved.reshape(matrix.shape[1], -1)
    return (matrix @ flat).reshape(matrix.shape[0] * repeat, *moved.shape[1:]).movedim(0, axis)


def group_of(groups: Groups, tensor: str, *, incoming: bool) -> tuple[int, Axis] | None:
    """Return the group, and its axis, that a tensor produces (incoming) or consumes; None where there is none."""
    for g, group in enumerate(groups):
        for axis in group:
            if axis.tensor == tensor and axis.incoming == incoming:
                return g, axis
    return None
