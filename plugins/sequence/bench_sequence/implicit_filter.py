"""Implicit filters: kernels of long convolutions that a small network draws as functions of time.

Poli et al. 2023, "Hyena Hierarchy", arXiv:2302.10866, section 3.3; details from the released code
(github.com/HazyResearch/safari) and from that of Monarch Mixer (github.com/HazyResearch/m2), which has the second
direction.

    t_l = l / (l_max - 1),   f = M numbers from 10^-4 to M - 1, evenly spaced
    z_l = [t_l, cos(2π f l / l_max), -sin(2π f l / l_max)]                                  positions, 1 + 2 M numbers
    k_l = exp(-|δ| t_l) * V sin(ω * (U_2 sin(ω * (U_1 sin(ω * (U_0 z_l))))))                U with biases, V without

The filter does not stretch with the sequence: its l-th tap is the same for all lengths. Per channel the window decays
to 1/100 within 0.3 to 1.5 l_max. z is trained too, at a hundredth of the rate.

Symbols: k kernel, (R, C, l_max); z (l_max, 1 + 2 M); ω frequencies, (W,); U_0 (W, 1 + 2 M), U_1, U_2 (W, W), V (C, W)
for each direction; δ decay, (C,), fixed; C channels, M `bands`, W `width`, R directions.
"""

import math

import torch
from torch import Tensor, nn

FAST, SLOW, TARGET = 0.3, 1.5, 0.01  # the window falls to TARGET at these shares of l_max


class ImplicitFilter(nn.Module):
    """Kernels of `channels` channels, one for each direction; these share positions, frequencies and window.

    Raises:
        ValueError: bands, width or l_max is less than one.
    """

    def __init__(
        self,
        *,
        channels: int,
        l_max: int,
        directions: int,
        bands: int,
        width: int,
        frequency: float,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        if min(bands, width, l_max) < 1:
            raise ValueError(f"bands, width and l_max must be at least 1, but are {bands}, {width} and {l_max}")
        self.weight_decay = weight_decay
        t = torch.linspace(0, 1, l_max)[:, None]
        angle = torch.linspace(1e-4, bands - 1, bands) * (2 * math.pi * torch.arange(l_max)[:, None] / l_max)
        self.z = nn.Parameter(torch.cat((t, angle.cos(), -angle.sin()), dim=1))
        self.frequency = nn.Parameter(torch.full((width,), float(frequency)))
        self.networks = nn.ModuleList(_network(1 + 2 * bands, width, channels) for _ in range(directions))
        delta = torch.linspace(math.log(TARGET) / SLOW, math.log(TARGET) / FAST, channels)
        self.register_buffer("window", torch.exp(delta * t), persistent=False)  # (l_max, C)

    def forward(self) -> Tensor:
        """Return the kernels, (R, C, l_max)."""
        return torch.stack([self._draw(network) for network in self.networks])

    def param_groups(self) -> list[dict]:
        """Return the networks at 1e-3 and the positions at 1e-5, the released defaults."""
        networks = [self.frequency, *self.networks.parameters()]
        return [
            {"params": networks, "max_lr": 1e-3, "weight_decay": self.weight_decay},
            {"params": [self.z], "max_lr": 1e-5, "weight_decay": 0.0},
        ]

    def _draw(self, network: nn.ModuleList) -> Tensor:
        *hidden, last = network
        h = self.z
        for layer in hidden:
            h = torch.sin(self.frequency * layer(h))
        return (last(h) * self.window).T


def _network(inputs: int, width: int, channels: int) -> nn.ModuleList:
    hidden = [nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, width)]
    return nn.ModuleList([*hidden, nn.Linear(width, channels, bias=False)])
