"""What a field is fitted to."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True)
class Signal:
    """Samples of a function on [-1, 1]^d, all of which a method may look at before it is trained.

    Where `kind` is "image", they are the pixels in reading order: the point of row i and column j of n × m is
    (x, y) = ((2j + 1)/m - 1, (2i + 1)/n - 1), and `shape` is (n, m). Where it is "distance", the values are distances
    from a surface, negative inside, at points anywhere.
    """

    points: Tensor  # (N, d), float32
    values: Tensor  # (N, channels), float32
    kind: Literal["image", "distance"]
    shape: tuple[int, ...] = ()
