"""How plots look: one style for print and screen, and for each method the same colour, marker and dashes everywhere.

Colours are those of seaborn's palette for colour-blind readers that stand out on white paper too; since there are only
seven, marker and dashes tell methods apart as well. Text is never read as mathematics, so that names may hold a "$".
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator

INK, MUTED, GRID, PAPER = "#1f2328", "#6b7280", "#dfe3e8", "#ffffff"
BEST, PUBLISHED = "#0173b2", "#d55e00"
COLOURS = ("#0173b2", "#d55e00", "#029e73", "#cc78bc", "#de8f05", "#56b4e9", "#5b5b5b")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("solid", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
SIZE = 8.0  # of text, in points
TITLE_SIZE = SIZE + 0.5
MARGIN = 0.12  # inches right of a panel, beyond which there is another, or the edge of the figure
LONGEST = 34  # characters of a name; a longer one is made short

_RC = {
    "font.size": SIZE,
    "axes.titlesize": TITLE_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": SIZE,
    "xtick.labelsize": SIZE - 0.5,
    "ytick.labelsize": SIZE - 0.5,
    "legend.fontsize": SIZE - 0.5,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.bottom": True,
    "ytick.left": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "bench",
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
    "figure.dpi": 100,
} | {
    key: INK
    for key in ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
} | {"grid.color": GRID, "font.family": "DejaVu Sans"}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """The looks of a method: a colour, a marker and dashes as matplotlib takes them."""

    colour: str
    marker: str
    dashes: Any


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """Return a look for each method; no two of the first 56 are the same."""
    return {
        method: Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i // len(COLOURS) % len(DASHES)])
        for i, method in enumerate(methods)
    }


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with seaborn's white style and this one's sizes, whatever a user's matplotlibrc says."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        import seaborn

        seaborn.set_theme(style="whitegrid", palette="colorblind", rc=_RC)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")  # it is drawn as a box
        yield


def short(name: str, most: int = LONGEST) -> str:
    """Return a name on one line. Where it is longer than `most` characters, its parameters' names lose their ends, for
    values tell more; where that does not do, it loses its middle.
    """
    name = one_line(name)
    if len(name) > most:
        name = re.sub(r"([^\s=]{4})[^\s=]{3,}=", r"\1…=", name)
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def names(every: Sequence[str]) -> list[str]:
    """Return names made short, but for those that would then look alike: of them as much stays as tells them apart."""
    most = dict.fromkeys(every, LONGEST)
    while True:
        shown = {name: short(name, most[name]) for name in most}
        alike = Counter(shown.values())
        longer = [name for name in most if alike[shown[name]] > 1 and len(one_line(name)) > most[name]]
        if not longer:
            return [shown[name] for name in every]
        for name in longer:
            most[name] += 2


@cache
def _font(size: float, weight: str) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family="DejaVu Sans", size=size, weight=weight)


@cache
def width(text: str, size: float = SIZE, weight: str = "normal") -> float:
    """Return how wide a text is, in inches."""
    from matplotlib.textpath import text_to_path

    return float(text_to_path.get_text_width_height_descent(text, _font(size, weight), False)[0]) / 72


def widest(texts: Sequence[str], size: float = SIZE) -> float:
    """Return the width of the widest of some texts, in inches."""
    return max((width(text, size) for text in texts), default=0.0)


def number(value: float, _: object = None) -> str:
    """Return the label of a tick: 0.001, 25, 1.5k, 20M."""
    for power, unit in ((9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 10**power:
            return f"{value / 10**power:.3g}{unit}".replace("-", "−")
    text = f"{value:.4g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.0e}".replace("e-0", "e-")
    return text.replace("-", "−")


def ticks(axes: Axes, x: bool = True, y: bool = True, most: int = 5) -> None:
    """Put a few ticks with short labels on the axes, on logarithmic ones too."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    for axis, is_wanted in ((axes.xaxis, x), (axes.yaxis, y)):
        if not is_wanted:
            continue
        if axis.get_scale() == "log":
            low, high = (math.log10(end) for end in axis.get_view_interval())
            axis.set_major_locator(LogLocator(subs=_steps(high - low), numticks=12 if high - low < 3 else most + 1))
            axis.set_minor_locator(NullLocator())
        else:
            locators = (MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]) for count in range(most, 0, -1))
            axis.set_major_locator(next(one for one in locators if axis is axes.yaxis or _fits(axes, one)))
        axis.set_major_formatter(FuncFormatter(number))


def _fits(axes: Axes, locator: MaxNLocator) -> bool:
    """Tell whether the labels of ticks fit below the axes side by side; one always does."""
    low, high = axes.get_xlim()
    shown = [tick for tick in locator.tick_values(low, high) if min(low, high) <= tick <= max(low, high)]
    inches = axes.bbox.width / axes.figure.dpi / abs(high - low)
    widths = [width(number(tick), SIZE - 0.5) for tick in shown]
    ends = itertools.pairwise(zip(shown, widths, strict=True))
    return all((b - a) * inches > (one + other) / 2 + 0.08 for (a, one), (b, other) in ends)


def _steps(decades: float) -> tuple[float, ...]:
    """Return the multiples of powers of ten that are ticks on an axis over so many decades."""
    if decades < 0.5:
        return (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0)
    return (1.0, 2.0, 5.0) if decades < 1.4 else (1.0, 3.0) if decades < 2.2 else (1.0,)


def is_wide(values: Sequence[float], factor: float) -> bool:
    """Tell whether values are all above 0 and the largest is `factor` times the least: then logarithms show more."""
    return len(values) > 0 and min(values) > 0 and max(values) > factor * min(values)


def method_lines(methods: Sequence[str], look: Mapping[str, Look], markers: bool, lines: bool = True) -> list[Any]:
    """Return what a legend shows of methods."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            color=look[method].colour,
            marker=look[method].marker if markers else "",
            linestyle=look[method].dashes if lines else "none",
            markersize=4.5,
            label=label,
        )
        for method, label in zip(methods, names(methods), strict=True)
    ]
