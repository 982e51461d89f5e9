"""Sinusoidal representation network (Sitzmann et al. 2020, arXiv:2006.09661), with its derivatives in closed form.

    h_1 = sin(ω (W_1 x + b_1)),    h_l = sin(ω (W_l h_(l-1) + b_l)),    u = W h_L + b,    ω = 30

With z = W h + b, derivatives go through a layer by

    ∂_d h = ω cos(ωz) ∂_d z,    ∂_d ∂_e h = ω cos(ωz) ∂_d ∂_e z - ω² sin(ωz) ∂_d z ∂_e z

At the start W_1 ~ U(±1 / inputs), all other W ~ U(±√(6 / inputs) / ω), and biases are as torch has them.
"""

import itertools
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bench_pde import solver_limits

OMEGA = 30.0


class Siren(nn.Module):
    """A function from points (n, axes) to (n, outputs), float64; `axes` has a letter per coordinate."""

    def __init__(self, axes: str, outputs: int, width: int, layers: int) -> None:
        """Make a network with `layers` layers of sines.

        Raises:
            ValueError: width or layers is not positive.
        """
        super().__init__()
        solver_limits.network(width=width, layers=layers)
        self.axes = axes
        sizes = [len(axes), *[width] * layers, outputs]
        self.layers = nn.ModuleList(nn.Linear(a, b).double() for a, b in itertools.pairwise(sizes))
        for layer in self.layers:
            bound = 1 / len(axes) if layer is self.layers[0] else math.sqrt(6 / layer.in_features) / OMEGA
            nn.init.uniform_(layer.weight, -bound, bound)

    def forward(self, points: Tensor) -> Tensor:
        """points: (n, axes). Returns (n, outputs)."""
        return self.derivatives(points, ("",))[""]

    def derivatives(self, points: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Return the derivatives with these names, each (n, outputs): the letters of the coordinates to differentiate
        by, at most two; "" is the value.

        Raises:
            ValueError: a derivative of third order or higher.
        """
        names = tuple(names)
        if any(len(name) > 2 for name in names):
            raise ValueError(f"derivatives are of at most second order, got {max(names, key=len)!r}")
        parts = {part for name in names for part in (*name, name) if part}
        needed = ["", *sorted(parts, key=lambda name: (len(name), name))]
        first, *others = self.layers
        z = {"": first(points)}
        for name in needed[1:]:
            slope = first.weight[:, self.axes.index(name)] if len(name) == 1 else torch.zeros_like(first.bias)
            z[name] = slope.expand_as(z[""])
        for layer in others:
            h = _through_sine(z)
            z = {name: layer(h[name]) if not name else h[name] @ layer.weight.T for name in needed}
        return {name: z[name] for name in names}


def _through_sine(z: dict[str, Tensor]) -> dict[str, Tensor]:
    s, c = torch.sin(OMEGA * z[""]), OMEGA * torch.cos(OMEGA * z[""])
    h = {"": s}
    for name, value in z.items():
        if len(name) == 1:
            h[name] = c * value
        elif name:
            h[name] = c * value - OMEGA**2 * s * z[name[0]] * z[name[1]]
    return h
