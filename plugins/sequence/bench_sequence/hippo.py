"""HiPPO-LegS: the state matrix that projects a signal's whole past on Legendre polynomials, and its NPLR form.

Gu et al., HiPPO (NeurIPS 2020), gives A and B; Gu, Goel and Ré, S4 (ICLR 2022), theorem 1 and appendix C, the NPLR
("normal plus low rank") form. A itself must not be diagonalised: its eigenvectors have condition number 8e10 at N = 16.

    A = V (diag(Λ) − P P*) V*,   V unitary        the stored half: Im Λ > 0, the other half is the complex conjugate

Symbols: N state size (even), n = N/2 conjugate pairs.
    A  (N, N) real     B  (N,) real          HiPPO-LegS in its own (Legendre) coordinates
    Λ  (n,) complex    eigenvalues of A + p pᵀ with p_k = √(k + 1/2); the real part is −1/2, Im Λ ascends
    P  (n,) complex    V* p                  B  (n,) complex    V* B
    V  (N, n) complex  eigenvectors
"""

from typing import NamedTuple

import torch
from torch import Tensor


class NPLR(NamedTuple):
    """The stored half of a normal-plus-low-rank system; complex128, shapes at the top of this file."""

    Lambda: Tensor
    P: Tensor
    B: Tensor
    V: Tensor


def legs(N: int) -> tuple[Tensor, Tensor]:
    """Return the HiPPO-LegS matrices A (N, N) and B (N,) in float64."""
    k = torch.arange(N, dtype=torch.float64)
    B = torch.sqrt(2 * k + 1)
    A = -torch.tril(torch.outer(B, B), diagonal=-1) - torch.diag(k + 1)
    return A, B


def legs_nplr(N: int, b_clip: float | None = None) -> NPLR:
    """Return the NPLR form of HiPPO-LegS.

    Args:
        N: state size; ValueError unless it is even and at least 2.
        b_clip: limit on |Im B|, None for none. Each eigenvector's phase is free, and the clipped B depends on it; here,
            as LAPACK returns it to the S4 reference code, the first entry of every eigenvector is real.
    """
    if N < 2 or N % 2:
        raise ValueError(f"the state size must be even and at least 2, got {N}")
    A, B = legs(N)
    p = B / 2**0.5
    skew = A + torch.outer(p, p) + 0.5 * torch.eye(N, dtype=A.dtype)
    frequencies, V = torch.linalg.eigh(-1j * skew)  # Hermitian, hence a unitary V; ascending, in pairs ±
    V = V[:, N // 2 :]
    V = V * torch.sgn(V[0]).conj()  # the free phase: first entries real and positive
    P, B = (V.mH @ torch.stack([p, B], dim=-1).to(V.dtype)).unbind(-1)
    if b_clip is not None:
        B = torch.complex(B.real, B.imag.clamp(-b_clip, b_clip))
    return NPLR(torch.complex(torch.full_like(frequencies[N // 2 :], -0.5), frequencies[N // 2 :]), P, B, V)
