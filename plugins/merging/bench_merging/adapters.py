"""Low-rank adapters on a frozen trunk; Hu et al. 2022, arXiv:2106.09685.

    W + B A    weight of an adapted linear layer: W (out, in) frozen, A (r, in) and B (out, r) tuned, B = 0 at the start

What is tuned and merged are the factors; the frozen weights are no part of the state.
"""

import math

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench_merging.network import Groups


class _Factors(nn.Module):
    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(layer.in_features)
        self.lora_A = nn.Parameter(torch.empty(rank, layer.in_features).uniform_(-bound, bound))
        self.lora_B = nn.Parameter(torch.zeros(layer.out_features, rank))


class Adapted(nn.Module):
    """A trunk with an adapter on every linear layer, whose factors are "layers.<i>.lora_A" and "layers.<i>.lora_B"."""

    def __init__(self, trunk: nn.Module, rank: int) -> None:
        super().__init__()
        self.frozen = {name: tensor.detach().clone() for name, tensor in trunk.state_dict().items()}
        self._trunk = (trunk,)  # in a tuple: its parameters are not this module's
        linear = {name: layer for name, layer in trunk.named_modules() if isinstance(layer, nn.Linear)}
        self._adapted = [f"{name}.weight" for name in linear]
        self.layers = nn.ModuleList(_Factors(layer, rank) for layer in linear.values())

    def forward(self, x: Tensor) -> Tensor:
        weights = dict(self.frozen)
        for name, factors in zip(self._adapted, self.layers, strict=True):
            weights[name] = weights[name] + factors.lora_B @ factors.lora_A
        return functional_call(self._trunk[0], weights, (x,))

    def groups(self) -> Groups:
        return []
