"""Multilinear interpolation on a regular grid in any number of dimensions."""

import itertools

import torch
from torch import Tensor


def corners(positions: Tensor, sizes: tuple[int, ...]) -> list[tuple[Tensor, Tensor]]:
    """Return the nodes around each position with their weights, which sum to 1.

    Args:
        positions: (n, d) in units of nodes; those outside count as on the edge.
        sizes: nodes of each axis, at least 2.

    Returns:
        Of each of the 2^d corners, the node's indices (n, d) and its weight (n,).
    """
    last = torch.tensor(sizes, device=positions.device) - 1
    inside = torch.minimum(positions.clamp(min=0), last.to(positions.dtype))
    low = torch.minimum(inside.detach().floor().long(), last - 1)
    share = inside - low
    found = []
    for corner in itertools.product((0, 1), repeat=len(sizes)):
        offset = torch.tensor(corner, device=positions.device)
        found.append((low + offset, torch.where(offset == 1, share, 1 - share).prod(1)))
    return found


def multilinear(values: Tensor, positions: Tensor) -> Tensor:
    """Return values (*sizes, c) at positions (n, d), as (n, c); see `corners`."""
    sizes = tuple(values.shape[:-1])
    total = torch.zeros((), dtype=values.dtype, device=values.device)
    for nodes, weight in corners(positions, sizes):
        total = total + weight[:, None] * values[nodes.unbind(1)]
    return total
