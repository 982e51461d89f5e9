"""Corruptions of test images, each at one fixed severity, after Hendrycks & Dietterich 2019, arXiv:1903.12261.

All take images (n, 16, 16) in [-1, 1] and return images of that shape; what is random is the same on every call.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional


def noise(x: Tensor) -> Tensor:
    """Add Gaussian noise of standard deviation 0.4."""
    generator = torch.Generator().manual_seed(0)
    return (x + 0.4 * torch.randn(x.shape, generator=generator)).clamp(-1, 1)


def contrast(x: Tensor) -> Tensor:
    """Take contrast down to 40 %."""
    return 0.4 * x


def blur(x: Tensor) -> Tensor:
    """Average over 3 x 3 pixels."""
    return functional.avg_pool2d(functional.pad(x[:, None], (1, 1, 1, 1), mode="replicate"), 3, stride=1)[:, 0]


def pixelate(x: Tensor) -> Tensor:
    """Average over blocks of 2 x 2 pixels."""
    return functional.avg_pool2d(x[:, None], 2).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)[:, 0]


def occlude(x: Tensor) -> Tensor:
    """Cover a square of 5 x 5 pixels, at a random place, with grey."""
    generator = torch.Generator().manual_seed(0)
    corner = torch.randint(x.shape[-1] - 4, (len(x), 2), generator=generator)
    place = torch.arange(x.shape[-1])
    inside = (place >= corner[..., None]) & (place < corner[..., None] + 5)  # (n, 2, side)
    return torch.where(inside[:, 0, :, None] & inside[:, 1, None, :], 0.0, x)


def shift(x: Tensor) -> Tensor:
    """Move two pixels down and to the right, round the edge."""
    return x.roll((2, 2), dims=(1, 2))


CORRUPTIONS: tuple[Callable[[Tensor], Tensor], ...] = (noise, contrast, blur, pixelate, occlude, shift)
