"""Where things go in a figure: facets, a legend below them, labels beside points, none over another."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.report import style
from harness.report.style import Look
from harness.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

WIDTH = 7.0  # inches: the text width of a page
LINE = 0.165  # inches between two lines of text


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, without pyplot's list of open ones."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = Figure(figsize=(width, height), facecolor=style.PAPER)
    FigureCanvasAgg(found)
    return found


def facets(
    count: int,
    *,
    height: float,
    left: float = 0.0,
    legend: Sequence[str] = (),
    columns: int = 3,
    gap: float = 0.68,
    share_y: bool = False,
    width: float = 0.0,
    titles: Sequence[str] = (),
) -> tuple[Figure, list[Axes], float]:
    """Return a figure with `count` axes in rows, and the height in inches that is free for a legend below them.

    Args:
        height: of one of the axes, in inches.
        left: inches left of the first column, beyond what the ticks of any column take.
        legend: the texts for which there is to be room.
        gap: inches between two columns.
        share_y: one vertical axis for all.
        width: of the figure, in inches; 0 leaves it to the number of columns.
        titles: of the axes; one that is too long for a line goes on two.
    """
    columns = 2 if count == 4 and columns == 3 and not share_y else min(columns, count)
    rows = math.ceil(count / columns)
    across = width or (WIDTH if columns > 1 else min(WIDTH, left + 3.6))
    below = LINE * len(_legend_rows(legend, across)) + 0.12 if legend else 0.0
    start = max(left, gap)
    wide = (across - start - 0.15 - (columns - 1) * gap) / columns
    lines = [_lines(title, wide + style.MARGIN) for title in titles]
    second = LINE if any(len(one) > 1 for one in lines) else 0.0
    top, bottom, between = 0.28 + second, 0.44, 0.76 + second
    whole = top + rows * height + (rows - 1) * between + bottom + below
    found = figure(across, whole)
    axes: list[Axes] = []
    for i in range(count):
        row, column = divmod(i, columns)
        x, y = start + column * (wide + gap), whole - top - height - row * (height + between)
        box = (x / across, y / whole, wide / across, height / whole)
        axes.append(found.add_axes(box, sharey=axes[0] if share_y and axes else None))
    for one, text in zip(axes, lines, strict=False):
        one.set_title("\n".join(text))
    return found, axes, below


def _lines(title: str, room: float) -> list[str]:
    """Return a title on one line or, where that is wider than `room` inches, on two, each cut to what fits."""
    words = one_line(title).split(" ")
    if _title_width(" ".join(words)) <= room or len(words) == 1:
        return [_cut(" ".join(words), room)]
    ways = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    return [_cut(line, room) for line in min(ways, key=lambda way: max(map(_title_width, way)))]


def _cut(line: str, room: float) -> str:
    shown, most = style.short(line), style.LONGEST
    while _title_width(shown) > room and most > 8:
        shown, most = style.short(line, most), most - 1
    return shown


def _title_width(text: str) -> float:
    return style.width(text, style.TITLE_SIZE, "bold")


def _legend_rows(texts: Sequence[str], width: float) -> list[list[str]]:
    """Return texts in rows of one number of columns that fit a figure of some inches."""
    each = style.widest(texts, style.SIZE - 0.5) + 0.42
    columns = max(1, min(len(texts), int((width - 0.2) / each)))
    return [list(texts[i : i + columns]) for i in range(0, len(texts), columns)]


def legend_below(
    found: Figure, methods: Sequence[str], look: Mapping[str, Look], *, markers: bool = False, lines: bool = True
) -> None:
    """Put a legend of methods at the lower edge of a figure, in rows read from left to right."""
    handles = style.method_lines(methods, look, markers, lines)
    rows = _legend_rows([handle.get_label() for handle in handles], found.get_figwidth())
    columns = len(rows[0])
    # matplotlib fills a legend column by column
    order = [i for column in range(columns) for i in range(column, len(handles), columns)]
    found.legend(
        handles=[handles[i] for i in order],
        loc="lower center",
        ncols=columns,
        frameon=False,
        bbox_to_anchor=(0.5, 0.0),
        borderaxespad=0.2,
        borderpad=0.1,
        labelspacing=0.3,
        columnspacing=1.2,
        handlelength=2.0,
        handletextpad=0.5,
    )


def label_points(
    axes: Axes, points: Sequence[tuple[float, float, str]], others: Sequence[Any] = (), line: Sequence[Any] = ()
) -> None:
    """Write a label beside each point (x, y, text) where there is room; a legend has to tell of the others.

    A label lies within the axes, over no other label and no point; the first points are labelled first. `others` are
    further points (x, y) to keep clear of, `line` the corners of a line.
    """
    from matplotlib.transforms import Bbox

    renderer: Any = axes.figure.canvas.get_renderer()  # type: ignore[attr-defined] # Agg's
    inside: Bbox = axes.get_window_extent(renderer)
    pixels = [axes.transData.transform((x, y)) for x, y, *_ in [*points, *others]]
    taken = [Bbox.from_extents(x - 4, y - 4, x + 4, y + 4) for x, y in pixels]
    corners = [axes.transData.transform(corner) for corner in line]
    taken += [
        Bbox.from_extents(min(x, u) - 1, min(y, v) - 1, max(x, u) + 1, max(y, v) + 1)
        for (x, y), (u, v) in itertools.pairwise(corners)
    ]
    for (x, y, text), (at_x, at_y) in zip(points, pixels, strict=False):
        for dx, dy, across, up in _PLACES:
            label = axes.annotate(
                text,
                (x, y),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=across,
                va=up,
                fontsize=style.SIZE - 1.5,
                color=style.INK,
                zorder=5,
            )
            box = label.get_window_extent(renderer).padded(1)
            own = Bbox.from_extents(at_x - 4, at_y - 4, at_x + 4, at_y + 4)
            if _is_within(box, inside) and not any(box.overlaps(b) for b in taken if not _same(b, own)):
                taken.append(box)
                break
            label.remove()


# Offsets in points from a point, and how a label is set there: to the right first, then left, above, below.
_PLACES = [
    (dx * far, dy * far, across, up)
    for far in (1.0, 2.0)
    for dx, dy, across, up in (
        (5, 0, "left", "center"),
        (-5, 0, "right", "center"),
        (0, 5, "center", "bottom"),
        (0, -5, "center", "top"),
        (4, 4, "left", "bottom"),
        (4, -4, "left", "top"),
        (-4, 4, "right", "bottom"),
        (-4, -4, "right", "top"),
    )
]


def _is_within(box: Bbox, outer: Bbox) -> bool:
    return bool(box.x0 >= outer.x0 and box.x1 <= outer.x1 and box.y0 >= outer.y0 and box.y1 <= outer.y1)


def _same(a: Bbox, b: Bbox) -> bool:
    return bool(abs(a.x0 - b.x0) < 0.01 and abs(a.y0 - b.y0) < 0.01)
