"""Corruptions of test inputs, each at one fixed severity, after Hendrycks & Dietterich 2019, arXiv:1903.12261.

Most take images (n, 16, 16) in [-1, 1] and return images of that shape; those of texts take tokens (n, L), int64. What
is random is the same on every call.
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


def replace(x: Tensor) -> Tensor:
    """Replace a fifth of the tokens by tokens from anywhere in all the sequences."""
    generator = torch.Generator().manual_seed(0)
    others = x.flatten()[torch.randint(x.numel(), x.shape, generator=generator)]
    return torch.where(torch.rand(x.shape, generator=generator) < 0.2, others, x)


def swap(x: Tensor) -> Tensor:
    """Swap a token with the next one at a sixth of the places, by pairs."""
    pairs = x[:, : x.shape[1] // 2 * 2].unflatten(1, (-1, 2))
    chosen = torch.rand(pairs.shape[:2], generator=torch.Generator().manual_seed(0)) < 1 / 3
    swapped = torch.where(chosen[..., None], pairs.flip(2), pairs).flatten(1)
    return torch.cat([swapped, x[:, swapped.shape[1] :]], dim=1)


Corrupt = Callable[[Tensor], Tensor]
OF_IMAGES: tuple[Corrupt, ...] = (noise, contrast, blur, pixelate, occlude, shift)
OF_TEXTS: tuple[Corrupt, ...] = (replace, swap)


def corruptions_of(inputs: Tensor) -> tuple[Corrupt, ...]:
    """Return the corruptions that inputs can be given: of grey images and of tokens some, of others none."""
    if inputs.dtype == torch.int64 and inputs.dim() == 2:
        return OF_TEXTS
    return OF_IMAGES if inputs.is_floating_point() and inputs.dim() == 3 else ()
