"""Pathfinder: are two marked ends the ends of one dashed contour, among others?

Linsley, Kim, Veerabadran, Windolf & Serre 2018 (arXiv:1805.08315), with the parameters by which the Long Range Arena
(Tay et al., arXiv:2011.04006) made its "hard" sets of 32, 64, 128 (Path-X) and 256 pixels. The images are drawn anew by
the procedure of the public generator (github.com/drewlinsley/pathfinder, snakes2.py), many at a time:

    paddle    one dash of a contour: a segment of `length` pixels. Around it lies a margin, its mask, where no other
              paddle of another contour may be: where masks add up to 1.8, a paddle is refused
    pivot     where the next paddle begins: length + 2 margin beyond the last pivot. It ends on the circle around the
              pivot with the radius length + margin, with a weight of max(cos(min(continuity * angle, pi / 2)), 0)^2,
              times one minus the mask there, the mask widened by the margin
    target    two contours of 14 paddles, grown in turn, a seed_distance apart at their origins. Where any paddle finds
              no place, in three tries, both begin anew
    distractor contours of 14 // 3 = 4 paddles, five tries each, and left out where all fail
    markers   discs at the origin of one target, and at the end of the same one (label 1) or of the other (label 0)

Kept from the generator: coordinates are rounded up after each step, candidates on a circle rounded down, the first
contour's last mask is not taken into the final one, and every image is stretched to 0 .. 255. What differs: a segment
at the finer resolution is drawn by distance to its axis where that is more than a pixel wide, and resampled in floating
point. The files of the Arena are other draws.

One core draws some 590 images of 32 pixels in a second, 16 of 128, and 8 of 64, where few pairs of 14 paddles find
room: 200,000 take six minutes, three and a half hours, and seven hours.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench_sequence import dataset_limits

_SCALE = 2  # of the finer resolution that paddles are drawn in
_TRIES = 3  # to place a paddle
_SNAKE_TRIES = 5  # to place a distractor
_FULL = 1.8  # sum of masks at which a paddle is refused
_OUTSIDE = np.float32(-10)  # mask of what is beyond an image
_FREE = 0.3  # mask up to which a place is free for a seed
_EMPTY = 0.01  # share of free places below which no distractor is seeded
_IMAGES = 512  # finished at once
_PIXELS = 2**24  # of all attempts that are grown at once


@dataclass(frozen=True)
class Geometry:
    """The parameters of the generator for one size of image; lengths are in pixels."""

    size: int
    length: int  # of a paddle
    thickness: float
    margins: tuple[int, ...]  # one of them holds for an image
    marker: float  # radius
    seed_distance: int
    continuity: float
    distractors: int
    contrast: float
    contour: int = 14  # paddles
    padding: int = 1

    @property
    def distractor_contour(self) -> int:
        return self.contour // 3


GEOMETRIES = {
    32: Geometry(32, 2, 0.5, (1,), 1.5, 7, 1.0, 20 // 4, 2 * 0.75),
    64: Geometry(64, 5, 1.0, (1,), 2.5, 12, 1.8, 22 // 4, 0.8),
    128: Geometry(128, 5, 1.5, (2, 3), 3.0, 20, 1.8, 35 // 4, 0.9),
    256: Geometry(256, 5, 2.0, (3,), 5.0, 27, 1.8, 30 // 4, 1.0, padding=22),
}


def pathfinder(
    *, size: int = 32, contour: int = 14, train: int = 160_000, val: int = 20_000, test: int = 20_000, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return images of size x size pixels in reading order, and whether the marked ends are of one contour.

    `contour` is 14 paddles in the "hard" set of the Long Range Arena, 9 in "intermediate", 6 in "easy". No split
    changes with the size of another.

    Returns, for each split of n images:
        *_inputs: grey values, (n, size^2, 1) uint8.
        *_targets: 0 or 1, (n,) int64.

    Raises:
        ValueError: a size or a contour that the generator has no parameters for.
    """
    dataset_limits.pathfinder(size=size, contour=contour)
    values = {**vars(GEOMETRIES[size]), "contour": contour}
    if contour < 14:  # the generator keeps the number of distracting paddles, not of contours
        values["distractors"] = GEOMETRIES[size].distractors * GEOMETRIES[size].distractor_contour // (contour // 3)
    arrays = {}
    for stream, (split, n) in enumerate({"train": train, "val": val, "test": test}.items()):
        images, labels = draw(Geometry(**values), n, np.random.default_rng([seed, stream]))
        arrays[f"{split}_inputs"] = images.reshape(n, size * size, 1)
        arrays[f"{split}_targets"] = labels
    return arrays


def draw(geometry: Geometry, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return n images, (n, size, size) uint8, and their labels, (n,) int64."""
    images, labels = np.zeros((n, geometry.size, geometry.size), np.uint8), rng.integers(0, 2, n)
    margins = rng.integers(0, len(geometry.margins), n)
    for i, margin in enumerate(geometry.margins):
        of_margin, pencil = np.flatnonzero(margins == i), Pencil(geometry, margin)
        for begin in range(0, len(of_margin), _IMAGES):
            members = of_margin[begin : begin + _IMAGES]
            images[members] = _images(pencil, labels[members], rng)
    return images, labels


def _images(pencil: "Pencil", labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    origins, ends, paddles, canvas = _targets(pencil, len(labels), rng)
    rows = np.arange(len(labels))
    for snake in range(2):
        for template, place in paddles[snake]:
            canvas.ink(rows, template, place)
    for _ in range(pencil.geometry.distractors):
        left = rows
        for _ in range(_SNAKE_TRIES):
            left = left[~_distract(pencil, canvas, left, rng)]
    which = rng.integers(0, 2, len(labels))
    image = canvas.inside(canvas.image)
    for tips, snake in ((origins, which), (ends, np.where(labels == 1, which, 1 - which))):
        image = np.maximum(image, pencil.discs(tips[snake, rows]))
    low, high = image.min(axis=(1, 2), keepdims=True), image.max(axis=(1, 2), keepdims=True)
    return np.rint((image - low) / (high - low) * 255).astype(np.uint8)


class Pencil:
    """All that is fixed by geometry and margin: a paddle in every orientation, its mask, and where it leads.

    Orientations 0 .. 359 are those of seeds, in degrees from -180; the others are those of the K candidates for the
    end of a next paddle, as seen from the pivot. Coordinates are (y, x).
    """

    def __init__(self, geometry: Geometry, margin: int) -> None:
        self.geometry, self.margin = geometry, margin
        self.step = geometry.length + margin
        angles = np.arange(0, 360, 360 / (2 * np.pi * self.step)) * np.pi / 180
        circle = np.floor(self.step * np.stack([np.sin(angles), np.cos(angles)], axis=1)).astype(int)
        self.candidates = np.unique(circle, axis=0)  # (K, 2), from the pivot
        turned = np.arctan2(self.candidates[:, 0], self.candidates[:, 1])
        seeds = np.arange(-180, 180) * np.pi / 180
        self.angles = np.concatenate([seeds, turned])
        self.advance = _ahead(self.angles, geometry.length + 2 * margin)  # from pivot to pivot
        self.seed_head = _ahead(seeds, geometry.length)
        self.seed_pivot = self.seed_head + _ahead(seeds + np.pi, self.step)
        drawn = np.concatenate([seeds, turned + np.pi])  # a paddle is drawn from its far end back
        self.radius = geometry.length + int(np.ceil(geometry.thickness)) + margin
        self.lines, self.masks = _templates(drawn, self.radius, geometry, margin)
        self.flat_masks = self.masks.reshape(len(self.masks), -1)
        self.disc = _disc(margin)
        difference = abs(turned[None, :] - self.angles[:, None])
        difference = np.minimum(difference, 2 * np.pi - difference)
        bend = np.minimum(geometry.continuity * difference, np.pi / 2)
        self.weights = np.where(bend < np.pi / 2, np.cos(bend) ** 2, 0)  # (360 + K, K)
        likely = (self.weights > 0).sum(axis=1).max()
        self.choices = np.argsort(-self.weights, axis=1, kind="stable")[:, :likely]  # those that may be at all

    @property
    def reach(self) -> int:
        """How far beyond an image the places lie that are looked up or drawn to."""
        return max(self.radius, self.geometry.length + self.step + 3 * self.margin) + 3

    @property
    def block(self) -> int:
        """How many attempts are grown at once."""
        return _PIXELS // (self.geometry.size + 2 * self.reach) ** 2

    @cached_property
    def struct(self) -> list[np.ndarray]:
        """For each seed orientation, what of its mask is full, as offsets (D, 2) from its tail.

        The generator draws it one pixel off the middle of its window, which cuts off what lies beyond the window.
        """
        window, offsets = self.step, []
        for mask in self.masks[:360]:
            full = np.argwhere(mask >= 1 - 1e-6) - self.radius + 1
            offsets.append(full[(abs(full) <= window).all(axis=1)])
        return offsets

    @cached_property
    def _disc_offsets(self) -> np.ndarray:
        r = int(np.ceil(self.geometry.marker)) + 2
        return np.stack(np.meshgrid(np.arange(-r, r + 1), np.arange(-r, r + 1), indexing="ij"), axis=-1)

    @cached_property
    def _disc_image(self) -> np.ndarray:
        """The marker around a pixel, drawn at the finer resolution and resampled as the whole image is."""
        g = self.geometry
        centre = g.size // 2
        fine = np.arange(g.size * _SCALE) - centre * _SCALE
        inside = fine[:, None] ** 2 + fine[None, :] ** 2 <= (g.marker * _SCALE) ** 2
        image = _resample(inside[None].astype(float), g.size)[0]
        r = len(self._disc_offsets) // 2
        return image[centre - r : centre + r + 1, centre - r : centre + r + 1]

    def discs(self, tips: np.ndarray) -> np.ndarray:
        """Return images of one marker each, (n, size, size), at the places (n, 2)."""
        n, size, pad = len(tips), self.geometry.size, len(self._disc_offsets)
        image = np.zeros((n, size + 2 * pad, size + 2 * pad))
        at = tips[:, None, None] + self._disc_offsets + pad
        image[np.arange(n)[:, None, None], at[..., 0], at[..., 1]] = self._disc_image
        return image[:, pad:-pad, pad:-pad]


class Canvas:
    """Images and masks of n attempts, each with a rim around it that is as wide as anything may hang over.

    In the mask, the rim holds _OUTSIDE for ever. Pixels have one index over all attempts, since that is quicker.
    """

    def __init__(self, n: int, pencil: Pencil, mask: np.ndarray | None = None) -> None:
        self.pencil, self.rim, self.size = pencil, pencil.reach, pencil.geometry.size
        self.width = self.size + 2 * self.rim
        if mask is None:
            edge = np.ones((self.size, self.size), np.float32)
            edge[(slice(pencil.geometry.padding, -pencil.geometry.padding),) * 2] = 0
            mask = np.tile(np.pad(edge, self.rim, constant_values=_OUTSIDE), (n, 1, 1))
        self.mask = mask
        self.image = np.zeros(mask.shape, np.float32)
        window = np.arange(-pencil.radius, pencil.radius + 1)
        self._window = (window[:, None] * self.width + window).ravel()
        self._disc = self._flat(pencil.disc)
        self._candidates = self._flat(pencil.candidates)

    def _flat(self, offsets: np.ndarray) -> np.ndarray:
        return offsets[..., 0] * self.width + offsets[..., 1]

    def _index(self, rows: np.ndarray, place: np.ndarray) -> np.ndarray:
        return rows * self.width**2 + self._flat(place + self.rim)

    def inside(self, array: np.ndarray) -> np.ndarray:
        return array[:, self.rim : self.rim + self.size, self.rim : self.rim + self.size]

    def contains(self, place: np.ndarray) -> np.ndarray:
        return ((place >= 0) & (place < self.size)).all(axis=-1)

    def collides(self, rows: np.ndarray, template: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Tell which paddles would lie on others; what hangs over the edge counts for nothing."""
        there = self.mask.reshape(-1).take(self._index(rows, place)[:, None] + self._window)
        return (there + self.pencil.flat_masks[template] >= _FULL).any(axis=1)

    def claim(self, rows: np.ndarray, template: np.ndarray, place: np.ndarray) -> None:
        """Take the masks of paddles into those of their images."""
        at = self._index(rows, place)[:, None] + self._window
        before = self.mask.reshape(-1).take(at)
        after = np.where(before > _OUTSIDE, np.maximum(before, self.pencil.flat_masks[template]), _OUTSIDE)
        self.mask.reshape(-1)[at] = after

    def ink(self, rows: np.ndarray, template: np.ndarray, place: np.ndarray) -> None:
        """Draw paddles."""
        at = self._index(rows, place)[:, None] + self._window
        image = self.image.reshape(-1)
        image[at] = np.maximum(image.take(at), self.pencil.lines[template].reshape(at.shape))

    def free(self, rows: np.ndarray, pivot: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """Return one minus the mask, widened by the margin, at choices (n, M) of candidates; 0 outside the image."""
        at = self._index(rows, pivot)[:, None] + self._candidates[choices]
        flat = self.mask.reshape(-1)
        widened = flat.take(at[:, :, None] + self._disc).max(axis=-1)
        return np.where(flat.take(at) > _OUTSIDE, 1 - widened, 0)


Paddle = tuple[np.ndarray, np.ndarray]  # of n snakes: which template (n,), and where (n, 2)


def _targets(
    pencil: Pencil, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, list[list[Paddle]], Canvas]:
    """Grow pairs of contours until n are whole. Return their origins and ends, (2, n, 2), their paddles and masks."""
    whole: list[tuple[np.ndarray, np.ndarray, list[list[Paddle]], np.ndarray]] = []
    found = 0
    while found < n:
        whole.append(_pairs(pencil, rng))
        found += len(whole[-1][3])
    origins = np.concatenate([part[0] for part in whole], axis=1)[:, :n]
    ends = np.concatenate([part[1] for part in whole], axis=1)[:, :n]
    paddles = [
        [
            (
                np.concatenate([part[2][snake][i][0] for part in whole])[:n],
                np.concatenate([part[2][snake][i][1] for part in whole])[:n],
            )
            for i in range(pencil.geometry.contour)
        ]
        for snake in range(2)
    ]
    return origins, ends, paddles, Canvas(n, pencil, np.concatenate([part[3] for part in whole])[:n])


def _pairs(pencil: Pencil, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[list[Paddle]], np.ndarray]:
    """Try a block of pairs at once and return those that are whole, as `_targets` does, with their masks."""
    canvas = Canvas(pencil.block, pencil)
    rows = np.arange(pencil.block)
    turn, tail, fits = _seed_pair(pencil, canvas, rng)
    origins = tail.copy()
    pivot = tail + pencil.seed_pivot[turn]
    snakes: list[list[Paddle]] = [[(turn[s].copy(), tail[s].copy())] for s in range(2)]
    last = [snake[0] for snake in snakes]
    alive = rows[fits]
    for _ in range(pencil.geometry.contour - 1):
        for s in range(2):
            template, head, there, good = _extend(pencil, canvas, alive, turn[s, alive], pivot[s, alive], rng)
            canvas.claim(alive[good], *(part[alive[good]] for part in last[s]))
            alive = alive[good]
            turn[s, alive], pivot[s, alive], tail[s, alive] = template[good], there[good], head[good]
            last[s] = (turn[s].copy(), tail[s].copy())
            snakes[s].append(last[s])
    canvas.claim(alive, *(part[alive] for part in last[1]))
    paddles = [[(template[alive], place[alive]) for template, place in snake] for snake in snakes]
    return origins[:, alive], tail[:, alive], paddles, canvas.mask[alive]


def _seed_pair(pencil: Pencil, canvas: Canvas, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return orientations (2, n) and tails (2, n, 2) of the first paddles, and which pairs are within the image."""
    g, n = pencil.geometry, len(canvas.mask)
    turn, tail, fits = np.zeros((2, n), int), np.zeros((2, n, 2), int), np.zeros((2, n), bool)
    for s in range(2):
        for _ in range(_TRIES):
            todo = np.flatnonzero(~fits[s])
            turn[s, todo] = rng.integers(0, 360, len(todo))
            if s == 0:
                tail[s, todo] = _central_places(pencil, turn[s, todo], rng)
            else:
                angle = rng.integers(0, 360, len(todo)) * np.pi / 180
                shift = g.seed_distance * np.stack([np.sin(angle), np.cos(angle)], axis=1)
                tail[s, todo] = np.rint(tail[0, todo] + shift)
            fits[s, todo] = _is_within(pencil, canvas, turn[s, todo], tail[s, todo])
    return turn, tail, fits.all(axis=0)


def _is_within(pencil: Pencil, canvas: Canvas, turn: np.ndarray, tail: np.ndarray) -> np.ndarray:
    return canvas.contains(tail + pencil.seed_head[turn]) & canvas.contains(tail + pencil.seed_pivot[turn])


def _central_places(pencil: Pencil, turn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw tails for the first seeds: twice the seed distance from every edge, mask included."""
    near, far = 2 * pencil.geometry.seed_distance, pencil.geometry.size - 2 * pencil.geometry.seed_distance
    reach = np.array([[offsets.min(axis=0), offsets.max(axis=0)] for offsets in pencil.struct])  # (360, 2, 2)
    low, high = near - np.minimum(reach[turn, 0], 0), far - np.maximum(reach[turn, 1], 0)
    room = np.maximum(high - low, 1)
    return low + (rng.random((len(turn), 2)) * room).astype(int)


def _extend(
    pencil: Pencil, canvas: Canvas, rows: np.ndarray, turn: np.ndarray, pivot: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find the next paddle of contours: templates (n,), heads and pivots (n, 2), and which of them fit."""
    there = pivot + pencil.advance[turn]
    choices = pencil.choices[turn]  # (n, M)
    weights = canvas.free(rows, there, choices) * np.take_along_axis(pencil.weights[turn], choices, axis=1)
    total = weights.sum(axis=1)
    possible = total >= 1e-4
    sums = np.cumsum(weights, axis=1) / np.where(possible, total, 1)[:, None]
    chosen, good = np.zeros(len(rows), int), np.zeros(len(rows), bool)
    for _ in range(_TRIES):
        todo = np.flatnonzero(possible & ~good)
        chosen[todo] = choices[todo, (sums[todo] > rng.random((len(todo), 1))).argmax(axis=1)]
        head = there[todo] + pencil.candidates[chosen[todo]]
        good[todo] = ~canvas.collides(rows[todo], 360 + chosen[todo], head)
    return 360 + chosen, there + pencil.candidates[chosen], there, good


def _distract(pencil: Pencil, canvas: Canvas, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Try one distractor in each of these images; draw those that are whole, and tell which."""
    if not len(rows):
        return np.zeros(0, bool)
    before = canvas.mask[rows]
    turn, tail, fits = _seed(pencil, canvas, rows, rng)
    pivot, place = tail + pencil.seed_pivot[turn], tail.copy()
    paddles, alive = [(turn.copy(), place.copy())], np.flatnonzero(fits)
    for _ in range(pencil.geometry.distractor_contour - 1):
        template, head, there, good = _extend(pencil, canvas, rows[alive], turn[alive], pivot[alive], rng)
        kept = alive[good]
        canvas.claim(rows[kept], turn[kept], place[kept])
        turn[kept], pivot[kept], place[kept] = template[good], there[good], head[good]
        paddles.append((turn.copy(), place.copy()))
        alive = kept
    canvas.claim(rows[alive], turn[alive], place[alive])
    done = np.zeros(len(rows), bool)
    done[alive] = True
    canvas.mask[rows[~done]] = before[~done]
    for template, where in paddles:
        canvas.ink(rows[alive], template[alive], where[alive])
    return done


def _seed(
    pencil: Pencil, canvas: Canvas, rows: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return orientations (n,) and tails (n, 2) of first paddles on free places, and which images have one."""
    occupied = canvas.inside(canvas.mask)[rows] > _FREE
    roomy = 1 - occupied.mean(axis=(1, 2)) >= _EMPTY
    occupied[:, [0, -1], :] = occupied[:, :, [0, -1]] = True
    rim = pencil.step + 1
    occupied = np.pad(occupied, ((0, 0), (rim, rim), (rim, rim)))  # beyond the edge counts as free, for seeds
    turn, tail = np.zeros(len(rows), int), np.zeros((len(rows), 2), int)
    fits = np.zeros(len(rows), bool)
    for _ in range(_TRIES):
        todo = np.flatnonzero(roomy & ~fits)
        turn[todo] = rng.integers(0, 360, len(todo))
        for i in todo:
            place = _free_place(occupied[i], pencil.struct[turn[i]], canvas.size, rim, rng)
            if place is None:
                roomy[i] = False  # the generator gives a contour up where no place is free
            else:
                tail[i] = place
        todo = todo[roomy[todo]]
        fits[todo] = _is_within(pencil, canvas, turn[todo], tail[todo])
    return turn, tail, fits


def _free_place(
    occupied: np.ndarray, offsets: np.ndarray, size: int, rim: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Draw uniformly from the places around which no offset is occupied; None where there is none."""
    for count in (8, 64):  # by rejection, which is quicker where much is free
        places = rng.integers(0, size, (count, 2))
        at = places[:, None] + offsets + rim
        free = ~occupied[at[..., 0], at[..., 1]].any(axis=1)
        if free.any():
            return places[free.argmax()]
    taken = np.zeros((size, size), bool)
    for y, x in offsets + rim:
        taken |= occupied[y : y + size, x : x + size]
    places = np.argwhere(~taken)
    return places[rng.integers(len(places))] if len(places) else None


def _ahead(angles: np.ndarray, distance: float) -> np.ndarray:
    """Return the displacement by `distance`, rounded up, (n, 2)."""
    return np.ceil(distance * np.stack([np.sin(angles), np.cos(angles)], axis=1) - 1e-9).astype(int)


def _disc(radius: int) -> np.ndarray:
    """Return the offsets within a radius, (D, 2)."""
    offsets = np.argwhere(np.ones((2 * radius + 1,) * 2)) - radius
    return offsets[(offsets**2).sum(axis=1) <= radius**2]


def _templates(angles: np.ndarray, radius: int, geometry: Geometry, margin: int) -> tuple[np.ndarray, np.ndarray]:
    """Return paddles from the middle in each direction, and their masks, (n, S, S) float32 with S = 2 radius + 1."""
    fine = np.stack([_segment(angle, radius * _SCALE, geometry) for angle in angles])
    wide = np.zeros_like(fine)
    side = fine.shape[1]
    for y, x in _disc(margin * _SCALE):
        into, out = (slice(max(0, y), side + min(0, y)), slice(max(0, x), side + min(0, x))), None
        out = (slice(max(0, -y), side + min(0, -y)), slice(max(0, -x), side + min(0, -x)))
        wide[:, into[0], into[1]] |= fine[:, out[0], out[1]]
    lines, masks = (_resample(array.astype(float), 2 * radius + 1) for array in (fine, wide))
    return (geometry.contrast * lines).astype(np.float32), masks.astype(np.float32)


def _segment(angle: float, middle: int, geometry: Geometry) -> np.ndarray:
    """Draw a segment at the finer resolution: a line of pixels, or a bar of a width of several."""
    side = 2 * middle + 1
    picture = np.zeros((side, side), bool)
    end = _ahead(np.array([angle]), geometry.length * _SCALE)[0]
    width = round(geometry.thickness * _SCALE)
    if width == 1:
        points = max(abs(end)) + 1
        y, x = (np.rint(np.linspace(0, e, points)).astype(int) + middle for e in end)
        picture[y, x] = True
        return picture
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1) - middle
    far = np.hypot(*end)
    along, across = grid @ end / far, grid @ np.array([-end[1], end[0]]) / far
    picture[(along >= -0.5) & (along <= far + 0.5) & (abs(across) <= width / 2)] = True
    return picture


def _resample(images: np.ndarray, size: int) -> np.ndarray:
    """Shrink square images, (n, S, S), to (n, size, size) with a Lanczos window of three lobes, cut to 0 .. 1."""
    ratio = images.shape[1] / size
    centre = (np.arange(size) + 0.5) * ratio
    x = (np.arange(images.shape[1]) + 0.5 - centre[:, None]) / ratio
    weights = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(np.einsum("ia,nab,jb->nij", weights, images, weights, optimize=True), 0, 1)
