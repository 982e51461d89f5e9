"""Images to be fitted: drawn ones, and photographs side by side."""

import numpy as np

from bench_pde import field_limits
from bench_pde.fields.sources import PHOTOGRAPHS
from harness.download import located


def drawn_image(*, seed: int, size: int = 96) -> dict[str, np.ndarray]:
    """Return a picture of smooth shading, five discs and boxes with sharp edges, and a textured patch.

    Returns:
        image: (size, size, 3) float32 in [0, 1].

    Raises:
        ValueError: size is below 8.
    """
    field_limits.drawn_image(size=size)
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    image = 0.5 + 0.25 * np.stack([np.sin(np.pi * (a * x + b * y) + c) for a, b, c in rng.uniform(-1, 1, (3, 3))], -1)
    for shape in range(5):
        cx, cy, w, h = *rng.uniform(0.15, 0.85, 2), *rng.uniform(0.08, 0.22, 2)
        inside = ((x - cx) / w) ** 2 + ((y - cy) / h) ** 2 < 1 if shape % 2 else (abs(x - cx) < w) & (abs(y - cy) < h)
        image[inside] = rng.uniform(0, 1, 3)
    cx, cy, frequency, angle = *rng.uniform(0.3, 0.7, 2), rng.uniform(10, 16), rng.uniform(0, np.pi)
    stripes = np.sin(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)))
    patch = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.02)
    return {"image": np.clip(image + 0.35 * (patch * stripes)[..., None], 0, 1).astype(np.float32)}


def photographs(*, first: int = 0, side: int = 3) -> dict[str, np.ndarray]:
    """Return `side` × `side` test images of CIFAR-10 (Krizhevsky 2009), lossless, from number `first` on, as one.

    Returns:
        image: (32 side, 32 side, 3) float32 in [0, 1].

    Raises:
        ValueError: there are not so many of the 1000 images in the file.
    """
    from PIL import Image

    field_limits.photographs(first=first, side=side)
    with Image.open(located("photographs", PHOTOGRAPHS)["cifar10_batch_50.png"], formats=["PNG"]) as file:
        rows = np.asarray(file.convert("RGB"))[first : first + side * side]
    tiles = rows.reshape(side, side, 32, 32, 3).transpose(0, 2, 1, 3, 4)
    return {"image": (tiles.reshape(32 * side, 32 * side, 3) / 255).astype(np.float32)}
