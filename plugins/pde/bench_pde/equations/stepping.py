"""Exponential integrators for u_t = L u + N(u) in Fourier space, where L is a diagonal of numbers.

All are of fourth order in the time step. The state may live on any device.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Nonlinear = Callable[[Tensor], Tensor]


class IntegratingFactorRK4:
    """The classical Runge-Kutta method on exp(-L t) u; exact where N = 0."""

    def __init__(self, linear: Tensor, nonlinear: Nonlinear, dt: float) -> None:
        """Args:
        linear: L, broadcastable to the state; its real part has to be at most 0 for long times.
        """
        self._nonlinear, self._dt = nonlinear, dt
        self._half = torch.exp(linear * dt / 2)

    def step(self, v: Tensor) -> Tensor:
        """Return the state one time step later."""
        half, dt, nonlinear = self._half, self._dt, self._nonlinear
        k1 = nonlinear(v)
        a = half * v
        k2 = nonlinear(a + dt / 2 * half * k1)
        k3 = nonlinear(a + dt / 2 * k2)
        k4 = nonlinear(half * (a + dt * k3))
        return half * (half * (v + dt / 6 * k1) + dt / 3 * (k2 + k3)) + dt / 6 * k4


class ETDRK4:
    """The method of Cox & Matthews, its coefficients taken as means over a circle.

    Kassam & Trefethen 2005, doi:10.1137/S1064827502410633. For stiff L whose modes the nonlinearity keeps exciting,
    such as u_xxxx.
    """

    def __init__(self, linear: Tensor, nonlinear: Nonlinear, dt: float, points: int = 32) -> None:
        """Args:
        linear: L, real.
        """
        self._nonlinear = nonlinear
        z = linear * dt
        self._whole, self._half = torch.exp(z), torch.exp(z / 2)
        angles = torch.pi * (torch.arange(points, dtype=z.dtype, device=z.device) + 0.5) / points
        circle = z[..., None] + torch.exp(1j * angles)  # the other half gives the conjugates
        e, cube = torch.exp(circle), circle**3
        self._q = dt * ((torch.exp(circle / 2) - 1) / circle).real.mean(-1)
        self._f1 = dt * ((-4 - circle + e * (4 - 3 * circle + circle**2)) / cube).real.mean(-1)
        self._f2 = dt * ((2 + circle + e * (circle - 2)) / cube).real.mean(-1)
        self._f3 = dt * ((-4 - 3 * circle - circle**2 + e * (4 - circle)) / cube).real.mean(-1)

    def step(self, v: Tensor) -> Tensor:
        """Return the state one time step later."""
        nonlinear = self._nonlinear
        nv = nonlinear(v)
        a = self._half * v + self._q * nv
        na = nonlinear(a)
        b = self._half * v + self._q * na
        nb = nonlinear(b)
        c = self._half * a + self._q * (2 * nb - nv)
        return self._whole * v + self._f1 * nv + 2 * self._f2 * (na + nb) + self._f3 * nonlinear(c)


def march(
    step: Callable[[Tensor], Tensor],
    state: Tensor,
    steps: int,
    frames: int,
    read: Callable[[Tensor], Tensor] = lambda state: state,
) -> Tensor:
    """Return what `read` makes of a state (n, …) and of later ones, `steps` steps apart, (n, frames + 1, …)."""
    seen = [read(state)]
    for _ in range(frames):
        for _ in range(steps):
            state = step(state)
        seen.append(read(state))
    return torch.stack(seen, 1)


def wavenumbers(n: int, length: float, *, real: bool = True) -> Tensor:
    """Return 2π k / length in the order of rfft (or fft), float64."""
    frequencies = torch.fft.rfftfreq if real else torch.fft.fftfreq
    return 2 * torch.pi * frequencies(n, length / n, dtype=torch.float64)


def device() -> str:
    """Return where data sets are generated: a GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"
