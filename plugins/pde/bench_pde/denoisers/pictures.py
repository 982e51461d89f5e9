"""Small pictures to learn what images look like from."""

import numpy as np

from bench_pde import denoiser_limits


def shapes(*, seed: int, count: int = 2000, size: int = 16) -> dict[str, np.ndarray]:
    """Return pictures of three discs and boxes of random places, sizes and shades on a plain ground.

    Returns:
        train_images, test_images: (count, 1, size, size) and (count / 10, 1, size, size) float32 in [0, 1].

    Raises:
        ValueError: fewer than 10 pictures, or a size that is no multiple of 4.
    """
    denoiser_limits.shapes(count=count, size=size)
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[:size, :size] + 0.5) / size

    def picture() -> np.ndarray:
        image = np.full((size, size), rng.uniform())
        for _ in range(3):
            (cx, cy), (w, h), shade = rng.uniform(0.1, 0.9, 2), rng.uniform(0.1, 0.35, 2), rng.uniform()
            disc, box = ((x - cx) / w) ** 2 + ((y - cy) / h) ** 2 < 1, (abs(x - cx) < w) & (abs(y - cy) < h)
            image[disc if rng.uniform() < 0.5 else box] = shade
        return image

    images = np.stack([picture() for _ in range(count + count // 10)])[:, None].astype(np.float32)
    return {"train_images": images[:count], "test_images": images[count:]}
