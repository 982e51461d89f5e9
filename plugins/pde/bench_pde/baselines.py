"""Two rules that every method has to beat: nothing changes, and the best linear map."""

from __future__ import annotations

import torch
from torch import Tensor

MOST = 2048  # examples of a regression, whose equations then have no more unknowns than that


def fitted_on(count: int) -> Tensor:
    """Return which of so many examples a regression is fitted on: all, or `MOST`, evenly spaced."""
    return torch.linspace(0, count - 1, min(MOST, count), dtype=torch.float64).round().long()


class RidgeRegression:
    """The affine map from flattened inputs to flattened outputs with the least squared error plus λ times its squared
    norm.

    λ is `penalty` times the sum of squares of the centred inputs, so that it does not depend on their scale.
    """

    def __init__(self, inputs: Tensor, targets: Tensor, penalty: float = 1e-6) -> None:
        x, y = inputs.flatten(1).double(), targets.flatten(1).double()
        self._shape = targets.shape[1:]
        self._x, self._y = x.mean(0), y.mean(0)
        x, y = x - self._x, y - self._y
        ridge = penalty * float(x.square().sum()) + torch.finfo(x.dtype).tiny
        n, size = x.shape
        eye = torch.eye(min(n, size), dtype=x.dtype)
        # The smaller of the two normal equations
        self._weights = torch.linalg.solve(x.T @ x + ridge * eye, x.T @ y) if size <= n else (
            x.T @ torch.linalg.solve(x @ x.T + ridge * eye, y)
        )  # fmt: skip

    def to(self, device: str) -> RidgeRegression:
        """Move it to a device, and return it."""
        self._x, self._y, self._weights = (tensor.to(device) for tensor in (self._x, self._y, self._weights))
        return self

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the predictions for inputs (n, …), as float64."""
        return ((inputs.flatten(1).double() - self._x) @ self._weights + self._y).unflatten(1, self._shape)
