"""Signed distances of analytic shapes in [-1, 1]³, negative inside. Points (n, 3) -> (n,)."""

from typing import Literal

import torch
from torch import Tensor

Shape = Literal["sphere", "torus", "box-frame"]


def sphere(points: Tensor, radius: float = 0.6) -> Tensor:
    """Return |x| - radius."""
    return points.norm(dim=1) - radius


def torus(points: Tensor, radius: float = 0.5, thickness: float = 0.2) -> Tensor:
    """Return the distance from a tube of radius `thickness` around a circle in the plane of x and y."""
    ring = points[:, :2].norm(dim=1) - radius
    return torch.stack([ring, points[:, 2]], 1).norm(dim=1) - thickness


def box_frame(points: Tensor, size: float = 0.6, thickness: float = 0.08) -> Tensor:
    """Return the distance from the twelve edges of a cube of half-width `size`, each a bar 2 × `thickness` wide.

    A bar is a box, and this is the least of their distances: exact outside; where bars overlap, inside a corner, the
    surface may be further away than it says.
    """
    near = points.abs() - size  # the corner is at 0, and a bar reaches inwards from it
    across = (near + thickness).abs() - thickness
    bars = []
    for axis in range(3):
        offset = across.clone()
        offset[:, axis] = near[:, axis]
        bars.append(offset.clamp(min=0).norm(dim=1) + offset.amax(1).clamp(max=0))
    return torch.stack(bars).amin(0)


def distance(shape: Shape, points: Tensor) -> Tensor:
    """Return the signed distance of a shape."""
    return {"sphere": sphere, "torus": torus, "box-frame": box_frame}[shape](points)
