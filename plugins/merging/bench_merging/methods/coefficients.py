"""Merges with one learnt coefficient for each task vector and tensor, or for each task vector.

lambda     (K, L) for L floating tensors, or (K, 1)
theta^l    theta_0^l + sum_k lambda_k^l tau_k^l
gradient   d loss / d lambda_k^l = <d loss / d theta^l, tau_k^l>: exact, and needs no graph of the merge
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench_merging.state import StateDict, assemble, floating, widened

Loss = Callable[[dict[str, Tensor]], Tensor]


class Coefficients:
    """The coefficients with their task vectors.

    Args:
        base: theta_0.
        vectors: the task vectors by tensor, (K, *shape) each.
        seen: models whose mean statistics of normalisation the merge gets; the base's where there are none.
        per_tensor: whether every tensor has its own.
        start: their first value.
    """

    def __init__(
        self,
        base: StateDict,
        vectors: dict[str, Tensor],
        *,
        per_tensor: bool,
        start: float,
        seen: Sequence[StateDict] = (),
    ) -> None:
        self.base, self.vectors, self.seen = widened(base), vectors, seen or [base]
        self.names = floating(base)
        experts = len(next(iter(vectors.values())))
        self.values = torch.full((experts, len(self.names) if per_tensor else 1), start)
        self.values.grad = torch.zeros_like(self.values)

    def merged(self, values: Tensor | None = None) -> dict[str, Tensor]:
        """Return the model with these coefficients, by default the current ones, in float32."""
        columns = (self.values if values is None else values).expand(-1, len(self.names)).detach()
        place = {name: i for i, name in enumerate(self.names)}

        def value(name: str) -> Tensor:
            update = torch.einsum("k,k...->...", columns[:, place[name]], self.vectors[name])
            return self.base[name] + update

        return assemble(self.base, value, self.seen)

    def descend(
        self, optimiser: torch.optim.Optimizer, loss: Loss, *, clamp: bool = False, clip: float | None = None
    ) -> float:
        """Take one step down the gradient of a loss of the merged model, and return the loss before it.

        With `clamp`, the merge uses the coefficients limited to [0, 1], and those outside have no gradient. With
        `clip`, the gradient has this norm at most.
        """
        used = self.values.clamp(0, 1) if clamp else self.values
        value, gradients = gradient(self.merged(used), self.names, loss)
        columns = [torch.einsum("...,k...->k", gradients[name], self.vectors[name]) for name in self.names]
        slope = torch.stack(columns, dim=1)
        if self.values.shape[1] == 1:
            slope = slope.sum(1, keepdim=True)
        self.values.grad = slope * (used == self.values)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_([self.values], clip)
        optimiser.step()
        return value


def gradient(model: dict[str, Tensor], names: Sequence[str], loss: Loss) -> tuple[float, dict[str, Tensor]]:
    """Return a loss of a model, and its gradient with respect to the named tensors (float32)."""
    leaves = {name: model[name].requires_grad_() for name in names}
    value = loss({**model, **leaves})
    return float(value.detach()), dict(zip(names, torch.autograd.grad(value, list(leaves.values())), strict=True))
