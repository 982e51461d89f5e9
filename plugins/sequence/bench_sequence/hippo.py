"""HiPPO: the state matrices that project a signal's past on orthogonal functions, and their NPLR form.

Gu et al., HiPPO (NeurIPS 2020), gives LegS and LegT; Gu et al., How to Train Your HiPPO (2022, arXiv 2206.12037), FouT
("Fourier") and the time scale of LegT used here; Gu, Goel and Ré, S4 (ICLR 2022), theorem 1 and appendix C, the NPLR
("normal plus low rank") form. A itself must not be diagonalised: the eigenvectors of LegS have condition number 8e10 at
N = 16.

    legs     Legendre polynomials on the whole past, exponentially warped       A + p pᵀ is −I/2 + skew
    legt     Legendre polynomials on a sliding window                           A + p₀ p₀ᵀ + p₁ p₁ᵀ is skew
    fourier  sines and cosines on a sliding window                              A + p pᵀ is skew
             (both windows are two units of time long)
    A = V (diag(Λ) − P P*) V*,   V unitary        the stored half: Im Λ >= 0, the other half is the complex conjugate

Symbols: N state size (even), n = N/2 conjugate pairs, r rank of the correction, 2 for LegT and 1 for the others.
    A  (N, N) real     B  (N,) real          in the coordinates of the polynomials
    p  (r, N) real     what makes A normal
    Λ  (n,) complex    eigenvalues of A + Σ p pᵀ, Im Λ ascends
    P  (r, n) complex  V* p                  B  (n,) complex    V* B
    V  (N, n) complex  eigenvectors
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from bench_sequence import limits

Measure = Literal["legs", "legt", "fourier"]


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


def legt(N: int) -> tuple[Tensor, Tensor]:
    """Return the HiPPO-LegT matrices A (N, N) and B (N,) in float64."""
    k = torch.arange(N, dtype=torch.float64)
    B = torch.sqrt(2 * k + 1)
    signs = 1 - 2 * ((k[:, None] - k) % 2)
    return -torch.outer(B, B) * torch.where(k[:, None] >= k, 1.0, signs) / 2, B / 2


def fourier(N: int) -> tuple[Tensor, Tensor]:
    """Return the HiPPO-FouT matrices A (N, N) and B (N,) in float64: cosine and sine of angular frequency πk in turn.

    The sine of frequency 0 is a state that nothing reaches.
    """
    k = torch.arange(N // 2, dtype=torch.float64)
    B = torch.zeros(N, dtype=torch.float64)
    B[0::2] = math.sqrt(2)
    B[0] = 1
    A = torch.zeros(N, N, dtype=torch.float64)
    A.diagonal(-1)[0::2] = math.pi * k
    A.diagonal(1)[0::2] = -math.pi * k
    return A - torch.outer(B, B), B


MATRICES = {"legs": legs, "legt": legt, "fourier": fourier}


def low_rank(measure: Measure, N: int) -> Tensor:
    """Return p (r, N), float64, such that A + Σ p pᵀ is normal."""
    B = MATRICES[measure](N)[1]
    if measure == "legs":
        return B[None] / math.sqrt(2)
    if measure == "legt":
        odd = torch.arange(N) % 2
        return torch.stack([odd, 1 - odd]) * B * math.sqrt(2)
    return B[None]


def nplr(measure: Measure, N: int, b_clip: float | None = None) -> NPLR:
    """Return the NPLR form of a HiPPO matrix.

    Args:
        measure: one of the names at the top of this file; ValueError for any other.
        N: state size; ValueError unless it is even and at least 2.
        b_clip: limit on |Im B|, None for none. Each eigenvector's phase is free, and the clipped B depends on it; here,
            as LAPACK returns it to the S4 reference code, the first entry of every eigenvector that is not zero is
            real.
    """
    if measure not in MATRICES:
        raise ValueError(f"the measure must be legs, legt or fourier, got {measure!r}")
    limits.state_size(d_state=N)
    A, B = MATRICES[measure](N)
    p = low_rank(measure, N)
    real = -0.5 if measure == "legs" else 0.0
    if measure == "fourier":  # the frequency 0 is a double eigenvalue, whose eigenvectors no solver returns in pairs
        k = torch.arange(N // 2)
        frequencies, V = math.pi * k.to(A.dtype), torch.zeros(N, N // 2, dtype=torch.complex128)
        V[2 * k, k], V[2 * k + 1, k] = math.sqrt(0.5), -1j * math.sqrt(0.5)
    else:
        skew = A + p.T @ p - real * torch.eye(N, dtype=A.dtype)
        frequencies, V = torch.linalg.eigh(-1j * skew)  # Hermitian, hence a unitary V; ascending, in pairs ±
        frequencies, V = frequencies[N // 2 :], V[:, N // 2 :]
        V = V * torch.sgn(V[0]).conj()  # the free phase: first entries real and positive
    P, B = (V.mH @ p.T.to(V.dtype)).mT, V.mH @ B.to(V.dtype)
    if b_clip is not None:
        B = torch.complex(B.real, B.imag.clamp(-b_clip, b_clip))
    return NPLR(torch.complex(torch.full_like(frequencies, real), frequencies), P, B, V)
