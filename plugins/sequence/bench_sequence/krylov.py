"""Krylov matrices: the columns b, A b, A² b, ... that turn a discrete state-space system into a convolution."""

import torch
from torch import Tensor


def krylov(A: Tensor, b: Tensor, length: int) -> Tensor:
    """Return (b, A b, ..., A^{length-1} b), (..., N, length), doubling the columns with each squaring of A.

    Args:
        A: (..., N, N).
        b: (..., N).
    """
    columns, power = b[..., None], A
    while (done := columns.shape[-1]) < length:
        columns = torch.cat([columns, power @ columns[..., : length - done]], dim=-1)
        if 2 * done < length:
            power = power @ power
    return columns
