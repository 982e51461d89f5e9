"""A function of points that knows its derivatives."""

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn


class Field(nn.Module):
    """A function u from points (n, dimensions) to (n,); `axes` has a letter per coordinate.

    A subclass that knows its derivatives in closed form overrides `derivatives`.
    """

    def __init__(self, axes: str) -> None:
        super().__init__()
        self.axes = axes

    def derivatives(self, points: Tensor, names: Iterable[str]) -> Mapping[str, Tensor]:
        """Return the derivatives with these names at points, each (n,), that can themselves be differentiated by the
        parameters. A name has the letters of the coordinates to differentiate by; that of u itself is "".
        """
        return differentiated(self, self.axes, points, names)


def differentiated(
    function: Callable[[Tensor], Tensor], axes: str, points: Tensor, names: Iterable[str]
) -> dict[str, Tensor]:
    """Return derivatives of a function at points by automatic differentiation; see `Field.derivatives`."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        values, gradients = {"": function(points)}, dict[str, Tensor]()

        def derivative(name: str) -> Tensor:
            if name not in values:
                before = derivative(name[:-1])
                if name[:-1] not in gradients:
                    gradients[name[:-1]] = _gradient(before, points)
                values[name] = gradients[name[:-1]][:, axes.index(name[-1])]
            return values[name]

        return {name: derivative(name) for name in names}


def _gradient(values: Tensor, points: Tensor) -> Tensor:
    """Return the gradient of each value by its point; 0 where a value does not depend on it."""
    if not values.requires_grad:
        return torch.zeros_like(points)
    (gradient,) = torch.autograd.grad(values.sum(), points, create_graph=True, allow_unused=True)
    return torch.zeros_like(points) if gradient is None else gradient
