"""Neural CDE: a hidden path that the data, made a continuous path, drives through a learned vector field.

Kidger, Morrill, Foster, Lyons 2020, "Neural Controlled Differential Equations for Irregular Time Series",
arXiv:2005.08926; Kidger 2022, "On Neural Differential Equations", arXiv:2202.02435, chapter 3; Morrill et al. 2021,
"Neural Rough Differential Equations for Long Time Series", arXiv:2009.08295 (log-ODE).

    z(0) = ζ(X(0)),   dz = f(z) dX,   y_i = W z(i) + b,   X(i) = (i / l_max, x_i / sqrt(l_max H))
    ζ affine,  f(z) = tanh(V relu(U z + a) + d) as a matrix of h rows and c columns

The scale of the data, which the papers leave to the user, makes the path of noise of variance one vary as much over
l_max positions whatever their number and that of the channels: unscaled, the equation is chaotic and its gradients
overflow.

Between positions i and i + 1, at s in [0, 1], with Δ_i = X(i + 1) - X(i) and Δ_{-1} = Δ_0:
    hermite   X'(s) = Δ_{i-1} + (Δ_i - Δ_{i-1})(4 s - 3 s^2)      cubic, its slopes those of the past intervals
    linear    X'(s) = Δ_i
Both are causal at the positions: X up to i depends on no later input. (Natural cubic splines, the first paper's, are
not.)

    log-ode   z' = f(z) S over unit time, S the log-signature of the linear path since the window's first position:
              its increment and its areas, c + c (c - 1) / 2 numbers, which take dX's place in f's columns
A window holds `window` positions. From its first the state at each of the others is found at once, so that only
length / window steps follow one another; the state at its end starts the next. (The papers use only that one.)

One step of a fixed solver goes from position to position. rk4 is the 3/8 rule, as in torchdiffeq. Data arrive here
regularly sampled and complete; the method's way with missing and irregular observations has no part to play.
`causal=False` adds a second system on the reversed sequence and reads from both, as is done with recurrent networks.

Symbols: x input, (B, L, H); X path, c = H + 1 channels; z hidden path, (B, h); S (B, c (c + 1) / 2); B batch, L length,
H channels, h `hidden`, W width of f's inner layer.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from bench_sequence import limits

Control = Literal["hermite", "linear", "log-ode"]


class NeuralCDE(nn.Module):
    """A neural CDE from position to position.

    `hidden` is that of the paper's CharacterTrajectories, `width` that of the authors' examples.

    Raises:
        ValueError: control or solver is none of those named, or hidden, width or window is less than one.
    """

    def __init__(
        self,
        *,
        d_model: int,
        l_max: int,
        causal: bool,
        control: Literal["hermite", "linear", "log-ode"] = "hermite",
        solver: Literal["euler", "midpoint", "rk4"] = "rk4",
        hidden: int = 32,
        width: int = 128,
        window: int = 8,
    ) -> None:
        super().__init__()
        if control not in ("hermite", "linear", "log-ode"):
            raise ValueError(f"control must be hermite, linear or log-ode, but is {control}")
        if solver not in SOLVERS:
            raise ValueError(f"solver must be {', '.join(SOLVERS)}, but is {solver}")
        limits.neural_cde(hidden=hidden, width=width, window=window)
        self.causal = causal
        self.l_max = l_max
        self.systems = nn.ModuleList(
            System(d_model + 1, hidden, width, control, solver, window) for _ in range(1 if causal else 2)
        )
        self.out = nn.Linear(hidden * len(self.systems), d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, H) to (B, L, H)."""
        z = self.systems[0](self._with_time(x))
        if not self.causal:
            z = torch.cat((z, self.systems[1](self._with_time(x.flip(1))).flip(1)), dim=-1)
        return self.out(z)

    def step(self, x: Tensor, state: tuple | None = None) -> tuple[Tensor, tuple]:
        """Map the next input, (B, H), to its output; the state is the position and that of `System.step`.

        Raises:
            ValueError: the layer is bidirectional.
        """
        if not self.causal:
            raise ValueError("step needs a layer built with causal=True")
        position, inner = (0, None) if state is None else state
        z, inner = self.systems[0].step(self._with_time(x[:, None], position)[:, 0], inner)
        return self.out(z), (position + 1, inner)

    def _with_time(self, x: Tensor, start: int = 0) -> Tensor:
        """Return the path's points X, (B, L, 1 + H), of a stretch of the sequence from position `start`."""
        t = torch.arange(start, start + x.shape[1], dtype=x.dtype, device=x.device) / self.l_max
        return torch.cat((t[:, None].expand(*x.shape[:2], 1), x / (self.l_max * x.shape[2]) ** 0.5), dim=-1)


class System(nn.Module):
    """The controlled differential equation: path (B, L, c) at the positions to hidden path (B, L, h)."""

    def __init__(self, channels: int, hidden: int, width: int, control: Control, solver: str, window: int) -> None:
        super().__init__()
        self.control, self.advance, self.window = control, SOLVERS[solver], window
        columns = channels * (channels + 1) // 2 if control == "log-ode" else channels
        self.initial = nn.Linear(channels, hidden)
        self.inner = nn.Linear(hidden, width)
        self.outer = nn.Linear(width, hidden * columns)

    def field(self, z: Tensor) -> Tensor:
        """Return f(z), (..., h, columns)."""
        f = torch.tanh(self.outer(torch.relu(self.inner(z))))
        return f.unflatten(-1, (z.shape[-1], -1))

    def forward(self, X: Tensor) -> Tensor:
        """Return z at every position."""
        z = self.initial(X[:, 0])
        if self.control == "log-ode":
            return self._by_windows(X, z)
        increments = X.diff(dim=1)
        before = torch.cat((increments[:, :1], increments[:, :-1]), dim=1)
        path = [z]
        for last, new in zip(before.unbind(1), increments.unbind(1), strict=True):
            path.append(self._cross(path[-1], last, new))
        return torch.stack(path, dim=1)

    def step(self, X: Tensor, state: tuple | None) -> tuple[Tensor, tuple]:
        """Map the next point of the path, (B, c), to z there.

        The state is that point, the last increment, and z; for log-ode that point, z at the window's start, the
        increment and the areas (B, c, c) since then, and how many positions these span.
        """
        if self.control == "log-ode":
            return self._step_in_window(X, state)
        if state is None:
            z = self.initial(X)
            return z, (X, None, z)
        point, last, z = state
        new = X - point
        z = self._cross(z, new if last is None else last, new)
        return z, (X, new, z)

    def _cross(self, z: Tensor, last: Tensor, new: Tensor) -> Tensor:
        """Return z one position on, where the path has gone by `new`, and by `last` in the interval before."""
        if self.control == "linear":
            return self.advance(lambda s, z: _apply(self.field(z), new), z)
        return self.advance(lambda s, z: _apply(self.field(z), last + (new - last) * (4 * s - 3 * s**2)), z)

    def _by_windows(self, X: Tensor, z: Tensor) -> Tensor:
        path = [z[:, None]]
        for start in range(0, X.shape[1] - 1, self.window):
            S = log_signatures(X[:, start : start + self.window + 1])  # (B, up to `window`, columns)
            path.append(self._along(z[:, None].expand(-1, S.shape[1], -1), S))
            z = path[-1][:, -1]
        return torch.cat(path, dim=1)

    def _step_in_window(self, X: Tensor, state: tuple | None) -> tuple[Tensor, tuple]:
        if state is None:
            z = self.initial(X)
            return z, (X, z, *_no_signature(X))
        point, start, increment, area, span = state
        increment, area = _extend(increment, area, X - point)
        z = self._along(start, _as_vector(increment, area))
        if span + 1 == self.window:
            return z, (X, z, *_no_signature(X))
        return z, (X, start, increment, area, span + 1)

    def _along(self, z: Tensor, S: Tensor) -> Tensor:
        return self.advance(lambda s, z: _apply(self.field(z), S), z)


def log_signatures(X: Tensor) -> Tensor:
    """Return the log-signatures to depth two of the linear path from its first point to each of the others.

    Args:
        X: points, (B, n + 1, c).

    Returns:
        (B, n, c (c + 1) / 2): increments, then the areas 1/2 ∫ X_a dX_b - X_b dX_a for channels a < b, X from zero.
    """
    steps = X.diff(dim=1)
    since = X[:, :-1] - X[:, :1]
    _, areas = _extend(since, torch.zeros((), dtype=X.dtype, device=X.device), steps)
    return _as_vector(since + steps, areas.cumsum(1))


def _extend(increment: Tensor, area: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Return increment and areas, (..., c, c) antisymmetric, of a path that goes on by `step` (Chen's identity)."""
    outer = increment[..., :, None] * step[..., None, :]
    return increment + step, area + (outer - outer.transpose(-1, -2)) / 2


def _as_vector(increment: Tensor, area: Tensor) -> Tensor:
    a, b = torch.triu_indices(increment.shape[-1], increment.shape[-1], offset=1, device=increment.device)
    return torch.cat((increment, area[..., a, b]), dim=-1)


def _no_signature(X: Tensor) -> tuple[Tensor, Tensor, int]:
    return torch.zeros_like(X), X.new_zeros(*X.shape, X.shape[-1]), 0


def _apply(f: Tensor, dX: Tensor) -> Tensor:
    """Return f dX, (..., h)."""
    return (f @ dX[..., None])[..., 0]


Slope = Callable[[float, Tensor], Tensor]


def euler(slope: Slope, z: Tensor) -> Tensor:
    """Return z(1) of z' = slope(s, z) by one step of Euler's method."""
    return z + slope(0.0, z)


def midpoint(slope: Slope, z: Tensor) -> Tensor:
    """Return z(1) by one step of the midpoint rule."""
    return z + slope(0.5, z + slope(0.0, z) / 2)


def rk4(slope: Slope, z: Tensor) -> Tensor:
    """Return z(1) by one step of Kutta's 3/8 rule."""
    k1 = slope(0.0, z)
    k2 = slope(1 / 3, z + k1 / 3)
    k3 = slope(2 / 3, z + k2 - k1 / 3)
    k4 = slope(1.0, z + k1 - k2 + k3)
    return z + (k1 + 3 * (k2 + k3) + k4) / 8


SOLVERS = {"euler": euler, "midpoint": midpoint, "rk4": rk4}
