"""Fields, rollouts and spectra as figures. The tables and columns are those of `bench_pde.report`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.plotting import INK, SIZE, WIDTH, Look, facets, figure, is_wide, legend_below, names, short, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_BANDS = 5  # more bands hide each other
Lines = Callable[..., "Figure"]


@dataclass(frozen=True)
class Column:
    """A method's part of a picture: truth and prediction, each (x,), (time, x) or (y, x)."""

    method: str
    truth: np.ndarray
    prediction: np.ndarray

    @property
    def error(self) -> np.ndarray:
        return self.prediction - self.truth

    @property
    def relative_l2(self) -> float:
        return float(np.linalg.norm(self.error) / max(np.linalg.norm(self.truth), 1e-300))


def fields(_: pd.DataFrame, columns: Sequence[Column], given: np.ndarray | None) -> Figure:
    """Draw the truth and, beside it, a column for each method: its prediction, and below that its error.

    Args:
        given: what the methods saw, drawn below the truth where it has as many dimensions as that.
    """
    truth = columns[0].truth
    if truth.ndim == 1:
        return _curves(columns)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high = float(truth.min()), float(truth.max())
    swings = low < 0 < high and min(-low, high) > 0.1 * max(-low, high)
    reach = max(-low, high)
    shades = Normalize(-reach, reach) if swings else Normalize(low, high if high > low else low + 1)
    # A method that is far off must not make the errors of the others invisible
    largest = min(max(float(np.abs(one.error).max()) for one in columns), max(high - low, 1e-30))
    errors = Normalize(-largest, largest)
    colours = "RdBu_r" if swings else "viridis"
    grid = _Grid(len(columns) + 1)
    _image(grid.axes(0, 0), truth, shades, colours, "truth")
    if given is not None and given.ndim == 2:
        _image(grid.axes(1, 0), given, Normalize(float(given.min()), float(given.max()) + 1e-30), "cividis", "given")
    for i, one in enumerate(columns, start=1):
        _image(grid.axes(0, i), one.prediction, shades, colours, short(one.method, grid.letters))
        _image(grid.axes(1, i), one.error, errors, "PuOr", f"error {one.relative_l2:.2g}")
    for row, (scale, name) in enumerate(((shades, colours), (errors, "PuOr"))):
        bar = grid.figure.colorbar(ScalarMappable(scale, name), cax=grid.bar(row))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=SIZE - 1.5, length=2)
        ticks(bar.ax, x=False, most=4)
    return grid.figure


class _Grid:
    """Axes in two rows, as high as wide, with room on the left, and on the right for a colour bar of each row."""

    def __init__(self, columns: int, left: float = 0.02) -> None:
        gap, right, self._title = 0.08, 0.62, 0.2
        self._side = min(1.35, (WIDTH - left - right - gap * columns) / columns)
        self._step, self._left = self._side + gap, left
        self._whole = 2 * (self._side + self._title) + 0.15
        self._wide = left + columns * self._step + right
        self.letters = max(6, int(self._side / 0.07))  # of a title
        self.figure = figure(self._wide, self._whole)

    def axes(self, row: int, column: int, like: Axes | None = None) -> Axes:
        return self._at(row, self._left + column * self._step, self._side, like)

    def bar(self, row: int) -> Axes:
        return self._at(row, self._wide - 0.58, 0.09)

    def _at(self, row: int, left: float, width: float, like: Axes | None = None) -> Axes:
        bottom = self._whole - (row + 1) * (self._side + self._title) - 0.02 * row
        box = (left / self._wide, bottom / self._whole, width / self._wide, self._side / self._whole)
        return self.figure.add_axes(box, sharey=like)


def _image(axes: Axes, field: np.ndarray, scale: object, colours: str, title: str) -> None:
    axes.imshow(field, norm=scale, cmap=colours, origin="lower", aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=SIZE - 1, fontweight="normal", pad=2)


def _curves(columns: Sequence[Column]) -> Figure:
    """Draw fields on a line: predictions over the truth, and errors below."""
    grid = _Grid(len(columns), left=0.5)
    rows: list[list[Axes]] = [[], []]
    for i, one in enumerate(columns):
        x = np.linspace(0, 1, len(one.truth))
        top, bottom = (grid.axes(row, i, like=rows[row][0] if i else None) for row in (0, 1))
        top.plot(x, one.truth, color=INK, lw=0.9)
        top.plot(x, one.prediction, color="#d55e00", lw=1, ls=(0, (3, 1)))
        bottom.plot(x, one.error, color="#0173b2", lw=0.9)
        for row, (axes, title) in enumerate(
            ((top, short(one.method, grid.letters)), (bottom, f"error {one.relative_l2:.2g}"))
        ):
            axes.set_title(title, fontsize=SIZE - 1, fontweight="normal", pad=2)
            axes.tick_params(labelleft=i == 0, labelbottom=False, bottom=False, left=i == 0, labelsize=SIZE - 1.5)
            rows[row].append(axes)
    for first in (rows[0][0], rows[1][0]):
        ticks(first, x=False, most=4)
    return grid.figure


def rollouts(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    """Draw error against frame. Columns: task, method, frame, mean, lowest, highest."""

    def draw(axes: Axes, part: pd.DataFrame, one: Look) -> None:
        axes.plot(part["frame"], part["mean"], color=one.colour, linestyle=one.dashes)
        if len(methods) <= FEW_BANDS:
            axes.fill_between(part["frame"], part["lowest"], part["highest"], color=one.colour, alpha=0.12, lw=0)

    return _panels(table, methods, look, draw, "frame", "relative L2 error", ("mean",))


def spectra(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    """Draw the amplitudes of the truth and of predictions. Columns: task, method, wave_number, truth, prediction."""

    def draw(axes: Axes, part: pd.DataFrame, one: Look) -> None:
        axes.plot(part["wave_number"], part["prediction"], color=one.colour, linestyle=one.dashes, lw=1)
        axes.plot(part["wave_number"], part["truth"], color=INK, lw=1.6, zorder=1)

    return _panels(table, methods, look, draw, "wave number", "amplitude", ("truth", "prediction"))


def error_spectra(table: pd.DataFrame, methods: Sequence[str], look: Mapping[str, Look]) -> Figure:
    """Draw the amplitude of the error over that of the truth. Columns: task, method, wave_number, truth, error."""
    seen = table[table["truth"] > 1e-6 * table.groupby("task")["truth"].transform("max")]  # the rest is rounding
    seen = seen.assign(ratio=seen["error"] / seen["truth"])

    def draw(axes: Axes, part: pd.DataFrame, one: Look) -> None:
        axes.plot(part["wave_number"], part["ratio"], color=one.colour, linestyle=one.dashes, lw=1)
        axes.axhline(1, color=INK, lw=0.6, ls=(0, (1, 2)), zorder=1)

    return _panels(seen, methods, look, draw, "wave number", "error / truth", ("ratio",))


def _panels(
    table: pd.DataFrame,
    methods: Sequence[str],
    look: Mapping[str, Look],
    draw: Callable[[Axes, pd.DataFrame, Look], None],
    x: str,
    y: str,
    values: tuple[str, ...],
) -> Figure:
    """Draw a panel for each task with a line for each method, logarithmic upward where values are wide apart."""
    groups = {str(task): group for task, group in table.groupby("task", sort=False)}
    shown = names(methods)
    found, all_axes, _ = facets(len(groups), height=1.55, legend=shown, titles=list(groups))
    for group, axes in zip(groups.values(), all_axes, strict=True):
        for method in (method for method in methods if (group["method"] == method).any()):
            draw(axes, group[group["method"] == method], look[method])
        positive = [value for name in values for value in group[name] if value > 0]
        if is_wide(positive, 8):
            axes.set_yscale("log")
            axes.set_ylim(max(min(positive) / 2, max(positive) * 1e-9), max(positive) * 2)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        ticks(axes)
    legend_below(found, methods, look)
    return found
