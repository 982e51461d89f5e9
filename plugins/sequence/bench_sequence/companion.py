"""Discrete state-space systems whose state matrix is a companion matrix, and their kernels in O((d + L) log (d + L)).

Zhang, Saab, Poli, Dao, Goel and Ré, Effectively Modeling Time Series with Simple Discrete State Spaces (ICLR 2023,
arXiv 2303.09489), section 3; details from the released code (github.com/HazyResearch/spacetime).

    x_{t+1} = A x_t + b u_{t+1},  y_t = c x_t        A = S + a e_dᵀ: ones below the diagonal, a in the last column
    K_l = c A^l b,  l < L

Symbols: d state size, L length; a, b, c  (..., d);  A  (..., d, d);  K  (..., L);  S the shift, e_d the last unit
vector. Leading dimensions are broadcast against each other.
"""

import math

import torch
from torch import Tensor

from bench_sequence.krylov import krylov


def companion_matrix(a: Tensor) -> Tensor:
    """Return A (..., d, d)."""
    A = torch.diag_embed(torch.ones_like(a[..., 1:]), offset=-1)
    last = torch.zeros_like(a)
    last[..., -1] = 1
    return A + a[..., :, None] * last[..., None, :]


def dense_kernel(a: Tensor, b: Tensor, c: Tensor, length: int) -> Tensor:
    """Return K (..., length) from powers of A: O(d³ log L + d² L) time, O(d L) memory."""
    A = companion_matrix(a)
    columns = krylov(A, b.expand(*A.shape[:-2], -1), length)
    return torch.einsum("...n,...nl->...l", c, columns)


def woodbury_kernel(a: Tensor, b: Tensor, c_tilde: Tensor, length: int) -> Tensor:
    """Return K (..., length) by the paper's algorithm, given c̃ = c (I − A^L).

    Σ_l K_l ω^l at the L-th roots of unity ω is c̃ (I − ωA)⁻¹ b; with the resolvent of the shift, whose quadratic form
    q(u, v) = Σ_j ω^j Σ_i u_{i+j} v_i is a transform of a correlation, and Woodbury's identity it is
    q(c̃, b) + q(c̃, a) q(e_d, b) / (ω̄ − q(e_d, a)). Not defined where A has an eigenvalue at one of the roots, as it has
    for a ≥ 0 of sum one.
    """
    e_d = torch.zeros_like(a)
    e_d[..., -1] = 1

    def q(u: Tensor, v: Tensor) -> Tensor:
        r = _correlation(u, v, u.shape[-1])
        folded = torch.nn.functional.pad(r, (0, -r.shape[-1] % length)).unflatten(-1, (-1, length)).sum(-2)
        return torch.fft.rfft(folded, n=length)

    angle = torch.arange(length // 2 + 1, dtype=torch.float64, device=a.device) * (2 * math.pi / length)
    conjugate = torch.polar(torch.ones_like(angle), angle).to(q(e_d, a).dtype)
    K_hat = q(c_tilde, b) + q(c_tilde, a) * q(e_d, b) / (conjugate - q(e_d, a))
    return torch.fft.irfft(K_hat, n=length)


def series_kernel(a: Tensor, b: Tensor, c: Tensor, length: int) -> Tensor:
    """Return K (..., length), exact for any a, also where `woodbury_kernel` is not defined.

    c A^l is the window of d entries from l on of the sequence w that starts with c and goes on by
    w_{j+d} = Σ_i a_i w_{j+i}, since A shifts a row to the left and appends its product with a. So K is the correlation
    of w with b, and w a quotient of power series.
    """
    return _correlation(_rows(a, c, length), b, length)


def reduced_output(a: Tensor, c: Tensor, length: int) -> Tensor:
    """Return c̃ = c (I − A^length), (..., d)."""
    return c - _rows(a, c, length)[..., length:]


def final_state(a: Tensor, b: Tensor, u: Tensor, start: Tensor | None = None) -> Tensor:
    """Return the state after the inputs u (..., L), (..., d), from `start` (..., d), None for zero.

    With v the last entry of the state over time, entry i of the state is Σ_s b_{i−s} u_{−s} + a_{i−s} v_{−1−s}, where
    −s counts back from the end; v itself is the response of the kernel with c = e_d.
    """
    L, d = u.shape[-1], b.shape[-1]
    e_d = torch.zeros_like(a)
    e_d[..., -1] = 1
    v = _product(u, series_kernel(a, b, e_d, L), L)
    if start is not None:
        v = v + zero_input_response(a, e_d, start, L)
    before = u.new_zeros(*v.shape[:-1], d)
    earlier = before if start is None else torch.cat([before[..., 1:], start[..., -1:].expand_as(before[..., :1])], -1)
    inputs = torch.cat([before, u.expand_as(v)], -1)[..., -d:].flip(-1)
    lasts = torch.cat([earlier, v[..., :-1]], -1)[..., -d:].flip(-1)
    if start is not None and d > L:
        lasts = torch.cat([lasts[..., :L], torch.zeros_like(lasts[..., L:])], -1)  # `start` holds what they would add
    state = _product(inputs, b, d) + _product(lasts, a, d)
    if start is not None and d > L:
        state = state + torch.nn.functional.pad(start[..., : d - L], (L, 0))
    return state


def zero_input_response(a: Tensor, c: Tensor, start: Tensor, length: int) -> Tensor:
    """Return c A^{t+1} x for the state x = `start` and t < length, (..., length)."""
    shifted = torch.nn.functional.pad(start[..., :-1], (1, 0))
    return series_kernel(a, shifted + a * start[..., -1:], c, length)


def _rows(a: Tensor, c: Tensor, length: int) -> Tensor:
    """Return w (..., length + d) of `series_kernel`."""
    total, d = length + a.shape[-1], a.shape[-1]
    denominator = torch.cat([torch.ones_like(a[..., :1]), -a.flip(-1)], dim=-1)
    return _product(_product(c, denominator, d), _reciprocal(denominator, total), total)


def _reciprocal(q: Tensor, count: int) -> Tensor:
    """Return the first coefficients of 1/q(z), (..., count), for q_0 = 1, by Newton's iteration g ← g (2 − q g)."""
    g = torch.ones_like(q[..., :1])
    while (known := g.shape[-1]) < count:
        size = min(2 * known, count)
        error = _product(q[..., :size], g, size)[..., known:]
        g = torch.cat([g, -_product(g, error, size - known)], dim=-1)
    return g


def _product(x: Tensor, y: Tensor, count: int) -> Tensor:
    """Return the first coefficients of the product of two power series, (..., count)."""
    n = 1 << (x.shape[-1] + y.shape[-1] - 1).bit_length()
    return torch.fft.irfft(torch.fft.rfft(x, n=n) * torch.fft.rfft(y, n=n), n=n)[..., :count]


def _correlation(x: Tensor, y: Tensor, count: int) -> Tensor:
    """Return Σ_i x_{j+i} y_i for j < count, (..., count)."""
    d = y.shape[-1]
    return _product(x, y.flip(-1), d - 1 + count)[..., d - 1 :]
