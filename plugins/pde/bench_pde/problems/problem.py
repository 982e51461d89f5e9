"""What a solver is told of a problem: the domain, the equation, the conditions, and how much it may spend."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]
Derivatives = Callable[[Tensor, tuple[str, ...]], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Condition:
    """On one face of the box, where coordinate `axis` is at its lowest (`side` 0) or highest (1), the derivative
    named `derivative` ("" for u itself) equals `value`, or, where that is None, the same on the opposite face.
    """

    axis: int
    side: int
    value: Function | None
    derivative: str = ""


@dataclass(frozen=True)
class Problem:
    """Find u on a box such that `residual` is 0 inside and the `conditions` hold.

    `axes` has a letter per coordinate, such as "xyt"; a derivative is named by the letters that u is differentiated
    by, "" being u. `residual(points, derivatives)` is given those named in `wanted`, each (n,), and returns (n,).
    Methods that minimise squares weigh those of the residual by `weight` against those of the conditions.

    The true solution is `exact`, or, where none is known in closed form, `reference(points per axis)` on a grid with
    the ends of every axis, in the shape of the grid. It is for scoring: methods may not ask for it.
    """

    axes: str
    box: tuple[tuple[float, float], ...]
    wanted: tuple[str, ...]
    residual: Callable[[Tensor, Mapping[str, Tensor]], Tensor]
    conditions: tuple[Condition, ...]
    exact: Function | None = None
    reference: Callable[[tuple[int, ...]], Tensor] | None = None
    weight: float = 1.0

    def truth(self, sizes: tuple[int, ...]) -> Tensor:
        """Return the true solution on the grid of these sizes, in its shape."""
        if self.reference is not None:
            return self.reference(sizes)
        assert self.exact is not None, "a problem has an exact solution or a reference"
        return self.exact(self.grid(sizes)).reshape(sizes)

    def interior(self, count: int, generator: torch.Generator) -> Tensor:
        """Return uniformly random points (count, dimensions)."""
        low, high = torch.tensor(self.box, dtype=torch.float64).T
        return low + (high - low) * torch.rand(count, len(self.box), dtype=torch.float64, generator=generator)

    def face(self, condition: Condition, count: int, generator: torch.Generator) -> Tensor:
        """Return uniformly random points of the face of a condition."""
        return self.on_face(condition, self.interior(count, generator))

    def on_face(self, condition: Condition, points: Tensor) -> Tensor:
        """Return points moved onto the face of a condition, along its axis."""
        return self._moved(points, condition.axis, condition.side)

    def equation_error(self, derivatives: Derivatives, points: Tensor) -> Tensor:
        """Return the residual at points."""
        return self.residual(points, derivatives(points, self.wanted))

    def condition_error(self, condition: Condition, derivatives: Derivatives, points: Tensor) -> Tensor:
        """Return by how much a condition is missed at points of its face."""
        name = condition.derivative
        here = derivatives(points, (name,))[name]
        if condition.value is not None:
            return here - condition.value(points)
        opposite = self._moved(points, condition.axis, 1 - condition.side)
        return here - derivatives(opposite, (name,))[name]

    def grid(self, sizes: tuple[int, ...]) -> Tensor:
        """Return the points of a grid with the ends of every axis, (product of sizes, dimensions)."""
        return grid(self.box, sizes)

    def _moved(self, points: Tensor, axis: int, side: int) -> Tensor:
        moved = points.clone()
        moved[:, axis] = self.box[axis][side]
        return moved


@dataclass(frozen=True)
class Budget:
    """What a method may spend: `steps` gradients or solves, each at up to `points` points inside and `face_points` on
    the face of each condition where it draws points. It calls `report(step, loss)` after each.
    """

    steps: int
    points: int = 500
    face_points: int = 100
    generator: torch.Generator = field(default_factory=torch.Generator)
    report: Callable[[int, float], None] = lambda step, loss: None


def grid(box: tuple[tuple[float, float], ...], sizes: tuple[int, ...]) -> Tensor:
    """Return the points of a grid with the ends of every axis of a box, (product of sizes, dimensions), float64."""
    axes = [torch.linspace(*ends, n, dtype=torch.float64) for ends, n in zip(box, sizes, strict=True)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)


def everywhere(exact: Function, axes: tuple[int, ...]) -> tuple[Condition, ...]:
    """Return the conditions that u be `exact` on both faces of some axes."""
    return tuple(Condition(axis, side, exact) for axis in axes for side in (0, 1))
