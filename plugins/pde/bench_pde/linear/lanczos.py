"""Ritz vectors, and the right-hand sides that DCDM learns from."""

import torch
from torch import Tensor

from bench_pde.linear.system import System


def ritz(system: System, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return Ritz values in rising order, (m,), and vectors, (m, n), by the method of Lanczos from A times noise.

    Every new vector is made orthogonal to all before it, twice. m is `count`, or less where the Krylov space ends.
    """
    A, n = system.matrix, system.is_open.numel()
    noise = torch.randn(n, generator=generator, dtype=torch.float64).to(A.device) * system.is_open.flatten()
    v = system.apply(noise)
    basis, diagonal, beside = (
        torch.zeros(min(count, n), n, dtype=v.dtype, device=v.device),
        list[float](),
        list[float](),
    )
    size = float(v.norm())
    while len(diagonal) < len(basis) and size > 1e-8:
        basis[len(diagonal)] = v / size
        done = basis[: len(diagonal) + 1]
        v = system.apply(done[-1])
        diagonal.append(float(done[-1] @ v))
        for _ in range(2):
            v = v - done.T @ (done @ v)
        size = float(v.norm())
        beside.append(size)
    m = len(diagonal)
    tridiagonal = torch.diag(torch.tensor(diagonal, dtype=v.dtype))
    sides = torch.tensor(beside[: m - 1], dtype=v.dtype)
    tridiagonal += torch.diag(sides, 1) + torch.diag(sides, -1)
    values, coefficients = torch.linalg.eigh(tridiagonal)
    return values.to(v.device), coefficients.to(v.device).T @ basis[:m]


def right_hand_sides(vectors: Tensor, count: int, low: float, emphasis: float, generator: torch.Generator) -> Tensor:
    """Return `count` unit vectors, (count, n): sums of Ritz vectors (m, n) with normal coefficients, those of the
    first `low` m of them `emphasis` times as large."""
    c = torch.randn(count, len(vectors), generator=generator, dtype=torch.float64)
    c[:, : round(low * len(vectors))] *= emphasis
    b = c.to(vectors) @ vectors
    return b / b.norm(dim=1, keepdim=True)
