"""Perturb, then diagonalise: a diagonal system whose state matrix is HiPPO-LegS up to a small, known perturbation.

Yu, Nigmetov, Morozov, Mahoney and Erichson, Robustifying State-Space Models for Long Sequences via Approximate
Diagonalization (ICLR 2024, arXiv 2310.01698).

    A + E = V Λ V⁻¹,  B̃ = V⁻¹ B,  C̃ = C V

A, HiPPO-LegS, has eigenvectors of condition number 8e10 at N = 16; those of A + E are benign, and by |E| alone the
diagonal system's transfer function differs from HiPPO's: what S4D drops, P Pᵀ with P_k = √(k + 1/2), moves it without
bound. The paper finds E by gradient descent on κ(V) + γ |E| (its equation 8), but neither γ nor the descent is
published, and a random E of the recommended size, a tenth of |A|, is unstable. Here E = α P Pᵀ, 0 < α <= 1: the
symmetric part of A + E is −I/2 − (1 − α) P Pᵀ, hence Re Λ <= −1/2 for every α; |E| = 0.785 α |A|; α = 1 is S4D-LegS.

Symbols: N state size (even), n = N/2 stored conjugate pairs (Im Λ > 0).
    A, E  (N, N) real    Λ  (n,) complex    V  (N, n) complex, columns of norm 1    V⁻¹  (n, N), the upper half
"""

from typing import NamedTuple

import torch
from torch import Tensor

from bench_sequence import limits
from bench_sequence.hippo import legs, low_rank

ROUNDING = 1e-12  # backward error that float64 leaves, for each unit of κ(V), relative to |A|


class Diagonalised(NamedTuple):
    """The stored half of A + E = V diag(Λ) V⁻¹, complex128, with κ(V) and the backward error |V Λ V⁻¹ − A|₂ / |A|₂."""

    Lambda: Tensor
    V: Tensor
    V_inverse: Tensor
    condition: float
    backward_error: float


def perturbed_legs(N: int, alpha: float = 0.1) -> Diagonalised:
    """Return HiPPO-LegS diagonalised with E = α P Pᵀ.

    ValueError if N is odd, α is not in [0.01, 1], or some eigenvalues are real, as they are for small N and α: at N = 2
    up to α = 0.1, at N = 4 up to 0.03, at N = 10 up to 0.01.
    """
    limits.perturbed(d_state=N, alpha=alpha)
    p = low_rank("legs", N)
    return diagonalise(legs(N)[0], alpha * p.T @ p)


def diagonalise(A: Tensor, E: Tensor) -> Diagonalised:
    """Return A + E diagonalised, in order of ascending Im Λ, and check that this was backward stable.

    Args:
        A, E: (N, N) float64.

    Raises:
        ValueError: A + E is unstable, has a real eigenvalue, or V Λ V⁻¹ differs from it by more than rounding.
    """
    Lambda, V = torch.linalg.eig((A + E).to(torch.complex128))
    if Lambda.real.max() >= 0:
        raise ValueError(f"the perturbed matrix is unstable: an eigenvalue has the real part {Lambda.real.max():.2g}")
    order = torch.argsort(Lambda.imag)[len(A) // 2 :]
    if Lambda.imag[order[0]] < 1e-9:
        raise ValueError("the perturbed matrix has real eigenvalues, which come in no conjugate pairs")
    Lambda, V = Lambda[order], V[:, order]  # LAPACK's columns have norm one
    both = torch.cat([V, V.conj()], dim=-1)
    V_inverse = torch.linalg.inv(both)
    rebuilt = ((both * torch.cat([Lambda, Lambda.conj()])) @ V_inverse).real
    condition, scale = float(torch.linalg.cond(both)), torch.linalg.matrix_norm(A, 2)
    residual = float(torch.linalg.matrix_norm(rebuilt - A - E, 2) / scale)
    if residual > ROUNDING * condition:
        raise ValueError(f"the diagonalisation is off by {residual:.1e} of |A|, with eigenvectors of κ {condition:.1e}")
    return Diagonalised(
        Lambda, V, V_inverse[: len(order)], condition, float(torch.linalg.matrix_norm(rebuilt - A, 2) / scale)
    )
