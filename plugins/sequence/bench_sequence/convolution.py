"""Long convolutions of a sequence with one kernel per channel, by FFT.

Symbols: B batch, L sequence length, H channels, K kernel length.
"""

import torch
from torch import Tensor, nn


def _fft_length(minimum: int) -> int:
    """Return the smallest even 5-smooth number that is at least `minimum`; FFTs of other lengths can be far slower."""
    n = minimum + minimum % 2
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 2


def causal_convolution(u: Tensor, kernel: Tensor) -> Tensor:
    """Return y with y_t = sum over j = 0..t of kernel_j u_{t-j}.

    Args:
        u: inputs, (B, L, H), real.
        kernel: (H, K), real; taps beyond L are not used, missing ones are zero.
    """
    L = u.shape[1]
    kernel = kernel[:, :L]
    n = _fft_length(L + kernel.shape[1])  # a shorter transform would wrap the end of the sequence onto its beginning
    return _circular_convolution(u, kernel, n)


def two_sided_convolution(u: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
    """Return y with y_t = sum over j >= 0 of forward_j u_{t-j} + sum over j >= 0 of backward_j u_{t+1+j}.

    The backward kernel starts at lag one, so that the present input is counted once (the convention of the
    S4 reference code). Shapes as in `causal_convolution`.
    """
    L = u.shape[1]
    n = _fft_length(2 * L)
    forward, backward = forward[:, :L], backward[:, :L]
    kernel = nn.functional.pad(forward, (0, n - forward.shape[1])) + reversed_taps(backward, n)
    return _circular_convolution(u, kernel, n)


def reversed_taps(backward: Tensor, n: int) -> Tensor:
    """Return a backward kernel (H, K) among n taps with indices modulo n: lag -1 stands at n - 1, -2 at n - 2, ..."""
    return nn.functional.pad(backward.flip(1), (n - backward.shape[1], 0))


def _circular_convolution(u: Tensor, kernel: Tensor, n: int) -> Tensor:
    """Convolve u (B, L, H) with kernel (H, K), indices modulo n; transforms run along the last dimension.

    They are in float32 at least: half-precision types have none on the CPU, and too few digits for long sums anywhere.
    """
    dtype = torch.promote_types(u.dtype, torch.float32)
    spectrum = torch.fft.rfft(u.transpose(1, 2).to(dtype), n=n) * torch.fft.rfft(kernel.to(dtype), n=n)
    return torch.fft.irfft(spectrum, n=n)[..., : u.shape[1]].transpose(1, 2).to(u.dtype)  # from (B, H, n/2 + 1)
