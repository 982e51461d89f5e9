"""What the architectures share: attention in several heads, and pixels as networks want them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def attend(
    q: Tensor, k: Tensor, v: Tensor, heads: int, *, scale: float | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the attention of queries (n, L, h d) to keys and values (n, M, h d), (n, L, h d).

    Scores are multiplied by `scale`, by default 1/sqrt(d), and `mask` is added to them. Written out, since per-example
    gradients (vmap) of torch's fused kernels are slow.
    """
    q, k, v = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    return ((scores if mask is None else scores + mask).softmax(-1) @ v).transpose(1, 2).flatten(2)


class Pixels:
    """Images as networks want them: bytes, (n, 3, side, side), are scaled and normalised; others are taken as they are.

    Args:
        preprocessor: what `preprocessor_config.json` says: `image_mean` and `image_std`, of values in [0, 1].
        mean, std: what holds where it says nothing.
    """

    def __init__(self, preprocessor: Mapping[str, Any], mean: Sequence[float], std: Sequence[float]) -> None:
        self._mean = torch.tensor(preprocessor.get("image_mean", mean)).view(-1, 1, 1)
        self._std = torch.tensor(preprocessor.get("image_std", std)).view(-1, 1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return (x / 255 - self._mean) / self._std if x.dtype == torch.uint8 else x.float()
