"""Monarch matrices of order p: products of p block-diagonal matrices with fixed permutations between them.

Fu et al. 2023, "Monarch Mixer", arXiv:2310.12109, section 3.1 and appendix; Dao et al. 2022, "Monarch: Expressive
Structured Matrices", arXiv:2204.00595, for order 2.

With n = b^p, a vector is an array of p axes of length b, the first one the most significant. Step s = 1..p multiplies
along axis s, with a block of its own for every place on the other axes; at the end the axes are reversed. For p = 2
this is M = P L P R P with R and L block-diagonal and P the transposition of b x b. (The released routine is P L P R,
without the first permutation: these are Monarch matrices of a permuted input.) A product costs O(p n^{1 + 1/p}).

The discrete Fourier transform is one of them, and that is how Monarch Mixer stays causal (section 4 of the paper): the
transform evaluates the polynomial with coefficients x at n points, the inverse one interpolates, and as long as the
degrees of two factors add up to less than n, the coefficients of their product are a linear convolution: none of
them depends on a later one.

Symbols: x vectors, (..., n); F_s blocks, (b^{s-1}, b^{p-s}, b, b) or, where they do not differ along the axes after s,
(b^{s-1}, 1, b, b), the last two output and input; b block size, p order.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from bench_sequence.convolution import reversed_taps


def monarch_product(x: Tensor, blocks: Sequence[Tensor]) -> Tensor:
    """Return M x, (..., n), for the Monarch matrix M with blocks F_1, ..., F_p."""
    b, p = blocks[0].shape[-1], len(blocks)
    lead = x.shape[:-1]
    for s, F in enumerate(blocks):
        x = x.reshape(*lead, b**s, b, b ** (p - 1 - s))
        x = torch.einsum("arkj,...ajr->...akr", F, x)
    x = x.reshape(*lead, *(b,) * p)
    return x.permute(*range(len(lead)), *reversed(range(len(lead), len(lead) + p))).reshape(*lead, b**p)


def fourier_blocks(b: int, p: int, dtype: torch.dtype, device: torch.device | str = "cpu") -> list[Tensor]:
    """Return the blocks of the discrete Fourier transform of length b^p, sum over j of x_j e^{-2πi j k / n}.

    In F_s, the outputs k_1, ..., k_s found so far make the number K_s = sum over r <= s of k_r b^{r-1}, and the entry
    for input j_s is e^{-2πi j_s K_s / b^s}.

    Args:
        dtype: complex64 or complex128; angles are computed in float64.
    """
    blocks = []
    for s in range(1, p + 1):
        digits = torch.arange(b**s).reshape((b,) * s)  # k_1 is the first axis
        K = digits.permute(*reversed(range(s))).reshape(-1, 1, b, 1)  # K_s at [k_1, ..., k_{s-1}], 0, k_s
        turns = (torch.arange(b) * K % b**s).double() / b**s
        blocks.append(torch.exp(-2j * math.pi * turns).to(dtype=dtype, device=device))
    return blocks


def monarch_convolution(u: Tensor, forward: Tensor, backward: Tensor | None, order: int) -> Tensor:
    """Return what `causal_convolution` or, with a backward kernel, `two_sided_convolution` does, by Monarch matrices.

    Args:
        u: inputs, (B, L, H), real.
        forward, backward: kernels, (H, K), real.
        order: p; n is the smallest p-th power that leaves no room for wrapping around.
    """
    L = u.shape[1]
    b = 2
    while b**order < 2 * L:
        b += 1
    n = b**order
    kernel = torch.nn.functional.pad(forward[:, :L], (0, n - min(L, forward.shape[1])))
    if backward is not None:
        kernel = kernel + reversed_taps(backward[:, :L], n)
    dtype = torch.complex128 if u.dtype == torch.float64 else torch.complex64
    blocks = fourier_blocks(b, order, dtype, u.device)
    padded = torch.nn.functional.pad(u.transpose(1, 2), (0, n - L)).to(dtype)
    spectrum = monarch_product(padded, blocks) * monarch_product(kernel.to(dtype), blocks)
    y = monarch_product(spectrum, [F.conj() for F in blocks]) / n  # the inverse transform
    return y.real[..., :L].transpose(1, 2).to(u.dtype)
