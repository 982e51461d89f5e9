"""Deblurring with a denoiser in place of a regulariser: plug-and-play ADMM.

For b = Ax + noise and a denoiser f that stands for the proximal operator of R / ρ (Venkatakrishnan, Bouman & Wohlberg
2013, doi:10.1109/GlobalSIP.2013.6737048; as in Fang, Buchanan & Sulam 2024, arXiv:2310.14344)

    x ← argmin ½ |Ax - b|² + ρ/2 |x - z + u|²,    z ← f(x + u),    u ← u + x - z

A is a convolution on the torus, so that the first is a division in Fourier space.

    b, x    (batch, channels, n, n)
    A       its transform, (n, n)
"""

from collections.abc import Callable

import torch
from torch import Tensor


def gaussian_blur(size: int, width: float) -> Tensor:
    """Return the transform of a blur by a Gaussian of standard deviation `width` pixels, (size, size), real."""
    distance = torch.minimum(torch.arange(size), size - torch.arange(size))
    row = torch.exp(-0.5 * (distance / width) ** 2)
    row = torch.fft.fft(row / row.sum()).real
    return torch.outer(row, row)


def blurred(x: Tensor, A: Tensor) -> Tensor:
    """Return Ax."""
    return torch.fft.ifft2(torch.fft.fft2(x) * A).real


def data_step(b: Tensor, A: Tensor, rho: float, v: Tensor) -> Tensor:
    """Return argmin ½ |Ax - b|² + ρ/2 |x - v|²."""
    top = torch.fft.fft2(b) * A.conj() + rho * torch.fft.fft2(v)
    return torch.fft.ifft2(top / (A.abs() ** 2 + rho)).real


@torch.no_grad()
def plug_and_play(
    denoise: Callable[[Tensor], Tensor], b: Tensor, A: Tensor, rho: float, iterations: int
) -> tuple[Tensor, list[float]]:
    """Return z after some iterations from z = b, u = 0, and by how much x moved in each, |x_k - x_(k-1)| / |x_k|."""
    x, z, u, moved = b, b, torch.zeros_like(b), []
    for _ in range(iterations):
        before, x = x, data_step(b, A, rho, z - u)
        z = denoise(x + u)
        u = u + x - z
        moved.append(float((x - before).norm() / x.norm()))
    return z, moved


def tikhonov(b: Tensor, A: Tensor, penalty: float) -> Tensor:
    """Return argmin ½ |Ax - b|² + λ/2 |x - mean of b|², the classical answer that knows nothing of images."""
    return data_step(b, A, penalty, b.mean((2, 3), keepdim=True).expand_as(b))
