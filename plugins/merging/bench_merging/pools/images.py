"""Seven procedural families of grey 16 x 16 images in which a class is a seed.

Coordinates are in the unit square. Every function takes the class's generator, which draws what its members share, the
members' generator, and their number n, and returns n images, (n, 16, 16), before noise; `draw` adds the family's noise
and limits them to [-1, 1].
"""

from collections.abc import Callable

import numpy as np

SIDE = 16
_AXIS = (np.arange(SIDE) + 0.5) / SIDE
_X, _Y = np.meshgrid(_AXIS, _AXIS)
_PIXELS = np.stack([_X.ravel(), _Y.ravel()], axis=1)  # (256, 2)

Array = np.ndarray
Generator = np.random.Generator


def _posed(points: Array, rng: Generator, n: int, jitter: float) -> Array:
    """Return n randomly rotated, scaled, shifted and jittered copies of points (p, 2), (n, p, 2)."""
    angle = rng.uniform(-0.3, 0.3, n)
    rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(n, 2, 2)
    scale = rng.uniform(0.85, 1.15, (n, 1, 1))
    moved = np.einsum("nij,pj->npi", rotation, points - 0.5) * scale + 0.5
    return moved + rng.uniform(-0.07, 0.07, (n, 1, 2)) + jitter * rng.standard_normal((n, len(points), 2))


def _strokes(starts: Array, ends: Array) -> Array:
    """Return soft line segments drawn together, (n, 16, 16) in [0, 1]; starts and ends are (n, s, 2)."""
    image = np.zeros((len(starts), len(_PIXELS)))
    for a, b in zip(np.swapaxes(starts, 0, 1), np.swapaxes(ends, 0, 1), strict=True):
        along = (b - a)[:, None]
        offset = _PIXELS[None] - a[:, None]
        share = np.clip((offset * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9), 0, 1)
        distance2 = ((offset - share[..., None] * along) ** 2).sum(-1)
        image = np.maximum(image, np.exp(-distance2 / (2 * 0.04**2)))
    return image.reshape(-1, SIDE, SIDE)


def _glyph(kind: Generator, rng: Generator, n: int) -> Array:
    points = _posed(kind.uniform(0.15, 0.85, (5, 2)), rng, n, jitter=0.04)
    return 2 * _strokes(points[:, :-1], points[:, 1:]) - 1


def _inverted_glyph(kind: Generator, rng: Generator, n: int) -> Array:
    points = _posed(kind.uniform(0.15, 0.85, (5, 2)), rng, n, jitter=0.04)
    starts = rng.uniform(0, 1, (n, 3, 2))
    ends = starts + rng.uniform(-0.25, 0.25, (n, 3, 2))
    strokes = np.concatenate([points[:, :-1], starts], axis=1), np.concatenate([points[:, 1:], ends], axis=1)
    return 1 - 2 * _strokes(*strokes)


def _texture(kind: Generator, rng: Generator, n: int) -> Array:
    frequency, angle = kind.uniform(1.5, 6, 2), kind.uniform(0, np.pi, 2)
    image = np.zeros((n, SIDE, SIDE))
    for f, a in zip(frequency, angle, strict=True):
        wave = 2 * np.pi * f * (np.cos(a) * _X + np.sin(a) * _Y)
        phase, contrast = rng.uniform(0, 2 * np.pi, (n, 1, 1)), rng.uniform(0.25, 0.6, (n, 1, 1))
        image += contrast * np.sin(wave + phase)
    return image


def _blobs(kind: Generator, rng: Generator, n: int) -> Array:
    centre, width, sign = kind.uniform(0.1, 0.9, (5, 2)), kind.uniform(0.07, 0.16, 5), kind.choice([-1, 1], 5)
    image = np.zeros((n, SIDE, SIDE))
    for c, w, s in zip(centre, width, sign, strict=True):
        x, y = (c + 0.1 * rng.standard_normal((n, 2))).T[:, :, None, None]
        image += s * np.exp(-((_X - x) ** 2 + (_Y - y) ** 2) / (2 * w**2))
    return image


def _shape(kind: Generator, rng: Generator, n: int) -> Array:
    waves = kind.normal(0, 0.16, (2, 4)) / np.sqrt(np.arange(1, 5))
    x, y = (0.5 + rng.uniform(-0.05, 0.05, (n, 2))).T[:, :, None, None]
    angle = np.arctan2(_Y - y, _X - x) + rng.uniform(-0.4, 0.4, (n, 1, 1))
    orders = np.arange(1, 5)[:, None, None, None]
    contour = 1 + np.einsum("k,knij->nij", waves[0], np.cos(orders * angle))
    contour += np.einsum("k,knij->nij", waves[1], np.sin(orders * angle))
    radius = rng.uniform(0.22, 0.32, (n, 1, 1)) * contour
    inside = 1 / (1 + np.exp(-(radius - np.hypot(_X - x, _Y - y)) / 0.02))
    brightness = rng.choice([-1, 1], (n, 1, 1)) * rng.uniform(0.5, 1, (n, 1, 1))
    return brightness * (2 * inside - 1)


def _mosaic(kind: Generator, rng: Generator, n: int) -> Array:
    tiles = kind.choice([-1.0, 1.0], (4, 4)) * rng.choice([1, -1], (n, 4, 4), p=[0.88, 0.12])
    image = np.kron(tiles, np.ones((1, SIDE // 4, SIDE // 4))) * 0.7
    rows, columns = rng.integers(-1, 2, (2, n))
    i = (np.arange(SIDE) - rows[:, None]) % SIDE
    j = (np.arange(SIDE) - columns[:, None]) % SIDE
    return image[np.arange(n)[:, None, None], i[:, :, None], j[:, None, :]]


def _field(kind: Generator, rng: Generator, n: int) -> Array:
    coefficients = kind.standard_normal((4, 4)) + 0.9 * rng.standard_normal((n, 4, 4))
    cosines = np.cos(np.pi * np.arange(4)[:, None] * _AXIS)  # (4, 16)
    return np.einsum("nab,ai,bj->nij", coefficients, cosines, cosines) / 4


FAMILIES: dict[str, tuple[Callable[[Generator, Generator, int], Array], float]] = {  # images, sd of the pixel noise
    "glyph": (_glyph, 0.15),
    "texture": (_texture, 0.2),
    "blobs": (_blobs, 0.2),
    "shape": (_shape, 0.2),
    "mosaic": (_mosaic, 0.25),
    "field": (_field, 0.12),
    "inverted-glyph": (_inverted_glyph, 0.1),
}


def draw(family: str, label: int, n: int, seed: int) -> Array:
    """Return n images of class `label` of a family, (n, 16, 16) float32 in [-1, 1]; the same for the same arguments.

    What makes a class depends on family and label alone; `seed` draws its members.
    """
    make, noise = FAMILIES[family]
    number = list(FAMILIES).index(family)
    rng = np.random.default_rng([seed, number, label, 1])
    images = make(np.random.default_rng([number, label, 0]), rng, n)
    return np.clip(images + noise * rng.standard_normal(images.shape), -1, 1).astype(np.float32)
