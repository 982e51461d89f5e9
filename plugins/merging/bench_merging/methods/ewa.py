"""Experts Weights Averaging: experts that a transformer's layer has in training, averaged into one; Huang et al. 2023,
arXiv:2308.06093.

    x       (B, L, width): B L tokens
    W_i     weights of expert i of N, each a layer fc2(gelu(fc1(x)))
    forward in training the tokens are shuffled and cut into N equal groups (those left over go to the first groups);
            group i goes through expert i alone, so that a step costs what one layer does: there is no router
    W_i     (1 - beta) W_i + beta/(N - 1) sum_(j != i) W_j after every step of the optimiser, for all i at once: the
            mean stays, and what an expert differs by from it shrinks by 1 - beta N/(N - 1)
    layer   at inference, of weights (1/N) sum_i W_i

There is no released code; beta is constant here, where the paper has a schedule, too. From scratch the experts are
drawn independently; with `start="copies"` they begin alike, as in fine-tuning. Averaging is due before the next step's
forward, where it is done: the mean, which alone is evaluated, is the same before and after it.

`feed-forward` is the plain layer, the baseline.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench_merging import limits


class FeedForward(nn.Module):
    """The plain layer."""

    def __init__(self, *, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))

    def averaged(self) -> nn.Module:
        """Return the layer at inference."""
        return self


class ExpertsWeightsAveraging(nn.Module):
    """Experts in training, their average at inference.

    Args:
        experts: N.
        share: beta, in [0, (N - 1)/N]; 0 leaves the experts alone until the end.
        start: whether the experts are drawn one by one or begin as copies of the first.

    Raises:
        ValueError: fewer than two experts, or a share that is out of range.
    """

    def __init__(
        self,
        *,
        width: int,
        hidden: int,
        experts: int = 4,
        share: float = 0.1,
        start: Literal["independent", "copies"] = "independent",
    ) -> None:
        super().__init__()
        limits.ewa(experts=experts, share=share)
        self.share = share
        self.experts = nn.ModuleList(FeedForward(width=width, hidden=hidden) for _ in range(experts))
        if start == "copies":
            for expert in self.experts[1:]:
                expert.load_state_dict(self.experts[0].state_dict())
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return torch.func.functional_call(self.experts[0], self._means(), (x,))
        if self.steps > 0:
            self.share_weights()
        self.steps += 1
        tokens = x.flatten(0, -2)
        order = torch.randperm(len(tokens), device=x.device)
        parts = order.tensor_split(len(self.experts))
        outputs = [expert(tokens[part]) for expert, part in zip(self.experts, parts, strict=True)]
        return torch.cat(outputs)[order.argsort()].view_as(x)

    @torch.no_grad()
    def share_weights(self) -> None:
        """Move every expert towards the mean of the others."""
        count = len(self.experts)
        shrink = 1 - self.share * count / (count - 1)
        for parameters in zip(*(expert.parameters() for expert in self.experts), strict=True):
            mean = torch.stack(parameters).mean(0)
            for own in parameters:
                own.copy_(mean + shrink * (own - mean))

    def averaged(self) -> FeedForward:
        """Return the layer at inference."""
        fc1 = self.experts[0].fc1
        layer = FeedForward(width=fc1.in_features, hidden=fc1.out_features).to(fc1.weight.device)
        layer.load_state_dict(self._means())
        return layer

    def _means(self) -> dict[str, Tensor]:
        states = [dict(expert.named_parameters()) for expert in self.experts]
        return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
